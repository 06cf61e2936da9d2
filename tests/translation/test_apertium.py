"""Tests of polycap/translation/apertium.py: a fake program that works, dies, hangs or adds lines; and the real one."""

import logging
import os
import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from polycap.errors import TranslationError
from polycap.translation import apertium
from polycap.translation.apertium import ApertiumEngine, ApertiumTranslator
from polycap.translation.engine import Translation, open_translator

if sys.platform == "win32":
    pytest.skip("Apertium's program is a shell script", allow_module_level=True)

FAKE = """#!{python}
import os, sys, time
modes = "eng-spa eng-cat eng-cat_valencia en-eo en-eo-bytecode spa-eng"
if sys.argv[1] == "-l":
    print("\\n".join("  " + mode for mode in modes.split()))
    raise SystemExit
if sys.argv[1] == "-V":
    print("Apertium 9.9")
    raise SystemExit
with open({log!r}, "a") as log:
    log.write(sys.argv[1] + "\\n")
paragraphs = sys.stdin.read().split("\\n\\n")
count = 0
for paragraph in paragraphs[:-1]:
    count += 1
    {fault}
    sys.stdout.write(paragraph.upper() + "\\n\\n")
"""


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Path]:
    """Function that puts a program `apertium` on PATH, which answers in capitals or fails, and logs its starts."""
    (tmp_path / "bin").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))

    def make(fault: str = "") -> Path:
        log = tmp_path / "starts"
        log.write_text("")
        program = tmp_path / "bin" / "apertium"
        program.write_text(FAKE.format(python=sys.executable, log=str(log), fault=fault or "pass"))
        program.chmod(0o755)
        return log

    return make


def texts_of(translations: list[Translation]) -> list[str]:
    return [translation.text for translation in translations]


def test_pairs_and_identities(fake: Callable[[str], Path]) -> None:
    fake("")
    engine = ApertiumEngine()
    pairs = [("en", "eo"), ("eng", "cat"), ("eng", "cat_valencia"), ("eng", "spa"), ("spa", "eng")]
    assert engine.pairs() == pairs
    for codes, mode in {
        ("eng", "spa"): "eng-spa",
        ("en", "es"): "eng-spa",
        ("eng", "eo"): "en-eo",
        ("en", "ca"): "eng-cat",
        ("en", "cat_valencia"): "eng-cat_valencia",
        ("es", "en"): "spa-eng",
    }.items():
        assert engine.open(*codes).mode == mode
    assert engine.open("en", "es").identity == "apertium/eng-spa@9.9"


