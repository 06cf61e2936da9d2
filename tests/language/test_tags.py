"""Tests of polycap/language/tags.py."""

import subprocess
import sys

import pytest

from polycap.language import available_languages, get_language
from polycap.language.tags import same_language


@pytest.mark.parametrize(
    ("tags", "code"),
    [
        ("zh-CN zh_Hans cmn chi zh-SG ZH", "zh"),
        ("zh-TW zh-HK zh_Hant_HK", "zh-Hant"),
        ("deu ger de-AT DE", "de"),
        ("pt pt_br por", "pt-BR"),
        ("pt-AO pt_PT", "pt-PT"),
        ("iw heb", "he"),
        ("nb-NO no", "nb"),
        ("in ind", "id"),
        ("tl", "fil"),
        ("en_GB eng EN", "en"),
        ("mn-Mong-CN", "mn-Mong"),
    ],
)
def test_a_tag_finds_its_language(tags: str, code: str) -> None:
    for tag in tags.split():
        assert get_language(tag).code == code, tag


@pytest.mark.parametrize(
    "tag", ["mn", "en-Arab", "gsw", "lb", "nn", "frm", "dee", "sr-Latn", "az-Cyrl", "german", "de,fr", "x"]
)
def test_a_tag_never_finds_another_language_or_script(tag: str) -> None:
    assert same_language(tag, [entry.code for entry in available_languages()]) is None


def test_codes_themselves_need_no_library() -> None:
    """langcodes takes longer to load than all languages."""
    code = "import sys, polycap; polycap.get_language('de'); polycap.available_languages(); print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, check=True).stdout
    assert "langcodes" not in loaded.split()
