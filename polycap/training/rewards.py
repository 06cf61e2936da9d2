"""What a drawn caption is worth: its share in the BLEU of the whole corpus, and its CIDEr-D."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from sacrebleu.metrics.bleu import BLEU

from polycap.metrics import bleu_metric

__all__ = ["BleuReward"]

ORDER = 4
FLOOR = 0.01
"""The least that an average counts as: n-grams that hardly ever fit must not outweigh all others."""


class BleuReward:
    """The gradient of log corpus BLEU by one caption's counts: what the caption adds to the corpus' score.

    A single caption's own BLEU rewards short captions, whose few 4-grams smoothing makes look good, and knows the
    brevity penalty only caption by caption. BLEU is of a corpus: log BLEU = Σ_n ¼ (log h_n - log t_n) + min(0, 1 - r/c)
    with the sums h_n of n-grams that fit, t_n of n-grams, r and c of lengths. To first order, a caption adds
    Σ_n ¼ (h_n / h̄_n - t_n / t̄_n), and (r̄ c / c̄ - r) / c̄ where the corpus is too short. The averages h̄ … are those of
    captions drawn lately.

    Reference: Tromble et al. (2008), "Lattice Minimum Bayes-Risk Decoding for Statistical Machine Translation".
    """

    def __init__(self, tokenizer: str, memory: float = 0.95) -> None:
        """`tokenizer` is sacreBLEU's name, `memory` the averages' decay per call."""
        self._metric: BLEU = bleu_metric(tokenizer, ORDER, effective_order=True)  # or it warns
        self._memory = memory
        self._average: NDArray[np.float64] | None = None

    def __call__(self, captions: Sequence[str], references: Sequence[Sequence[str]]) -> NDArray[np.float64]:
        """Rewards `(captions,)`, in units of log BLEU times the size of the corpus; their mean is about 0."""
        counts = np.array([self._counts(c, r) for c, r in zip(captions, references, strict=True)], dtype=np.float64)
        now = counts.mean(axis=0)
        before = now if self._average is None else self._average
        self._average = self._memory * before + (1.0 - self._memory) * now
        average = np.maximum(self._average, FLOOR)
        fits, grams, length, wanted = np.split(counts / average, [ORDER, 2 * ORDER, 2 * ORDER + 1], axis=1)
        rewards: NDArray[np.float64] = np.sum(fits - grams, axis=1) / ORDER
        too_short = average[-1] / average[-2]  # r / c
        if too_short > 1.0:
            rewards += too_short * (length - wanted)[:, 0]
        return rewards

    def _counts(self, caption: str, references: Sequence[str]) -> list[float]:
        score = self._metric.sentence_score(caption, list(references))
        return [*score.counts, *score.totals, score.sys_len, score.ref_len]
