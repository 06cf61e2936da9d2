"""Tests of polycap/translation/opencc.py, with the real OpenCC."""

import pytest

from polycap.errors import TranslationError
from polycap.translation.choose import choose_engine
from polycap.translation.engine import Translation, open_translator
from polycap.translation.opencc import OpenCCEngine

pytest.importorskip("opencc", reason='needs OpenCC: pip install "polycap[opencc]"')


def test_simplified_becomes_traditional() -> None:
    translator = open_translator("opencc", "s", "tw")
    assert translator.translate(["两只狗在水里。", ""]) == [Translation("兩隻狗在水裡。"), Translation("")]
    assert translator.identity.startswith("opencc/s2tw@1.")


def test_pairs_that_it_has_not() -> None:
    pairs = OpenCCEngine().pairs()
    assert ("s", "tw") in pairs
    assert ("tw", "s") in pairs
    assert ("s", "s") not in pairs
    with pytest.raises(TranslationError, match=r"no pair s→xx; there are .*s→tw"):
        OpenCCEngine().open("s", "xx")


def test_traditional_chinese_is_translated_by_it() -> None:
    from polycap.language import get_language

    choice = choose_engine(get_language("zh-Hant"))
    assert (choice.engine, choice.source, choice.target) == ("opencc", "s", "tw")