def test_parts_that_are_not_installed(fake: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch) -> None:
    assert ApertiumEngine().pairs() == []
    with pytest.raises(TranslationError, match=r"`apt install apertium`.*apertium-eng-spa"):
        open_translator("apertium", "en", "es")
    fake("")
    with pytest.raises(TranslationError, match="no Apertium pair en→zz is installed; there are en-eo, eng-cat"):
        open_translator("apertium", "en", "zz")
    translator = open_translator("apertium", "en", "es")
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(TranslationError, match="can't be started"):
        translator.translate(["one"])


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no locale of this name")
def test_the_locale_is_one_that_every_linux_has(fake: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LC_ALL", "xx_XX.UTF-8")
    fake("paragraph = os.environ['LC_ALL'] if paragraph == 'x' else paragraph")
    assert texts_of(ApertiumTranslator("eng-spa").translate(["x"])) == ["C.UTF-8"]


def test_texts_come_back_in_order_each_different_one_once(fake: Callable[[str], Path]) -> None:
    log = fake("")
    texts = [f"text {number % 900}" for number in range(1200)]
    translations = ApertiumEngine().open("en", "es").translate(["", " ", *texts, "two\nlines \x00 of one", "."])
    assert texts_of(translations) == ["", "", *map(str.upper, texts), "TWO LINES OF ONE", "."]
    assert all(translation.score is None for translation in translations)
    assert log.read_text() == "eng-spa\n" * 2
    assert ApertiumEngine().open("en", "es").translate([]) == []


@pytest.mark.parametrize(
    ("output", "text", "unknown", "words"),
    [
        ("a *dog and @the #tri-*coloured *dog", "a dog and the tri-coloured dog", 5, "dog the tri coloured"),
        ("2 * 3 # 4 @", "2 * 3 # 4 @", 0, ""),
        ("coger#prpers 1950*s", "cogerprpers 1950s", 2, "prpers s"),
        ("no moído/móído , e moendo/móendo/x/y .", "no moído , e moendo .", 0, ""),
    ],
)
def test_marks_of_unknown_words_are_counted_and_removed(output: str, text: str, unknown: int, words: str) -> None:
    assert apertium._translation("no marks", output) == Translation(
        text, unknown=unknown, unknown_words=tuple(words.split())
    )


def test_a_character_of_the_source_is_no_mark() -> None:
    assert apertium._translation("the #1 dog", "el #1 *dog") == Translation(
        "el #1 dog", unknown=1, unknown_words=("dog",)
    )
    assert apertium._translation("*@#", "*dog") == Translation("*dog")
    assert apertium._translation("black/white", "negro/blanco") == Translation("negro/blanco")


FAULTS = {
    "dies at one": "if 'bad' in paragraph: os._exit(3)",
    "dies after some": "if count > 40: os._exit(3)",
    "dies without a word of it": "if count > 40: raise SystemExit",
    "two lines too many": "if 'bad' in paragraph: sys.stdout.write('MORE\\n\\nAND MORE\\n\\n')",
    "two made one": "if count == 30: continue",
    "says nothing": "if count > 50: break",
}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_a_wrong_count_is_narrowed_down_to_the_failing_text(
    fault: str, fake: Callable[[str], Path], caplog: pytest.LogCaptureFixture
) -> None:
    fake(fault)
    texts = [f"text {number}" for number in range(100)]
    texts[70] = "a bad one"
    expected = [text.upper() for text in texts]
    if fault == FAULTS["dies at one"]:
        expected[70] = ""
    elif fault == FAULTS["two lines too many"]:
        expected[70] = "MORE AND MORE A BAD ONE"
    assert texts_of(ApertiumEngine().open("en", "es").translate(texts)) == expected
    warned = "can't translate 'a bad one' (exit status 3, and incomplete output); it is left empty" in caplog.text
    assert warned == (fault == FAULTS["dies at one"])


def test_a_hanging_pipe_is_killed_with_all_its_processes(
    fake: Callable[[str], Path], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    children = tmp_path / "children"
    write = f"open({str(children)!r}, 'a').write(str(os.getpid()) + ' ')"
    fake(f"if 'bad' in paragraph: os.fork(); {write}; time.sleep(60)")
    start = time.monotonic()
    translator = ApertiumTranslator("eng-spa", timeout_s=1)
    assert texts_of(translator.translate(["one", "bad", "two"])) == ["ONE", "", "TWO"]
    assert time.monotonic() - start < 20
    assert "no answer in 0.5 s" in caplog.text
    for child in map(int, children.read_text().split()):
        deadline = time.monotonic() + 5
        while Path(f"/proc/{child}").exists() and "Z" not in Path(f"/proc/{child}/stat").read_text().split(")")[1]:
            assert time.monotonic() < deadline
            time.sleep(0.02)


def test_an_apertium_that_always_fails_is_given_up(fake: Callable[[str], Path]) -> None:
    log = fake("sys.stderr.write('Segmentation\\nfault'); os._exit(139)")
    with pytest.raises(TranslationError, match=r"^Apertium eng-spa fails \(exit status 139, Segmentation fault\)"):
        ApertiumEngine().open("en", "es").translate([f"text {number}" for number in range(600)])
    assert len(log.read_text().splitlines()) < 60


def test_special_characters_are_passed_on(fake: Callable[[str], Path]) -> None:
    fake("")
    text = "ÑŐ [x] ^$ <b> {} \\ / ☃ \u2028 猫"
    assert texts_of(ApertiumEngine().open("en", "es").translate([text])) == ["ÑŐ [X] ^$ <B> {} \\ / ☃ 猫"]


# --- the real one ---


@pytest.mark.skipif(shutil.which("apertium") is None, reason="needs Apertium: apt install apertium apertium-eng-spa")
@pytest.mark.parametrize("target", ["spa", "cat", "glg", "epo"])
def test_the_real_one(target: str, shared: Path, caplog: pytest.LogCaptureFixture) -> None:
    engine = ApertiumEngine()
    try:
        translator = engine.open("eng", target)
    except TranslationError as error:
        pytest.skip(str(error))
    rows = (shared / "flickr8k" / "captions.txt").read_text(encoding="utf-8").splitlines()[1:]
    texts = [row.partition(",")[2].strip('"') for row in rows[::200]]
    with caplog.at_level(logging.WARNING):
        translations = translator.translate(texts)
    assert caplog.text == ""
    assert len(translations) == len(texts)
    changed = sum(translation.text != text for text, translation in zip(texts, translations, strict=True))
    assert changed > 0.95 * len(texts)
    assert not any(set("*@#/") & set(translation.text) for translation in translations)
    assert 0 < sum(translation.unknown for translation in translations) < len(texts)
    alone = [translator.translate([text])[0] for text in texts[:5]]
    assert alone == translations[:5]  # a text does not depend on its neighbours
    assert translator.identity.rpartition("@")[2][0] in "0123456789"
    assert os.sep not in translator.mode
