"""`polycap new`: what can be known of a language is filled in, and only the samples are left to do."""

import json
import shutil
import tomllib
from pathlib import Path

import pytest

from polycap.contract import check_language, new_language
from polycap.errors import LanguageError
from polycap.language import load_language
from tiny import run_polycap

INDEX = [
    ("de", "German"),
    ("pb", "Portuguese (Brazil)"),
    ("pt", "Portuguese"),
    ("zh", "Chinese"),
    ("zt", "Chinese (traditional)"),
    ("tl", "Tagalog"),
    ("sr", "Serbian"),
]


@pytest.fixture(scope="module")
def argos_index(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small index in the form of Argos', with a package that goes the other way."""
    pairs = [("en", "English", *target) for target in INDEX] + [("gsw", "Swiss German", "en", "English")]
    entries = [
        {
            **dict(zip(("from_code", "from_name", "to_code", "to_name"), pair, strict=True)),
            "package_version": "1.0",
            "argos_version": "1.9",
            "links": ["http://127.0.0.1:9/x.argosmodel"],
            "code": f"translate-{pair[0]}_{pair[2]}",
        }
        for pair in pairs
    ]
    path = tmp_path_factory.mktemp("argos") / "index.json"
    path.write_text(json.dumps(entries), encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("code", "native_name", "script", "direction", "tokenizer", "target"),
    [
        ("de", "Deutsch", "Latn", "ltr", "13a", "de"),
        ("pt-BR", "Português (Brasil)", "Latn", "ltr", "13a", "pb"),
        ("pt-PT", "Português (Portugal)", "Latn", "ltr", "13a", "pt"),
        ("zh", "中文", "Hans", "ltr", "zh", "zh"),
        ("zh-Hant", "中文（繁體）", "Hant", "ltr", "zh", "zt"),
        ("zh-TW", "中文（台灣）", "Hant", "ltr", "zh", "zt"),
        ("fil", "Filipino", "Latn", "ltr", "13a", "tl"),
        ("sr", "Српски", "Cyrl", "ltr", "13a", "sr"),
        ("sr-Latn", "Srpski (latinica)", "Latn", "ltr", "13a", None),
        ("gsw", "Schwiizertüütsch", "Latn", "ltr", "13a", None),
        ("ka", "ქართული", "Geor", "ltr", "13a", None),
        ("he", "עברית", "Hebr", "rtl", "13a", None),
        ("ja", "日本語", "Jpan", "ltr", "ja-mecab", None),
        ("ko", "한국어", "Kore", "ltr", "ko-mecab", None),
        ("th", "ไทย", "Thai", "ltr", "char", None),
        ("am", "አማርኛ", "Ethi", "ltr", "13a", None),
    ],
)
def test_what_can_be_known_is_filled_in(
    code: str,
    native_name: str,
    script: str,
    direction: str,
    tokenizer: str,
    target: str | None,
    tmp_path: Path,
    argos_index: Path,
) -> None:
    language = load_language(new_language(code, place=tmp_path, argos_index=argos_index))
    assert (language.code, language.native_name) == (code, native_name)
    assert (language.script, language.direction) == (script, direction)
    assert language.evaluation.sacrebleu_tokenizer == tokenizer
    assert language.translation.target == target
    assert language.translation.engine == ("argos" if target else "captions")


def test_only_the_samples_are_left_to_do(tmp_path: Path, argos_index: Path) -> None:
    folder = new_language("gsw", place=tmp_path, argos_index=argos_index)
    [fault] = check_language(folder).faults
    assert fault.where == f"{folder / 'samples.toml'}:samples"
    assert (fault.received, fault.allowed) == ("0 captions", "at least 5")
    assert fault.fix == "write 5 more captions as Schwiizertüütsch writes them"
    samples = [
        "E bruune Hund springt über e Baumstamm.",
        "Zwöi Chinder spile am Fluss.",
        "En alte Maa list uf emne Bänkli d Zytig.",
        "E Frau mit emene roote Huet fahrt Velo.",
        "D Bärge sind wyss, und de Himmel isch blau.",
    ]
    (folder / "samples.toml").write_text(f"samples = {json.dumps(samples, ensure_ascii=False)}", encoding="utf-8")
    assert check_language(folder).faults == ()


def test_a_name_that_is_given_goes_before_cldrs(tmp_path: Path, argos_index: Path) -> None:
    folder = new_language("gsw", ' Züri"tüütsch\\ ', place=tmp_path, argos_index=argos_index)
    assert load_language(folder).native_name == 'Züri"tüütsch\\'


def test_a_made_up_language_needs_its_name(tmp_path: Path, argos_index: Path) -> None:
    with pytest.raises(
        LanguageError, match=r'qaa: CLDR does not know its native name; give it: polycap new qaa "NAME"'
    ):
        new_language("qaa", place=tmp_path, argos_index=argos_index)
    assert list(tmp_path.iterdir()) == []
    language = load_language(new_language("qaa", "Qaa", place=tmp_path, argos_index=argos_index))
    assert language.name == "Qaa"


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("tl", "not the canonical spelling; write fil"),
        ("pt-br", "not the canonical spelling; write pt-BR"),
        ("pt_BR", "not the canonical spelling; write pt-BR"),
        ("xx", "no BCP 47 tag"),
        ("schwyzerdütsch", "no BCP 47 tag"),
        ("", "no BCP 47 tag"),
        ("../de", "no BCP 47 tag"),
    ],
)
def test_codes_that_are_none(code: str, message: str, tmp_path: Path, argos_index: Path) -> None:
    with pytest.raises(LanguageError, match=message):
        new_language(code, place=tmp_path / "in", argos_index=argos_index)
    assert list(tmp_path.iterdir()) == []


