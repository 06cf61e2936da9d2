"""Tests of polycap/metrics/bleu.py."""

import importlib

import pytest

from polycap.errors import EvaluationError
from polycap.metrics import bleu_metric, corpus_bleu, known_tokenizers, words_of
from scored import HYPOTHESES, REFERENCES, score


def test_bleu_alone_equals_the_full_scores() -> None:
    scores = score(REFERENCES)
    parts = [corpus_bleu(HYPOTHESES, REFERENCES, tokenizer="13a", order=order) for order in (1, 2, 3, 4)]
    assert parts == [scores.bleu1, scores.bleu2, scores.bleu3, scores.bleu4]


def test_unigram_bleu_by_hand() -> None:
    # 3 of 4 words match; 4 words against the closest reference's 4: no brevity penalty
    assert corpus_bleu(["a dog runs fast"], [["a dog runs home", "a cat"]], tokenizer="none", order=1) == pytest.approx(
        75
    )


def test_the_tokenizer_decides_a_chinese_score() -> None:
    pair = (["一只狗在草地上跑"], [["一只狗在草地上奔跑"]])
    assert corpus_bleu(*pair, tokenizer="zh") > 50 > corpus_bleu(*pair, tokenizer="13a")


def test_tibetan_words_are_syllables() -> None:
    pair = (["ཁྱི་ནག་པོ་ཞིག་རྒྱུག"], [["ཁྱི་ནག་པོ་ཞིག་ཉལ"]])
    assert corpus_bleu(*pair, tokenizer="tsheg", order=1) == pytest.approx(80)  # 4 of 5 syllables
    assert corpus_bleu(*pair, tokenizer="13a", order=1) == 0
    assert words_of("tsheg")("ཁྱི་ནག་ པོ༌ཞིག་།། རྒྱུག") == ["ཁྱི", "ནག", "པོ", "ཞིག", "།", "།", "རྒྱུག"]
    metric = bleu_metric("tsheg")
    metric.corpus_score(*pair)
    assert "tok:tsheg" in str(metric.get_signature())
    assert "tsheg" in known_tokenizers()


def test_unknown_tokenizer_lists_the_known_ones() -> None:
    with pytest.raises(EvaluationError, match=r"no tokenizer 'moses'; choose one of 13a, char, intl"):
        score(REFERENCES, tokenizer="moses")


def test_tokenizers_that_download_are_refused() -> None:
    assert "flores200" not in known_tokenizers()
    with pytest.raises(EvaluationError, match="downloads a model"):
        score(REFERENCES, tokenizer="flores200")


@pytest.mark.parametrize(("tokenizer", "extra"), [("ja-mecab", "ja"), ("ko-mecab", "ko")])
def test_missing_extra_names_its_install_line(tokenizer: str, extra: str, monkeypatch: pytest.MonkeyPatch) -> None:
    module = importlib.import_module(f"sacrebleu.tokenizers.tokenizer_{tokenizer.replace('-', '_')}")
    monkeypatch.setattr(module, "MeCab", None)
    with pytest.raises(EvaluationError, match=rf'pip install "sacrebleu\[{extra}\]"'):
        score(REFERENCES, tokenizer=tokenizer)
