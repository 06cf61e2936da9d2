"""Tests of polycap/language/own.py: which language is the reader's."""

import subprocess
import sys

import pytest

from polycap.language import get_language
from polycap.language.language import Language
from polycap.language.own import accepted_language, best_match, own_language
from polycap.language.registry import LanguageEntry, Registry

CODES = ["ast", "de", "en", "es", "mn-Mong", "nb", "pt-BR", "zh", "zh-Hant"]


@pytest.mark.parametrize(
    ("tag", "code"),
    [
        ("de", "de"),
        ("de-AT", "de"),
        ("gsw", "de"),
        ("pt", "pt-BR"),
        ("pt-PT", "pt-BR"),
        ("zh-TW", "zh-Hant"),
        ("zh-Hans-SG", "zh"),
        ("no", "nb"),
        ("es-419", "es"),
        ("mn", None),  # is written in Cyrillic letters
        ("oc", None),
        ("sv", None),
        ("*", None),
        ("not a tag", None),
        ("", None),
    ],
)
def test_a_tag_means_a_language(tag: str, code: str | None) -> None:
    assert best_match(tag, CODES) == code


@pytest.mark.parametrize(
    ("header", "code"),
    [
        ("de-CH, fr;q=0.9", "de"),
        ("fr, de;q=0.5, es;q=0.8", "es"),
        ("sv, zh-TW;q=0.1", "zh-Hant"),
        ("de;q=0, es;q=0.001", "es"),
        ("de;q=x, es", "es"),
        ("de ; Q = 0.4,ast; q=.5, nb;q=0.2", "de"),
        ("*", None),
        ("", None),
        (",;,;;q=1,\x00", None),
    ],
)
def test_what_a_browser_accepts(header: str, code: str | None) -> None:
    assert accepted_language(header, CODES) == code


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch) -> Registry:
    for name in ("POLYCAP_LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(Language, "status", property(lambda self: "trained" if self.code in CODES else "untrained"))
    languages = [get_language(code) for code in ("de", "en", "sv", "zh-Hant")]
    return Registry(tuple(LanguageEntry(each.code, each.folder, "", each) for each in languages), ())


@pytest.mark.parametrize(
    ("variables", "code", "reason"),
    [
        ({}, "en", "`language` chooses another"),
        ({"LANG": "C.UTF-8"}, "en", "`language` chooses another"),
        ({"LANG": "de_AT.UTF-8"}, "de", "by LANG=de_AT.UTF-8; `language` chooses another"),
        ({"LC_ALL": "POSIX", "LANG": "de_DE"}, "en", "`language` chooses another"),
        ({"LC_MESSAGES": "zh_TW.UTF-8", "LANG": "de_DE"}, "zh-Hant", "by LC_MESSAGES=zh_TW.UTF-8; `language` choo"),
        ({"LANG": "sv_SE@euro"}, "en", "none is trained for LANG=sv_SE@euro; `language` chooses another"),
        ({"POLYCAP_LANGUAGE": "sv,de", "LANG": "de_DE"}, "sv,de", "POLYCAP_LANGUAGE=sv,de"),
    ],
)
def test_the_environment_chooses(
    registry: Registry, monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], code: str, reason: str
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    chosen, why = own_language(registry)
    assert (chosen, why[: len(reason)]) == (code, reason)


def test_nothing_is_trained(registry: Registry) -> None:
    assert own_language(Registry((), registry.searched))[0] is None


def test_langcodes_loads_on_use() -> None:
    code = "import sys, polycap.language.own as own; own.best_match('de', ['de']); print('langcodes' in sys.modules)"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "False"