def test_what_is_there_stays(tmp_path: Path, argos_index: Path) -> None:
    new_language("de", place=tmp_path, argos_index=argos_index)
    (tmp_path / "de" / "language.toml").write_text("mine")
    with pytest.raises(LanguageError, match="is there already"):
        new_language("de", place=tmp_path, argos_index=argos_index)
    assert (tmp_path / "de" / "language.toml").read_text() == "mine"


def test_without_an_index_the_folder_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("ARGOS_PACKAGE_INDEX", "http://127.0.0.1:9/")
    folder = new_language("de", place=tmp_path)
    assert "http://127.0.0.1:9/index.json: can't be downloaded" in caplog.text
    assert "NOT LOOKED UP" in (folder / "language.toml").read_text(encoding="utf-8")
    assert load_language(folder).translation.engine == "captions"


def test_the_command(tmp_path: Path, argos_index: Path) -> None:
    done = run_polycap("new", "gsw", "--place", tmp_path, "--argos-index", argos_index)
    assert (done.status, done.out) == (0, f"{tmp_path / 'gsw'}\n")
    assert "to do: " in done.err
    assert "write 5 more captions" in done.err
    assert f"export POLYCAP_LANGUAGES={tmp_path}" in done.err
    assert "is there already" in run_polycap("new", "gsw", "--place", tmp_path).fault()


def test_a_built_in_language_can_be_made_anew(
    tmp_path: Path, argos_index: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "polycap")
    folder = new_language("de", place=tmp_path, argos_index=argos_index)
    assert f"{folder}: once on POLYCAP_LANGUAGES, it takes the place of the built-in folder" in caplog.text
    caplog.clear()
    monkeypatch.setenv("POLYCAP_LANGUAGES", str(tmp_path))
    shutil.rmtree(folder)
    new_language("de", place=tmp_path, argos_index=argos_index)
    assert len(caplog.records) == 1  # the registry's own notice


def test_at_most_25_lines_of_toml(tmp_path: Path, argos_index: Path) -> None:
    text = (new_language("de", place=tmp_path, argos_index=argos_index) / "language.toml").read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 25
    assert tomllib.loads(text)["schema"] == 1
