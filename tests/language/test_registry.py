"""Tests of polycap/language/registry.py: places, precedence and errors."""

import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest

from polycap.errors import LanguageError
from polycap.language import Registry, available_languages, get_language
from polycap.language.registry import one_search

TOML = """
schema = 1
code = "{code}"
name = "{name}"
native_name = "{name}"
script = "Latn"
direction = "ltr"
"""


def make_language(place: Path, code: str, name: str = "Example", *, folder: str = "") -> Path:
    path = place / (folder or code)
    path.mkdir(parents=True)
    (path / "language.toml").write_text(TOML.format(code=code, name=name), encoding="utf-8")
    return path


def use(monkeypatch: pytest.MonkeyPatch, *places: Path) -> None:
    monkeypatch.setenv("POLYCAP_LANGUAGES", os.pathsep.join(map(str, places)))


@pytest.fixture(autouse=True)
def no_users_folders(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("POLYCAP_LANGUAGES", raising=False)


@pytest.fixture
def distribution(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Folder on the import path, with an installed distribution that has the entry point qaa."""
    site = tmp_path / "site"
    info = site / "polycap_qaa-1.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: polycap-qaa\nVersion: 1\n")
    (info / "entry_points.txt").write_text("[polycap.languages]\nqaa = polycap_qaa\n")
    monkeypatch.syspath_prepend(str(site))
    return site


def test_every_built_in_folder_is_found() -> None:
    folders = [path.parent.name for path in (Path(__file__).parent.parent.parent / "languages").glob("*/language.toml")]
    assert "en" in folders
    assert [entry.code for entry in available_languages()] == sorted(folders)
    assert get_language("en").name == "English"


def test_a_place_and_a_folder_on_the_variable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_language(tmp_path / "place", "qaa")
    (tmp_path / "place" / "notes").mkdir()  # no language: passed over
    (tmp_path / "place" / "README.md").write_text("")
    single = make_language(tmp_path, "qab")
    use(monkeypatch, tmp_path / "place", single, single, tmp_path / "place" / ".." / "qab")
    codes = [entry.code for entry in available_languages()]
    assert [code for code in codes if code.startswith("qa")] == ["qaa", "qab"]
    assert get_language("qab").folder == single


def test_a_link_keeps_its_own_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = make_language(tmp_path, "qaa", folder="somewhere")
    (tmp_path / "qaa").symlink_to(target)
    use(monkeypatch, tmp_path / "qaa")
    assert get_language("qaa").code == "qaa"


def test_a_users_folder_overrides_with_a_notice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    folder = make_language(tmp_path, "en", "My English")
    use(monkeypatch, tmp_path)
    with caplog.at_level(logging.WARNING, "polycap"):
        assert get_language("en").name == "My English"
    assert f"language en: {folder} takes the place of the built-in folder" in caplog.text
    assert [entry.code for entry in available_languages()].count("en") == 1


def test_a_broken_override_hides_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    make_language(tmp_path, "qaa", folder="en")
    make_language(tmp_path, "qab")
    use(monkeypatch, tmp_path)
    entries = [entry for entry in available_languages() if entry.code == "en"]
    assert sorted(entry.status == "broken" for entry in entries) == [False, True]
    assert get_language("en").name == "English"
    assert get_language("qab")
    assert "language en: a folder on POLYCAP_LANGUAGES is broken, " in caplog.text
    with pytest.raises(LanguageError, match="mend the former, or take it off POLYCAP_LANGUAGES"):
        get_language("en", writable=True)  # what is built would be written into the built-in folder


def test_other_duplicates_name_both(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = make_language(tmp_path / "a", "qaa"), make_language(tmp_path / "b", "qaa")
    use(monkeypatch, tmp_path / "a", tmp_path / "b")
    with pytest.raises(LanguageError) as caught:
        get_language("qaa")
    assert str(first) in str(caught.value)
    assert str(second) in str(caught.value)
    assert get_language("en")


def test_two_users_folders_do_not_both_override(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_language(tmp_path / "a", "en")
    make_language(tmp_path / "b", "en")
    use(monkeypatch, tmp_path / "a", tmp_path / "b")
    with pytest.raises(LanguageError, match="a second time"):
        get_language("en")


def test_a_broken_folder_is_listed_with_its_faults(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = make_language(tmp_path, "qaa", "")
    (tmp_path / "qab").mkdir()
    (tmp_path / "qab" / "samples.toml").write_text("samples = []")
    use(monkeypatch, tmp_path)
    broken = [entry for entry in available_languages() if entry.status == "broken"]
    assert [(entry.code, entry.folder.parent) for entry in broken] == [("qaa", tmp_path), ("qab", tmp_path)]
    assert len(broken[0].faults) == 2
    with pytest.raises(LanguageError, match="broken") as caught:
        get_language("qaa")
    assert f"{folder / 'language.toml'}:name: received ''" in str(caught.value)


def test_an_entry_point_is_found_without_being_imported(distribution: Path) -> None:
    folder = make_language(distribution, "qaa", folder="polycap_qaa")
    (folder / "__init__.py").write_text("raise RuntimeError('imported')")
    entry = next(entry for entry in available_languages() if entry.code == "qaa")
    assert entry.folder == folder
    assert entry.origin == "entry point qaa = polycap_qaa"
    assert get_language("qaa").code == "qaa"


@pytest.mark.parametrize("name", ["polycap_qaa.data.qaa", "polycap_qaa.data.qaa.module", "polycap_qaa.data.qaa:x"])
def test_an_entry_point_may_name_something_deeper(distribution: Path, name: str) -> None:
    make_language(distribution / "polycap_qaa" / "data", "qaa")
    (distribution / "polycap_qaa" / "__init__.py").write_text("raise RuntimeError('imported')")
    points = distribution / "polycap_qaa-1.dist-info" / "entry_points.txt"
    points.write_text(f"[polycap.languages]\nqaa = {name}\n")
    assert get_language("qaa").folder == distribution / "polycap_qaa" / "data" / "qaa"


@pytest.mark.parametrize("name", ["nowhere_at_all", "json", "json.decoder", "a b", ".", "sys"])
def test_an_entry_point_to_nowhere_is_broken(distribution: Path, name: str) -> None:
    points = distribution / "polycap_qaa-1.dist-info" / "entry_points.txt"
    points.write_text(f"[polycap.languages]\nqaa = {name}\n")
    with pytest.raises(LanguageError, match=r"entry point qaa = .*reinstall"):
        get_language("qaa")
    assert get_language("en")


def test_an_entry_point_and_a_users_folder_are_duplicates(
    distribution: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_language(distribution, "qaa", folder="polycap_qaa")
    make_language(tmp_path / "mine", "qaa")
    use(monkeypatch, tmp_path / "mine")
    with pytest.raises(LanguageError, match="a second time"):
        get_language("qaa")


@pytest.mark.parametrize(
    ("code", "meant"),
    [
        ("english", "en"),
        ("mn", "mn-Mong"),
        ("yue", "zh-Hant"),
        ("gsw", "de"),
        ("frm", None),
        ("a_b", None),
        ("dee", None),
        ("Beispiel", "qaa-BB"),
        ("日本", "ja"),
        ("ქართული", None),
    ],
)
def test_an_unknown_code_helps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str, meant: str | None) -> None:
    make_language(tmp_path, "qaa-BB", "Beispiele")
    use(monkeypatch, tmp_path)
    with pytest.raises(LanguageError) as caught:
        get_language(code)
    message = str(caught.value)
    assert f"unknown language {code!r}" in message
    assert "trained: " in message
    assert f"`polycap new {code}` makes a folder for it" in message
    assert "en" in message.split("trained: ")[1].split(";")[0].split(", ")
    assert "ko" in message.split("not trained yet: ")[1].split(";")[0].split(", ")
    assert f"{tmp_path} (POLYCAP_LANGUAGES)" in message
    assert "entry points polycap.languages" in message
    assert ("did you mean" in message) == bool(meant)
    assert f"did you mean {meant!r}" in message or not meant


def test_a_missing_place_is_a_notice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    use(monkeypatch, tmp_path / "nowhere", Path(__file__))
    with caplog.at_level(logging.WARNING, "polycap"):
        registry = Registry.discover()
    assert [language.code for language in registry.languages if language.code == "en"] == ["en"]
    assert f"names {tmp_path / 'nowhere'}, which is no folder" in caplog.text
    assert f"{tmp_path / 'nowhere'} (POLYCAP_LANGUAGES: missing)" in registry.searched


def test_listing_loads_nothing_heavy_and_runs_no_hook(tmp_path: Path) -> None:
    folder = make_language(tmp_path, "qaa")
    (folder / "hooks.py").write_text("raise RuntimeError('run')")
    program = (
        "import sys; from polycap.language import available_languages; import polycap.text.tokenizer;"
        "assert {'en', 'qaa'} <= {entry.code for entry in available_languages() if entry.language};"
        "heavy = {'tensorflow', 'keras', 'sentencepiece', 'argostranslate', 'numpy', 'PIL', 'httpx'};"
        "print(*sorted(heavy & set(sys.modules)))"
    )
    environment = {**os.environ, "POLYCAP_LANGUAGES": str(tmp_path)}
    result = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert result.stdout.strip() == ""


def test_a_command_searches_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, tmp_path)
    with one_search():
        before = Registry.discover()
        make_language(tmp_path, "qaz")
        assert Registry.discover() is before
    assert "qaz" in [entry.code for entry in Registry.discover().entries]
