"""Tests of polycap/captioning/translated.py, with an engine of the test's."""

import json
import shutil
from pathlib import Path
from typing import Any, ClassVar

import pytest

from polycap.translation.engine import Translation
from tiny import CODE, OTHER_CODE, World, change_json, run_polycap

pytest_plugins = ["tiny_fixtures"]


class Mirror:
    """Translator that spells each word backwards."""

    identity = "mirror/1"

    def translate(self, texts: Any) -> list[Translation]:
        assert all(text[0].isupper() and text.endswith(".") for text in texts), "engines know sentences"
        return [Translation(" ".join(word[::-1] for word in text.lower().rstrip(".").split())) for text in texts]


class MirrorEngine:
    """Engine of the translator."""

    name: ClassVar[str] = "mirror"

    def pairs(self) -> list[tuple[str, str]]:
        return [(CODE, OTHER_CODE)]

    def open(self, source: str, target: str) -> Mirror:
        assert (source, target) == (CODE, "theirs")
        return Mirror()


@pytest.fixture
def mirrored(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """The tiny world, with an engine for `qab`."""
    place = tmp_path / "languages"
    place.mkdir()
    (place / CODE).symlink_to(world.places / CODE)
    (place / OTHER_CODE).mkdir()
    text = (world.places / OTHER_CODE / "language.toml").read_text(encoding="utf-8")
    (place / OTHER_CODE / "language.toml").write_text(
        f'{text}\n[translation]\nengine = "mirror"\ntarget = "theirs"\n', encoding="utf-8"
    )
    monkeypatch.setenv("POLYCAP_LANGUAGES", str(place))
    monkeypatch.setattr("polycap.translation.engine._BUILT_IN", {"mirror": f"{__name__}:MirrorEngine"})
    return world


@pytest.fixture
def photo(world: World) -> Path:
    return world.data / "Images" / "p03.jpg"


@pytest.mark.usefixtures("mirrored")
def test_translated_captions_name_their_source(photo: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "polycap")
    page = tmp_path / "page.html"
    done = run_polycap("caption", photo, "--language", f"{CODE},{OTHER_CODE}", "--via", CODE, "--json", "--html", page)
    own, other = done.rows
    assert (own["language"], other["language"]) == (CODE, OTHER_CODE)
    assert "via" not in own
    assert other["source"] == own["caption"]
    assert other["caption"] == " ".join(word[::-1] for word in own["caption"].split())
    assert other["via"] == f"{CODE}:mirror/1"
    assert f"{OTHER_CODE}: captions are translated, by {CODE}:mirror/1" in caplog.messages
    assert f"translated by {CODE}:mirror/1" in page.read_text(encoding="utf-8")


def test_a_language_with_a_pack_is_not_translated(
    photo: Path, mirrored: World, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "polycap")
    [row] = run_polycap("caption", photo, "--language", CODE, "--via", CODE, "--json").rows
    assert "via" not in row
    assert "not translated" not in caplog.text
    pack = shutil.copytree(mirrored.pack, tmp_path / "languages" / OTHER_CODE / "pack")
    change_json(pack / "card.json", language=OTHER_CODE)
    [row] = run_polycap("caption", photo, "--language", OTHER_CODE, "--via", CODE, "--json").rows
    assert "via" not in row
    assert f"{OTHER_CODE}: not translated from {CODE}, since there is a trained pack" in caplog.messages


def test_translations_are_scored(mirrored: World, tmp_path: Path) -> None:
    data, features = ("--data", mirrored.data), ("--features", mirrored.features)
    out = tmp_path / "out"
    done = run_polycap("evaluate", OTHER_CODE, *data, *features, "--via", CODE, "--out", out, "--json")
    row = json.loads(done.out)
    assert row["via"] == f"{CODE}:mirror/1"
    assert row["language"] == OTHER_CODE
    own = json.loads(run_polycap("evaluate", CODE, *data, *features, "--out", tmp_path / "own", "--json").out)
    assert own["bleu1"] > row["bleu1"]  # backwards is not what the references say
    predictions = [(folder / "predictions.txt").read_text(encoding="utf-8") for folder in (out, tmp_path / "own")]
    assert predictions[0].split() == [word[::-1] for word in predictions[1].split()]


@pytest.mark.usefixtures("mirrored")
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--language", OTHER_CODE), "or, if it names a translation engine, give --via, a language with a pack"),
        (("--language", OTHER_CODE, "--via", OTHER_CODE), "no trained pack yet"),
        (("--language", OTHER_CODE, "--via", "qax"), "unknown language 'qax'"),
    ],
)
def test_arguments_that_are_refused(arguments: tuple[str, ...], message: str, photo: Path) -> None:
    assert message in run_polycap("caption", photo, *arguments).fault()


def test_a_language_without_an_engine(photo: Path) -> None:
    fault = run_polycap("caption", photo, "--language", OTHER_CODE, "--via", CODE).fault()
    assert 'translation.engine: received "none", which translates nothing' in fault


def test_scores_of_translations_do_not_enter_a_card(mirrored: World) -> None:
    found = run_polycap("evaluate", OTHER_CODE, "--data", mirrored.data, "--via", CODE, "--record")
    assert "there is none of this language" in found.fault()
