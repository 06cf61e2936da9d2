"""Tests of polycap/evaluation/references.py."""

import json
import shutil
from pathlib import Path

import pytest

from polycap.dataset import Dataset, ReferenceCaption
from polycap.errors import EvaluationError
from polycap.evaluation.references import choose_references, parse_references
from polycap.language import get_language, load_language
from polycap.pack.card import read_card
from tiny import CODE, World, change_json

pytest_plugins = ["tiny_fixtures"]


# --- references ---


def test_references_on_the_command_line() -> None:
    found = parse_references(["qaa=a.txt", "qab=b.txt,origin=mt:x", "qaa=c=d.txt"], ["qaa", "qab"])
    assert {code: [str(source.path) for source in sources] for code, sources in found.items()} == {
        "qaa": ["a.txt", "c=d.txt"],
        "qab": ["b.txt"],
    }
    assert found["qab"][0].origin == "mt:x"
    with pytest.raises(EvaluationError, match=r"name the language: CODE=FILE"):
        parse_references(["a.txt"], ["qaa"])
    with pytest.raises(EvaluationError, match="'qac' is not trained; trained languages: qaa"):
        parse_references(["qac=a.txt"], ["qaa"])


def test_order_of_the_sources_of_references(world: World, tiny_dataset: Dataset, tmp_path: Path) -> None:
    """Named sources come before the captions of a build, and these before the dataset's own."""
    language = get_language(CODE)
    name = tiny_dataset.split("dev")[0].name
    card = read_card(world.pack)
    fitting = shutil.copytree(world.places / CODE, tmp_path / "languages" / CODE)
    change_json(fitting / "pack" / "card.json", data={**card.data, "fingerprint": tiny_dataset.fingerprint()})
    own = load_language(fitting)
    assert choose_references(own, tiny_dataset, "dev", {}) == tiny_dataset
    with pytest.raises(EvaluationError, match=f"other captions than those in .*: give `references` {CODE}=FILE"):
        choose_references(language, tiny_dataset.with_captions({name: (ReferenceCaption(0, "x"),)}), "dev", {})
    built = tmp_path / "captions.jsonl"
    row = {"image": name, "index": 0, "caption": "built", "origin": "mt:x"}
    rows = [row, {**row, "index": 1, "caption": "by hand", "origin": "human"}]
    built.write_text("\n".join(map(json.dumps, rows)))
    [photo] = choose_references(own, tiny_dataset, "dev", {}, built).photos
    assert [caption.text for caption in photo.captions] == ["by hand"]  # of one origin: people's
    file = tmp_path / "given.txt"
    file.write_text(f"{name}#0\tgiven\n")
    [photo] = choose_references(own, tiny_dataset, "dev", parse_references([f"{CODE}={file}"], [CODE]), built).photos
    assert photo.captions[0].text == "given"
    with pytest.raises(EvaluationError, match="no references of the test split"):
        choose_references(own, tiny_dataset, "test", parse_references([f"{CODE}={file}"], [CODE]))
    file.write_text("stranger.jpg#0\tgiven\n")
    with pytest.raises(EvaluationError, match=r"given.txt: no caption of a photo of"):
        choose_references(own, tiny_dataset, "dev", parse_references([f"{CODE}={file}"], [CODE]))
