"""CIDEr-D and ROUGE-L, as the COCO caption evaluation has them, by pycocoevalcap's own Python; neither needs Java.

The words are those that BLEU counts, so that all metrics of a language agree on what a word is. COCO's own tokenizer
knows English only.

References: Vedantam et al. (2015), "CIDEr: Consensus-based Image Description Evaluation", arXiv:1411.5726; Lin (2004),
"ROUGE: A Package for Automatic Evaluation of Summaries".
"""

from collections.abc import Callable, Sequence
from importlib.metadata import version

import numpy as np
from numpy.typing import NDArray

from polycap.extras import install_line

__all__ = ["CONSENSUS", "HINT", "available", "photo_values", "settings"]

CONSENSUS = ("cider_d", "rouge_l")
HINT = f"CIDEr-D and ROUGE-L are missing: {install_line('metrics')}"


def available() -> bool:
    """Whether pycocoevalcap, of the extra `metrics`, is installed."""
    try:
        import pycocoevalcap.cider.cider
        import pycocoevalcap.rouge.rouge  # noqa: F401
    except ImportError:
        return False
    return True


def photo_values(
    name: str, captions: Sequence[str], references: Sequence[Sequence[str]], words: Callable[[str], list[str]]
) -> NDArray[np.float64]:
    """A score per photo, `(photos,) float64`; the corpus' score is their mean.

    Args:
        name: "cider_d" or "rouge_l". Either is 100 times what pycocoevalcap gives, as papers print it: CIDEr-D runs
            from 0 to 1000, and rarely beyond 200; ROUGE-L from 0 to 100.
        captions: one per photo.
        references: at least one per photo. CIDEr-D takes the rarity of n-grams from them: of other photos, or
            fewer, its figures can't be compared.
        words: divides a text into words.
    """
    if name == "cider_d":
        from pycocoevalcap.cider.cider import Cider as Scorer
    else:
        from pycocoevalcap.rouge.rouge import Rouge as Scorer

    def spaced(text: str) -> str:
        return " ".join(words(text))

    truth = {number: [spaced(text) for text in texts] for number, texts in enumerate(references)}
    found = {number: [spaced(text)] for number, text in enumerate(captions)}
    _, values = Scorer().compute_score(truth, found)
    return 100.0 * np.asarray(values, dtype=np.float64)


def settings(name: str) -> str:
    """What the score depends on beside its texts, for the signature."""
    own = "n:4|sigma:6.0|df:references" if name == "cider_d" else "beta:1.2"
    return f"{own}|pycocoevalcap:{version('pycocoevalcap')}"
