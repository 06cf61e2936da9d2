"""Dev score: BLEU-4 of captions of the dev split, which selects the best epoch."""

from collections.abc import Callable

from polycap.decoder.base import Decoder
from polycap.decoder.rerank import rerank
from polycap.decoder.search import Search
from polycap.errors import TrainingError
from polycap.metrics import bleu_metric, corpus_bleu
from polycap.text.tokenizer import Tokenizer
from polycap.training.examples import caption_texts, normalized_captions
from polycap.training.inputs import TrainingInputs

__all__ = ["make_dev_score"]


def make_dev_score(inputs: TrainingInputs, decoder: Decoder, tokenizer: Tokenizer) -> Callable[[], float]:
    """Return a function that captions the dev split and computes BLEU-4, 0–100.

    Raises:
        TrainingError: no caption of the dev split has text once normalised.
        EvaluationError: the language's sacreBLEU tokenizer is not installed.
    """
    photos = [photo for photo in inputs.dev_references() if caption_texts(inputs.language, photo)]
    if not photos:
        raise TrainingError(f"{inputs.dataset.folder}: no caption of the dev split has text once normalised")
    bleu_metric(inputs.language.evaluation.sacrebleu_tokenizer)  # raises now if it is not installed, not after an epoch
    references = [normalized_captions(inputs.language, photo) for photo in photos]
    store, settings = inputs.stores[0], inputs.language.decoding
    search = Search(decoder, settings)
    rows = store.rows(photo.name for photo in photos)

    def score() -> float:
        captions: list[str] = []
        for start in range(0, len(rows), 50):
            results = rerank(search.find(store.features[rows[start : start + 50]]), settings)
            captions += [tokenizer.decode(ids) for ids in results.token_ids[:, 0]]
        return corpus_bleu(captions, references, tokenizer=inputs.language.evaluation.sacrebleu_tokenizer)

    return score
