"""The dev split's BLEU-4, by which epochs are judged."""

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
    """A function that captions the dev split and returns its BLEU-4, 0–100."""
    photos = [photo for photo in inputs.judges() if caption_texts(inputs.language, photo)]
    if not photos:
        raise TrainingError(f"{inputs.dataset.folder}: of no caption of the dev split anything is left once normalised")
    bleu_metric(inputs.language.evaluation.sacrebleu_tokenizer)  # raises now, not after an epoch, where there is none
    references = [normalized_captions(inputs.language, photo) for photo in photos]
    store, settings = inputs.stores[0], inputs.language.decoding
    search = Search(decoder, settings)
    rows = store.rows(photo.name for photo in photos)

    def score() -> float:
        captions: list[str] = []
        for start in range(0, len(rows), 50):
            found = rerank(search.find(store.features[rows[start : start + 50]]), settings)
            captions += [tokenizer.decode(ids) for ids in found.token_ids[:, 0]]
        return corpus_bleu(captions, references, tokenizer=inputs.language.evaluation.sacrebleu_tokenizer)

    return score
