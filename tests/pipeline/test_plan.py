"""Tests of polycap/pipeline/plan.py."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from builds import AFTER, Place, edit, ran
from encoders import make_encoder, make_pca, make_photo_layers
from polycap.dataset import read_captions
from polycap.encoder.identity import CELLS
from polycap.pack.card import read_card
from polycap.pack.pack import load_pack
from polycap.pack.record import record_scores
from tiny import CODE

pytest_plugins = ["tiny_fixtures"]


def toml(old: str, new: str) -> Callable[[Place], None]:
    return lambda place: edit(place.language() / "language.toml", old, new)


CHANGES: dict[str, tuple[Callable[[Place], object], str, str]] = {
    "tokenizer": (toml("vocab_size = 60", "vocab_size = 50"), "tokenizer", "[tokenizer] vocab_size (60 → 50)"),
    "text": (toml("\n[tok", "\n[text]\nlowercase = false\n[tok"), "tokenizer", "[text] lowercase (True → False)"),
    "decoding": (toml("beam_width = 3", "beam_width = 2"), "train", "[decoding] beam_width (3 → 2)"),
    "evaluation": (
        toml("\n[tok", '\n[evaluation]\nsacrebleu_tokenizer = "char"\n[tok'),
        "train",
        "[evaluation] sacrebleu_tokenizer (13a → char)",
    ),
    "name": (toml('native_name = "ynit"', 'native_name = "tiny"'), "nothing", ""),
    "hooks": (
        lambda p: (p.language() / "hooks.py").write_text("def normalize(text):\n    return text\n"),
        "tokenizer",
        "changed: hooks.py",
    ),
    "captions": (lambda p: edit(p.captions, "circle", "disc"), "captions", "changed: captions"),
    "the captions' form": (lambda p: as_csv(p.captions), "nothing", ""),
    "touched photos": (lambda p: touch(p.data), "nothing", ""),
}

# --- what was lost ---

Damage = tuple[Callable[[Place], Path], list[str]]
"""A file that is removed or torn, and the stages that run; the others find the same as before."""

LOSSES: dict[str, Damage] = {
    "captions": (lambda p: p.work / CODE / "captions.jsonl", ["captions"]),
    "tokenizer": (lambda p: p.work / CODE / "tokenizer.model", ["tokenizer"]),
    "features": (lambda p: p.features / "plain" / "features.f16", ["features"]),
    "progress": (lambda p: p.features / "mirrored" / "progress.jsonl", ["features"]),
    "a record": (lambda p: p.work / CODE / "captions.stage.json", ["captions"]),
    "the run's pack": (lambda p: p.run / "pack" / "decoder.safetensors", ["train", "evaluate"]),
    "predictions": (lambda p: p.work / CODE / "evaluation-dev" / "predictions.txt", ["evaluate"]),
    "the pack": (lambda p: p.pack() / "decoder.safetensors", ["install"]),
    "the pack's card": (lambda p: p.pack() / "card.json", ["install"]),
}


def touch(folder: Path) -> None:
    for path in folder.rglob("*.jpg"):
        os.utime(path, (1, 1))


def as_csv(path: Path) -> None:
    captions, _ = read_captions(path)
    rows = [f'{name},{c.index},"{c.text}"\n' for name, found in captions.items() for c in found]
    path.write_text("image,index,caption\n" + "".join(rows), encoding="utf-8")


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_asks_for_what_depends_on_it(change: str, built: Place) -> None:
    make, first, reason = CHANGES[change]
    assert built.plan() == {}
    make(built)
    plan = built.plan()
    assert list(plan) == AFTER[first]
    if plan:
        assert plan[first].startswith("changed: ")
        assert reason in plan[first]
        assert plan["install"].startswith("after ")


@pytest.mark.parametrize(
    ("arguments", "first", "reason"),
    [
        (["--set=epochs=4"], "train", "changed: epochs (3 → 4)"),
        (["--set=units=8", "--set=seed=1"], "train", "changed: units (16 → 8), seed (5 → 1)"),
        (["--origin=human"], "captions", "changed: caption origin (mt:engine → human)"),
    ],
)
def test_an_argument_asks_for_what_depends_on_it(arguments: list[str], first: str, reason: str, built: Place) -> None:
    plan = built.plan(*arguments)
    assert list(plan) == AFTER[first]
    assert plan[first] == reason


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [(["--no-mirrored"], "unfinished: 12 of 12 photos plain")],
)
def test_other_features(arguments: list[str], reason: str, built: Place) -> None:
    assert built.plan(*arguments)["features"] == reason
    assert built.plan() == {}


def test_changed_captions_do_not_touch_the_features(built: Place) -> None:
    run, pack = built.run, read_card(built.pack())
    edit(built.captions, "indeed", "in fact")
    found = built.build()
    assert ran(found) == AFTER["captions"]
    assert "train      run   changed: captions, tokenizer" in found.out
    runs = sorted((built.work / CODE).glob("run-*"))
    assert len(runs) == 2
    assert run in runs  # the earlier run stays
    assert read_card(built.pack()).data["fingerprint"] != pack.data["fingerprint"]
    assert ran(built.build()) == []
    edit(built.captions, "in fact", "indeed")  # back again: nothing is trained, the earlier run's pack is taken
    again = built.build()
    assert ran(again) == ["captions", "tokenizer", "evaluate", "install"]
    assert read_card(built.pack()).files == pack.files


def test_captions_of_another_origin(built: Place) -> None:
    """The origin stands in the card and the signature; it asks for no training."""
    log = (built.run / "log.csv").stat().st_mtime_ns
    found = built.build("--origin", "human")
    assert ran(found) == AFTER["captions"]
    assert (built.run / "log.csv").stat().st_mtime_ns == log
    assert read_card(built.pack()).data["caption origin"] == "human"
    assert [score["references_origin"] for score in read_card(built.pack()).scores] == ["human"]


def test_another_photo(built: Place) -> None:
    """Other photos get other features; those that are there stay, for whoever trains on them."""
    before = built.features
    shutil.copy(built.data / "Images" / "p00.jpg", built.data / "Images" / "p01.jpg")
    assert built.plan()["features"] == "changed: photos"
    found = built.build()
    assert ran(found) == ["features", "train", "evaluate", "install"]
    assert before.is_dir()
    assert len(list((built.work / "features").iterdir())) == 2


def test_another_split(built: Place) -> None:
    """Features are those of all photos, whatever their split."""
    dev, train = (built.data / f"Flickr_8k.{split}Images.txt" for split in ("dev", "train"))
    edit(dev, "p10.jpg\n" if "p10.jpg" in dev.read_text() else "p01.jpg\n", "")
    edit(train, "p02.jpg\n", "")
    plan = built.plan()
    assert list(plan) == AFTER["captions"]
    assert plan["captions"] == "changed: captions"


def test_another_encoder(built: Place, tmp_path: Path) -> None:
    """Other photo layers ask for training, another PCA for other features, too."""
    layers = make_encoder(tmp_path / "layers", photo_layers=make_photo_layers(CELLS, seed=1))
    assert list(built.plan("--encoder", layers.folder)) == ["train", "evaluate", "install"]
    assert "photo layers" in built.plan("--encoder", layers.folder)["train"]
    pca = make_encoder(tmp_path / "pca", pca=make_pca(1), cells=CELLS)
    assert "PCA" in built.plan("--encoder", pca.folder)["features"]
    tensors = make_encoder(tmp_path / "tensors", tensors=[np.ones(1, np.float32)], cells=CELLS)
    assert "encoder" in built.plan("--encoder", tensors.folder)["features"]


@pytest.mark.parametrize("torn", [False, True])
@pytest.mark.parametrize("loss", LOSSES)
def test_what_is_lost_is_made_again(loss: str, torn: bool, built: Place) -> None:
    find, expected = LOSSES[loss]
    path, card = find(built), read_card(built.pack())
    if torn and path.name == "card.json":
        return  # scores may be entered in the card: only its absence counts
    os.truncate(path, path.stat().st_size - 5) if torn else path.unlink()
    plan = built.plan()
    assert next(iter(plan)) == expected[0]
    if path.suffixes[-2:] != [".stage", ".json"]:
        assert path.name in plan[expected[0]]
        assert ("has another size" if torn else "is missing") in plan[expected[0]]
    assert ran(built.build()) == expected
    assert read_card(built.pack()).files == card.files
    load_pack(built.pack())
    assert ran(built.build()) == []


def test_another_pack_in_its_place(built: Place) -> None:
    """Of the same size, as packs of one recipe are."""
    decoder = built.pack() / "decoder.safetensors"
    content = decoder.read_bytes()
    decoder.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    assert built.plan()["install"].endswith("decoder.safetensors has changed")


def test_scores_of_other_splits_stay_with_the_pack(built: Place) -> None:
    test = {**read_card(built.pack()).scores[0], "split": "test"}
    record_scores(built.pack(), test)
    assert built.plan() == {}
    (built.pack() / "tokenizer.model").unlink()
    assert ran(built.build()) == ["install"]
    assert sorted(score["split"] for score in read_card(built.pack()).scores) == ["dev", "test"]
    ran(built.build("--set", "seed=1"))  # other weights, other scores
    assert [score["split"] for score in read_card(built.pack()).scores] == ["dev"]
