"""`polycap build` and `polycap status` on the tiny world: what runs, what is skipped, why, and what a kill leaves."""

import fcntl
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from typing import Any

import numpy as np
import pytest

from builds import AFTER, STAGES, Place, edit, python, ran
from polycap import load
from polycap.dataset import load_dataset, read_captions
from polycap.language import get_language
from polycap.pack.card import read_card
from polycap.pack.pack import load_pack
from polycap.pipeline import build_language
from polycap.pipeline.record import Record, new_record
from tiny import CODE, OTHER_CODE, run_polycap

pytest_plugins = ["tiny_fixtures"]


# --- from nothing to a pack ---


def test_the_first_build_does_all_and_the_second_nothing(place: Place) -> None:
    found = place.first()
    assert ran(found) == STAGES
    assert [line.split(maxsplit=2)[2] for line in found.out.splitlines()[:6]] == ["not done yet"] * 6
    assert re.search("^references +5 per photo, mt:engine", found.out, re.M)
    assert found.out.splitlines()[-1] == str(place.pack())
    before = place.stamps()
    again = place.build()
    assert ran(again) == []
    assert all("unchanged since 2" in line for line in again.out.splitlines()[:6])
    assert again.out.splitlines()[6:] == found.out.splitlines()[6:]
    after = place.stamps()
    assert {path for path in after if after[path] != before.get(path)} == {place.work / CODE / "build.json"}


def test_what_a_build_leaves(built: Place) -> None:
    rows = [
        json.loads(line) for line in (built.work / CODE / "captions.jsonl").read_text(encoding="utf-8").splitlines()
    ]
    assert rows[0] == {
        "image": "p00.jpg",
        "index": 0,
        "caption": "A red circle on white. indeed",
        "origin": "mt:engine",
    }
    assert read_captions(built.work / CODE / "captions.jsonl") == read_captions(built.captions, "mt:engine")
    pack = load_pack(built.pack())
    assert pack.card.training["epochs"] == 3
    assert pack.card.data["caption origin"] == "mt:engine"
    [score] = pack.card.scores
    assert (score["split"], score["references_origin"], score["photos"]) == ("dev", "mt:engine", 2)
    scores = json.loads((built.work / CODE / "evaluation-dev" / "scores.json").read_text(encoding="utf-8"))
    assert scores == {name: value for name, value in score.items() if name != "failures"} | {
        "lengths": scores["lengths"]
    }
    assert (built.work / CODE / "tokenizer.model").read_bytes() == (built.pack() / "tokenizer.model").read_bytes()
    assert {path.name for path in built.features.iterdir()} == {
        "plain",
        "mirrored",
        "features-plain-mirrored.stage.json",
        ".lock",
    }


