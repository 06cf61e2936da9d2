"""Tests of polycap/metrics/coco.py."""

import pytest

from polycap.metrics import coco, score_captions


def test_cider_and_rouge_by_hand() -> None:
    """A caption like its reference scores 100 by ROUGE-L, and 1000 by CIDEr-D where no n-gram is another photo's."""
    texts = ["a dog runs home today", "two cats sleep here now"]
    scores = score_captions(
        texts, [[t] for t in texts], tokenizer="13a", references_origin="human", normalized=True, samples=0
    )
    assert scores.cider_d == pytest.approx(1000)
    assert scores.rouge_l == pytest.approx(100)
    # the longest common subsequence is 3 of 4 words and 3 of 6: F with beta 1.2
    half = [["the dog runs to home fast"], ["x"]]
    _, rest = coco.coco_scores("rouge_l", ["a dog runs home", "y"], half, str.split)
    first = coco.coco_scores("rouge_l", ["a dog runs home", "y"], half, str.split)[0]
    precision, recall = 3 / 4, 3 / 6
    assert first == pytest.approx(100 * (1 + 1.44) * precision * recall / (recall + 1.44 * precision))
    assert rest == 0


def test_every_metric_counts_the_same_words() -> None:
    """Chinese has no spaces: what divides its words for BLEU must do so for CIDEr-D and ROUGE-L."""
    texts, references = ["一只狗在草地上跑", "两个孩子玩水"], [["一只狗在草地上奔跑"], ["两个小孩在玩水"]]
    found = {
        tokenizer: score_captions(
            texts, references, tokenizer=tokenizer, references_origin="human", normalized=True, samples=0
        )
        for tokenizer in ("zh", "13a")
    }
    assert found["zh"].rouge_l is not None
    assert found["zh"].rouge_l > 50
    assert found["13a"].rouge_l == 0
    assert found["zh"].lengths.counts[8] == 1
    assert found["13a"].lengths.counts == (0, 2)
