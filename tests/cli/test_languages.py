"""Tests of polycap/cli/languages.py."""

import json
import os
from pathlib import Path

import pytest

from polycap.language import get_language
from polycap.pack.card import read_card
from tiny import CODE, OTHER_CODE, World, run_polycap

pytest_plugins = ["tiny_fixtures"]


@pytest.mark.usefixtures("world")
def test_languages_in_json() -> None:
    found = run_polycap("languages", "--json")
    assert found.status == 0
    rows, pack = json.loads(found.out), ["origins", "scores"]
    for row in rows:
        assert list(row) == [
            "code",
            "name",
            "native_name",
            "script",
            "direction",
            "writing_mode",
            "status",
            "installed",
            *pack,
        ]
    by_code = {row["code"]: row for row in rows}
    assert list(by_code) == sorted(by_code)
    assert by_code["fr"]["origins"] == ["human-translation", "mt", "mt:argos/en_fr@0.1"]
    assert by_code["fr"]["scores"][0]["references_origin"] == "human-translation"
    assert "en" in by_code
    common = {"name": "Tiny", "native_name": "ynit", "script": "Latn", "writing_mode": "horizontal-tb"}
    trained = {"direction": "ltr", "status": "trained", "installed": False}
    card = read_card(get_language(CODE).pack_folder)
    known = {"origins": list(card.origins), "scores": card.short_scores}
    assert by_code[CODE] == {"code": CODE, **common, **trained, **known}
    rest = {"direction": "rtl", "status": "untrained", "installed": False, "origins": [], "scores": []}
    assert by_code[OTHER_CODE] == {"code": OTHER_CODE, **common, **rest}


def test_languages_for_people(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "qad").mkdir()
    (tmp_path / "qad" / "language.toml").write_text("schema = 1")
    monkeypatch.setenv("POLYCAP_LANGUAGES", os.pathsep.join((str(world.places), str(tmp_path))))
    found = run_polycap("languages")
    assert found.status == 0
    lines = {line.split()[0]: line.split()[1:] for line in found.out.splitlines()}
    assert lines[CODE] == ["trained", "Tiny", "ynit"]
    assert lines["qad"] == ["broken"]
    groups = [words[0] for words in lines.values()]
    assert groups == sorted(groups, key=["trained", "untrained", "broken"].index)
    assert list(lines).index("de") < list(lines).index("cs")  # Deutsch, Čeština
    assert all(line.startswith("polycap: qad: ") for line in found.err.splitlines())
    assert "language.toml:code" in found.err
    status = {row["code"]: row["status"] for row in json.loads(run_polycap("languages", "--json").out)}
    assert status["qad"] == "broken"
