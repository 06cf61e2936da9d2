"""Tests of polycap/cli/evaluate.py."""

import json
import shutil
from pathlib import Path

import pytest

from polycap.metrics import METRICS
from polycap.pack.card import read_card
from tiny import CODE, World, run_polycap

pytest_plugins = ["tiny_fixtures"]


KEYS = ["language", "split", "photos", "references_per_photo", "references_origin"]
KEYS += ["bleu1", "bleu2", "bleu3", "bleu4", "chrf", "cider_d", "rouge_l"]
KEYS += ["intervals", "bootstrap", "human_agreement", "diversity", "lengths", "signature"]


def test_evaluate_in_json(world: World, tmp_path: Path) -> None:
    options = ("--split", "train", "--features", world.features, "--out", tmp_path / "scores", "--json")
    found = run_polycap("evaluate", CODE, "--data", world.data, *options)
    assert found.status == 0
    assert found.err.startswith("polycap: left out: corrupt.jpg: ")
    row = json.loads(found.out)
    assert list(row) == KEYS
    assert (row["language"], row["split"], row["photos"]) == (CODE, "train", 8)
    assert (row["references_per_photo"], row["references_origin"]) == (5, "human")
    assert row["bleu1"] > 10
    assert "text:lc-nopunct|refs:human" in row["signature"]
    assert json.loads((tmp_path / "scores" / "scores.json").read_text(encoding="utf-8")) == row
    assert {"predictions.txt", "references.0.txt", "photos.txt"} <= {p.name for p in (tmp_path / "scores").iterdir()}


@pytest.mark.usefixtures("quick_encoder")
def test_evaluate_for_people_and_for_the_card(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From photos, one of them bad, with other references, recorded in a pack."""
    monkeypatch.chdir(tmp_path)
    data, pack = shutil.copytree(world.data, tmp_path / "data"), shutil.copytree(world.pack, tmp_path / "pack")
    (data / "Images" / "p00.jpg").write_text("not a photo")
    references = tmp_path / "references.txt"
    references.write_text("p00.jpg#0\tx\np05.jpg#0\tA green square!\nstranger.jpg#0\ty\nmalformed\n")
    options = ("--references", references, "--origin", "mt:engine", "--split", "test", "--pack", pack, "--record")
    found = run_polycap("evaluate", CODE, "--data", data, *options)
    assert found.status == 0
    lines = {line[:22].strip(): line[22:] for line in found.out.splitlines()}
    assert list(filter(None, lines)) == [
        *("language", "split", "references", *METRICS.values(), "people"),
        *("different captions", "words used", "words per caption", "most frequent", "signature"),
    ]
    assert lines["references"] == "1 per photo, mt:engine (machine translation: similarity to a machine's output)"
    assert lines["split"] == "test, 1 photos"
    assert lines["people"] == "not available: the references are not people's, but mt:engine"
    assert f"polycap: 2 faults in {references}, first: references.txt:4: malformed" in found.err
    assert "; last: captions (mt:engine): 1 photos with captions are not in data: stranger.jpg; left out" in found.err
    assert "p00.jpg: is not an image" in found.err
    folder = Path("evaluation") / f"{CODE}-test"
    assert f"predictions and references are in {folder}" in found.err
    assert (folder / "predictions.txt").is_file()
    [score] = read_card(pack).scores
    assert score["references_origin"] == "mt:engine"
    assert f"{score['bleu4']:6.2f} ± 0.00" == lines["BLEU-4"]
    assert "lengths" not in score
    assert (score["failures"]["photos"], score["failures"]["different_captions"]) == (1, 1)
    assert "Counted in the captions of 1 photos of the test split, references: mt:engine." in (
        pack / "CARD.md"
    ).read_text(encoding="utf-8")
