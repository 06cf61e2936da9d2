"""Tests of polycap/evaluation/languages.py."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from polycap.language import get_language
from polycap.pack.card import read_card
from reports import Elements
from tiny import CODE, OTHER_CODE, World, change_json, run_polycap

pytest_plugins = ["tiny_fixtures"]


# --- the command ---


@pytest.fixture
def two(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """Copy both languages to folders of their own; the second has the first one's pack, with its own code."""
    places = shutil.copytree(world.places, tmp_path / "places")
    shutil.copytree(places / CODE / "pack", places / OTHER_CODE / "pack")
    monkeypatch.setenv("POLYCAP_LANGUAGES", str(places))
    # without the built-in languages
    monkeypatch.setattr("polycap.evaluation.languages._trained", lambda: [get_language(CODE), get_language(OTHER_CODE)])
    return replace(world, places=places)


def run_all(world: World, out: Path, *arguments: Any) -> Any:
    options = ("--data", world.data, "--features", world.features, "--out", out, "--split", "train")
    return run_polycap("evaluate", "--all", *options, *arguments)


def test_all_languages(two: World, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    references = tmp_path / "other.txt"
    references.write_text("p01.jpg#0\tx\np02.jpg#0\ty\np03.jpg#0\tz\n")
    given = ("--references", f"{OTHER_CODE}={references},origin=mt:x")
    done = run_all(two, tmp_path / "out", *given, "--record", "--json")
    assert done.status == 0, done
    found = json.loads(done.out)
    assert [(row["language"], row["references_origin"]) for row in found["languages"]] == [
        (CODE, "human"),
        (OTHER_CODE, "mt:x"),
    ]
    assert found["left_out"] == {}
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        *(CODE, OTHER_CODE),
        *("report.html", "report.md", "report.json"),
    }
    [score] = read_card(two.places / OTHER_CODE / "pack").scores
    assert score["references_origin"] == "mt:x"
    # a language without references is left out
    page = Elements((tmp_path / "out" / "report.html").read_text(encoding="utf-8"))
    assert len(page.of("table")) == 3
    change_json(two.places / OTHER_CODE / "pack" / "card.json", data={})
    alone = run_all(two, tmp_path / "alone")
    assert alone.status == 0
    assert "BLEU-4" in alone.out
    report = json.loads((tmp_path / "alone" / "report.json").read_text(encoding="utf-8"))
    assert [row["language"] for row in report["languages"]] == [CODE]
    assert "give `references`" in report["left_out"][OTHER_CODE]
    assert f"{OTHER_CODE}: left out: " in caplog.text


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--origin", "human"), "--all takes no --origin"),
        (("--references", "x.txt"), "name the language: CODE=FILE"),
        (("--references", "xx=x.txt"), "'xx' is not trained"),
        (("--split", "all"), "choose one of train, dev, test"),
    ],
)
def test_mistakes(two: World, tmp_path: Path, arguments: tuple[str, ...], message: str) -> None:
    assert message in run_all(two, tmp_path / "out", *arguments).err


def test_neither_a_language_nor_all(world: World) -> None:
    assert "name a language, or --all" in run_polycap("evaluate", "--data", world.data).fault()
    wrong = run_polycap("evaluate", CODE, "--data", world.data, "--work", world.data)
    assert "--work is for --all" in wrong.fault()
