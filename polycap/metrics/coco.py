"""CIDEr-D and ROUGE-L of the COCO caption evaluation, by the Python code of pycocoevalcap, without Java.

The words are those of BLEU, so that all metrics of a language count the same words. COCO's own tokenizer is for English
only.

References: Vedantam et al. (2015), "CIDEr: Consensus-based Image Description Evaluation", arXiv:1411.5726; Lin (2004),
"ROUGE: A Package for Automatic Evaluation of Summaries".
"""

from collections.abc import Callable, Sequence
from importlib.metadata import version

import numpy as np
from numpy.typing import NDArray

from polycap.machine.extras import install_line

__all__ = ["CONSENSUS", "HINT", "available", "coco_scores", "settings"]

CONSENSUS = ("cider_d", "rouge_l")
HINT = f"CIDEr-D and ROUGE-L are missing: {install_line('metrics')}"


def available() -> bool:
    """Return whether pycocoevalcap, of the extra `metrics`, is installed."""
    try:
        import pycocoevalcap.cider.cider
        import pycocoevalcap.rouge.rouge  # noqa: F401
    except ImportError:
        return False
    return True


def coco_scores(
    name: str, captions: Sequence[str], references: Sequence[Sequence[str]], words: Callable[[str], list[str]]
) -> NDArray[np.float64]:
    """Compute a score per photo, `(photos,) float64`; the corpus' score is their mean.

    Args:
        name: "cider_d" or "rouge_l". Both are 100 times pycocoevalcap's values, as in papers: CIDEr-D is 0 to 1000 and
            rarely above 200; ROUGE-L is 0 to 100.
        captions: one caption per photo.
        references: at least one reference per photo. CIDEr-D computes the rarity of n-grams from them: scores on other
            photos, or on fewer, are not comparable.
        words: function that splits a text into words.
    """
    if name == "cider_d":
        from pycocoevalcap.cider.cider import Cider as Scorer
    else:
        from pycocoevalcap.rouge.rouge import Rouge as Scorer

    def spaced(text: str) -> str:
        return " ".join(words(text))

    truth = {index: [spaced(text) for text in texts] for index, texts in enumerate(references)}
    hypotheses = {index: [spaced(text)] for index, text in enumerate(captions)}
    _, values = Scorer().compute_score(truth, hypotheses)
    return 100.0 * np.asarray(values, dtype=np.float64)


def settings(name: str) -> str:
    """Return the metric's parameters and pycocoevalcap's version, for the signature."""
    parameters = "n:4|sigma:6.0|df:references" if name == "cider_d" else "beta:1.2"
    return f"{parameters}|pycocoevalcap:{version('pycocoevalcap')}"