def test_the_search_is_chosen_where_the_folder_leaves_it_open(built: Place, caplog: pytest.LogCaptureFixture) -> None:
    toml = built.language() / "language.toml"
    assert read_card(built.pack()).decoding is None
    edit(toml, "min_length = 3\nminimum_bayes_risk = false\n", "")
    plan = built.plan()
    assert list(plan) == ["evaluate", "install"]
    assert plan["evaluate"] == "changed: [decoding] chosen"
    with caplog.at_level("INFO", "polycap.evaluation.choose_search"):
        assert ran(built.build()) == ["evaluate", "install"]
    pack = load_pack(built.pack())
    assert pack.card.decoding is not None
    chosen = pack.card.decoding.model_dump(exclude_unset=True)
    assert f"{CODE}: the search is chosen: {chosen}" in caplog.text
    assert list(chosen) == ["min_length", "minimum_bayes_risk"]
    people = sorted(
        len(pack.tokenizer.encode(get_language(CODE).normalize(caption.text)))
        for photo in load_dataset(built.data).with_captions(read_captions(built.captions)[0]).split("dev")
        for caption in photo.captions
    )
    assert chosen["min_length"] in [people[len(people) // part] for part in (20, 10, 5)]
    assert "## Search\n\nChosen on the dev split" in (built.pack() / "CARD.md").read_text(encoding="utf-8")
    assert len(pack.tokenizer.encode(load(CODE)(built.data / "Images" / "p05.jpg").text)) >= chosen["min_length"]
    assert ran(built.build()) == []


def test_captions_of_several_origins_and_weights(built: Place) -> None:
    """They reach training and the card as the file has them; the dev score is against people's alone."""
    captions, _ = read_captions(built.captions)
    lines = [
        json.dumps({"image": name, "caption": c.text, "origin": "human" if c.index else "mt:x", "weight": 1 + c.index})
        for name, found in captions.items()
        for c in found
    ]
    path = built.folder / "mixed.jsonl"
    path.write_text("\n".join(lines), encoding="utf-8")
    assert ran(built.build("--captions", path)) == AFTER["captions"]
    kept, faults = read_captions(built.work / CODE / "captions.jsonl")
    assert (kept, faults) == read_captions(path)
    [score] = read_card(built.pack()).scores
    assert score["failures"]["photos"] == score["photos"]
    assert (score["references_origin"], score["references_per_photo"]) == ("human", 4)
    path.write_text(path.read_text(encoding="utf-8").replace("mt:x", "mt:y"), encoding="utf-8")
    reason = "changed: caption origin (human+mt:x → human+mt:y), origin of each caption"
    assert built.plan()["captions"] == reason


def test_the_function_is_the_verb(built: Place) -> None:
    told: list[str] = []
    done = build_language(CODE, work=built.work, on_step=lambda step: told.append(step.stage.name), progress=False)
    assert told == [step.stage.name for step in done.steps] == STAGES
    assert {step.action for step in done.steps} == {"skip"}
    assert done.pack == built.pack()
    printed = built.build("--json")
    assert json.loads(printed.out) == done.to_json()
    assert done.scores is not None
    assert done.scores["split"] == "dev"


def test_languages_share_features(built: Place) -> None:
    before = {path: time for path, time in built.stamps().items() if built.features in path.parents}
    assert len(before) > 5
    found = built.first(code=OTHER_CODE)
    assert ran(found) == STAGES[1:]
    assert {path: time for path, time in built.stamps().items() if built.features in path.parents} == before
    assert read_card(built.pack(OTHER_CODE)).data["caption origin"] == "human"
    assert ran(built.build()) == []


# --- killed ---


class Killed(BaseException):
    """What no `except Exception` stops, as nothing stops SIGKILL."""


def test_killed_after_each_stage_before_its_record(place: Place, built: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """Six builds, each killed one stage later, then one that is not."""
    monkeypatch.setenv("POLYCAP_LANGUAGES", str(place.folder / "languages"))
    go_on, victims = new_record, [*STAGES]

    def record(stage: str, *arguments: Any) -> Record:
        if stage in victims[:1]:
            raise Killed
        return go_on(stage, *arguments)

    monkeypatch.setattr("polycap.pipeline.plan.new_record", record)
    while victims:
        with pytest.raises(Killed):
            place.first()
        assert list(place.plan()) == victims
        del victims[0]
    assert ran(place.build()) == ["install"]
    assert read_card(place.pack()).files == read_card(built.pack()).files
    assert read_card(place.pack()).scores == read_card(built.pack()).scores
    assert ran(place.build()) == []


KILLED = """
import os, signal, sys
from polycap.training.callbacks import Average
from polycap.cli import main

go_on = Average.on_train_batch_end

def die_in_the_second_epoch(self, batch, logs=None):
    go_on(self, batch, logs)
    if self.step == 2:
        os.kill(os.getpid(), signal.SIGKILL)

Average.on_train_batch_end = die_in_the_second_epoch
sys.argv[0] = "polycap"
main()
"""


def test_killed_while_training(built: Place, caplog: pytest.LogCaptureFixture) -> None:
    """By SIGKILL in the second epoch; the same command goes on there and ends at the same pack."""
    card, run = read_card(built.pack()), built.run
    with np.load(run / "checkpoint.npz") as arrays:
        expected = dict(arrays)
    shutil.rmtree(run)
    shutil.rmtree(built.pack())
    done = python("-c", KILLED, "build", CODE, "--work", built.work)
    assert done.returncode == -signal.SIGKILL, done.stderr
    plan = built.plan()
    assert list(plan) == ["train", "evaluate", "install"]
    assert plan["train"] == "unfinished: epoch 1 of 3"
    status = built.status()
    assert [row["state"] for row in status["stages"]] == ["done"] * 3 + ["unfinished", "stale", "stale"]
    assert status["pack"] is None
    assert status["best_dev_bleu4"] is not None
    found = built.build()
    assert ran(found) == ["train", "evaluate", "install"]
    assert "resuming after epoch 1" in caplog.text
    assert read_card(built.pack()).files == card.files
    with np.load(run / "checkpoint.npz") as arrays:
        for name in expected.keys() - {"history"}:  # times are in it
            np.testing.assert_array_equal(arrays[name], expected[name], err_msg=name)


def test_killed_while_encoding(place: Place, quick_encoder: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    grid = quick_encoder.grid
    batches: list[int] = []
    most = 2

    def watched(photos: Any) -> Any:
        if len(batches) == most:
            raise Killed
        batches.append(len(photos))
        return grid(photos)

    monkeypatch.setattr(quick_encoder, "grid", watched)
    monkeypatch.setattr("polycap.features.extract.decode_batches.__defaults__", (5, 1))  # photos a batch
    with pytest.raises(Killed):
        place.first()
    assert place.plan()["features"] == "unfinished: 10 of 12 photos plain"
    most = -1
    assert ran(place.build()) == STAGES
    assert batches == [5, 5, 2, 5, 5, 2]  # ten of the plain view, the rest of it, the mirrored one


def test_two_builds_at_once(built: Place) -> None:
    """The second says so; a dry run may look."""
    with (built.work / CODE / ".lock").open("a") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        assert "another build of qaa is running here; wait for it" in built.build().fault()
        assert built.plan() == {}
    assert ran(built.build()) == []


def test_features_that_another_build_is_making(built: Place, caplog: pytest.LogCaptureFixture) -> None:
    """The second build waits for the first, and then finds them."""
    (built.features / "features-plain-mirrored.stage.json").unlink()
    hold = "import fcntl, sys, time; f = open(sys.argv[1], 'a'); fcntl.flock(f, 2); print(flush=True); time.sleep(1)"
    with subprocess.Popen([sys.executable, "-c", hold, built.features / ".lock"], stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        other.stdout.readline()
        found = built.build()
        assert other.wait() == 0
    assert ran(found) == ["features"]
    assert "another build of these features is running here; waiting for it" in caplog.text


def test_mistakes_of_a_first_build(place: Place) -> None:
    assert f"{CODE}: no dataset yet in {place.work / CODE}: give --data DIR" in place.build().fault()
    found = place.build("--data", place.data)
    assert f"{CODE}: captions in ynit are needed: give --captions FILE" in found.fault()
    assert "unknown language 'xx'" in place.build(code="xx").fault()
    assert "unknown language 'xx'" in run_polycap("status", "xx", "--work", place.work).fault()
    assert not place.work.exists()


def test_a_folder_that_can_not_be_written(built: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    access = os.access
    monkeypatch.setattr(os, "access", lambda path, mode: path != built.pack() and access(path, mode))
    message = built.build().fault()
    assert f"{built.pack()}: is not writable, and the pack of {CODE} belongs there; copy {built.language()}" in message
    assert "POLYCAP_LANGUAGES" in message
