"""BLEU and chrF++ by sacreBLEU, and the tokenizers, which define words for every metric.

References: Post (2018), "A Call for Clarity in Reporting BLEU Scores"; Popović (2017), "chrF++: words helping
character n-grams".
"""

from collections.abc import Callable, Sequence
from importlib import import_module
from typing import TYPE_CHECKING

from polycap.errors import EvaluationError
from polycap.metrics.texts import checked, lines, streams

if TYPE_CHECKING:
    from sacrebleu.metrics.bleu import BLEU
    from sacrebleu.metrics.chrf import CHRF

__all__ = ["bleu_metric", "chrf_metric", "corpus_bleu", "known_tokenizers", "words_of"]

# These download a model on first use; a score must not depend on that.
_DOWNLOADING_TOKENIZERS = frozenset({"spm", "flores101", "flores200", "spBLEU-1K"})

# Tokenizers of polycap, for writing that sacreBLEU has none for: module and class.
_OWN_TOKENIZERS = {"tsheg": ("polycap.metrics.tsheg", "TokenizerTsheg")}

_TOKENIZER_EXTRAS = {"ja-mecab": 'pip install "sacrebleu[ja]"', "ko-mecab": 'pip install "sacrebleu[ko]"'}


def known_tokenizers() -> list[str]:
    """Return the tokenizers that a language may name, sorted: polycap's, and sacreBLEU's that download no model."""
    from sacrebleu.metrics.bleu import BLEU

    return sorted({*BLEU.TOKENIZERS, *_OWN_TOKENIZERS} - _DOWNLOADING_TOKENIZERS)


def corpus_bleu(
    hypotheses: Sequence[str], references: Sequence[Sequence[str]], *, tokenizer: str, order: int = 4
) -> float:
    """Compute the cumulative BLEU-`order` of a corpus, 0 to 100. For arguments and errors see `score_captions`."""
    metric = bleu_metric(tokenizer, order)
    return float(metric.corpus_score(lines(hypotheses), streams(checked(hypotheses, references))).score)


def bleu_metric(tokenizer: str, order: int = 4, *, effective_order: bool = False) -> "BLEU":
    """Return sacreBLEU's metric of cumulative BLEU-`order`.

    Args:
        tokenizer: name of the tokenizer, see `known_tokenizers`.
        order: length of the longest n-gram, words. (default: 4)
        effective_order: whether n-grams longer than the caption are ignored, for BLEU of one sentence. (default: False)

    Raises:
        EvaluationError: the tokenizer is unknown, downloads a model, or is not installed.
    """
    from sacrebleu.metrics.bleu import BLEU

    known = known_tokenizers()
    if tokenizer in _DOWNLOADING_TOKENIZERS:
        raise EvaluationError(
            f"sacreBLEU's tokenizer {tokenizer!r} downloads a model; choose one of {', '.join(known)}"
        )
    if tokenizer not in known:
        raise EvaluationError(f"sacreBLEU has no tokenizer {tokenizer!r}; choose one of {', '.join(known)}")
    own = _OWN_TOKENIZERS.get(tokenizer)
    try:
        # `force` suppresses the warning that normalised text looks tokenised.
        metric = BLEU(
            max_ngram_order=order, tokenize="none" if own else tokenizer, force=True, effective_order=effective_order
        )
    except (ImportError, RuntimeError) as error:
        fix = _TOKENIZER_EXTRAS.get(tokenizer, "see sacreBLEU's documentation")
        raise EvaluationError(f"sacreBLEU's tokenizer {tokenizer!r} is not installed: {fix}") from error
    if own:
        metric.tokenizer = getattr(import_module(own[0]), own[1])()
        metric.tokenizer_signature = metric.tokenizer.signature()
    return metric


def chrf_metric() -> "CHRF":
    """Return sacreBLEU's metric of chrF++: character 6-grams, word 2-grams."""
    from sacrebleu.metrics.chrf import CHRF

    return CHRF(word_order=2)


def words_of(tokenizer: str) -> Callable[[str], list[str]]:
    """Return the function that splits a text into the words that BLEU counts, by its tokenizer."""
    tokenize = bleu_metric(tokenizer).tokenizer
    return lambda text: str(tokenize(text)).split()
