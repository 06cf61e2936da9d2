"""`polycap build` and `polycap status` on the tiny world: what runs, what is skipped, why, and what a kill leaves."""

import fcntl
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import random_tensors
from tiny import CODE, OTHER_CODE, Finished, change_json, make_data, make_language, run_polycap

from polycap.build import build_language, language_status
from polycap.build.record import Record, new_record
from polycap.dataset import read_captions
from polycap.decoder.pack import load_pack, read_card, record_scores
from polycap.errors import BuildError, PolycapError
from polycap.features.identity import PREPROCESSING, encoder_identity, expected_identity
from polycap.features.weights import PUBLISHED, save_weights
from polycap.files import read_json
from polycap.hashes import HashCache
from polycap.translation.engine import Translation

pytest_plugins = ["tiny_fixtures"]

ROOT = Path(__file__).parent.parent
STAGES = ["features", "captions", "tokenizer", "train", "evaluate", "install"]
RECIPE = ["kind=merge", "units=16", "embedding=12", "epochs=3", "photos_per_batch=8", "learning_rate=0.02", "seed=5"]
RECIPE.append("self_critical_epochs=0")
SETTINGS = [f"--set={assignment}" for assignment in RECIPE]
OTHER_TRANSLATION = '\n[translation]\nengine = "captions"\n'


@dataclass(frozen=True)
class Place:
    """A folder with a dataset, two languages, captions in one of them, and what builds leave there."""

    folder: Path

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def work(self) -> Path:
        return self.folder / "work"

    @property
    def captions(self) -> Path:
        return self.folder / "captions.txt"

    @property
    def run(self) -> Path:
        """The only training run of the first language."""
        [run] = (self.work / CODE).glob("run-*")
        return run

    @property
    def features(self) -> Path:
        """The only folder of features."""
        [features] = (self.work / "features").iterdir()
        return features

    def language(self, code: str = CODE) -> Path:
        return self.folder / "languages" / code

    def pack(self, code: str = CODE) -> Path:
        return self.language(code) / "pack"

    def first(self, *more: object, code: str = CODE) -> Finished:
        """The first build, with all that it needs."""
        mine = ["--captions", self.captions, "--origin", "mt:engine"] if code == CODE else []
        return self.build("--data", self.data, *mine, "--components", 8, *SETTINGS, *more, code=code)

    def build(self, *more: object, code: str = CODE) -> Finished:
        return run_polycap("build", code, "--work", self.work, *more)

    def plan(self, *more: object, code: str = CODE) -> dict[str, str]:
        """Reasons by stage of those that a dry run says would run."""
        found = self.build("--dry-run", "--json", *more, code=code)
        assert found.status == 0, found
        rows = json.loads(found.out)["stages"]
        assert [row["stage"] for row in rows] == STAGES
        return {row["stage"]: row["reason"] for row in rows if row["action"] == "run"}

    def stamps(self) -> dict[Path, int]:
        """Times of all files, but for the lock."""
        files = [path for path in self.folder.rglob("*") if path.is_file()]
        return {path: path.stat().st_mtime_ns for path in files if path.name != ".lock"}

    def status(self, code: str = CODE) -> dict[str, Any]:
        [row] = json.loads(run_polycap("status", code, "--work", self.work, "--json").out)
        return dict(row)


def ran(found: Finished) -> list[str]:
    """The stages that a build says it ran."""
    assert found.status == 0, found
    lines = [line.split() for line in found.out.splitlines()[: len(STAGES)]]
    assert [line[0] for line in lines] == STAGES
    return [line[0] for line in lines if line[1] == "run"]


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def make_place(folder: Path) -> Place:
    place = Place(folder)
    make_data(place.data)
    toml = make_language(folder / "languages", CODE) / "language.toml"
    edit(toml, "\n[tokenizer]", f"{OTHER_TRANSLATION}\n[tokenizer]")
    make_language(folder / "languages", OTHER_CODE)
    captions, _ = read_captions(place.data / "captions.txt")
    lines = [f"{name}#{c.index}\t{c.text} indeed\n" for name, found in captions.items() for c in found]
    place.captions.write_text("".join(lines), encoding="utf-8")
    return place


@pytest.fixture(autouse=True)
def _encoder(quick_encoder: Any, encoder_weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Loaded already, quick, and of so few channels that the PCA is quick, too."""
    grid = quick_encoder.grid
    monkeypatch.setattr(quick_encoder, "blocks", (16,))
    monkeypatch.setattr(quick_encoder, "grid", lambda photos: grid(photos)[..., :16])
    monkeypatch.setenv("POLYCAP_XCEPTION_WEIGHTS", str(encoder_weights))
    monkeypatch.setattr("polycap.features.encoder.Encoder.load", lambda _=None: quick_encoder)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    """Nothing is built here yet."""
    monkeypatch.setenv("POLYCAP_LANGUAGES", str(tmp_path / "languages"))
    return make_place(tmp_path)


_built: dict[str, Path] = {}


@pytest.fixture
def built(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Place:
    """A copy of a place in which the first language is built."""
    if not _built:
        original = make_place(tmp_path_factory.mktemp("built"))
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("POLYCAP_LANGUAGES", str(original.folder / "languages"))
            assert ran(original.first()) == STAGES
        _built["folder"] = original.folder
    place = Place(Path(shutil.copytree(_built["folder"], tmp_path / "copy")))
    for name in ("build.json", "install.stage.json"):
        edit(place.work / CODE / name, str(_built["folder"]), str(place.folder))
    monkeypatch.setenv("POLYCAP_LANGUAGES", str(place.folder / "languages"))
    return place


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
        "pca.safetensors",
        "plain",
        "mirrored",
        "features-plain-mirrored.stage.json",
        ".lock",
    }


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
    done = build_language(CODE, work=built.work, tell=lambda step: told.append(step.stage.name), progress=False)
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
    assert read_card(built.pack(OTHER_CODE)).pca == read_card(built.pack()).pca
    assert ran(built.build()) == []


# --- what must run, and why ---

AFTER = {
    "captions": ["captions", "tokenizer", "train", "evaluate", "install"],
    "tokenizer": ["tokenizer", "train", "evaluate", "install"],
    "train": ["train", "evaluate", "install"],
    "nothing": [],
}


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
    [(["--components=6"], "changed: components (8 → 6)"), (["--no-mirrored"], "unfinished: 12 of 12 photos plain")],
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
    """The PCA is fitted on train photos only: who changes sides asks for other features."""
    dev, train = (built.data / f"Flickr_8k.{split}Images.txt" for split in ("dev", "train"))
    edit(dev, "p10.jpg\n" if "p10.jpg" in dev.read_text() else "p01.jpg\n", "")
    edit(train, "p02.jpg\n", "")
    plan = built.plan()
    assert list(plan) == STAGES
    assert plan["features"] == "changed: train split"
    assert plan["captions"] == "changed: captions"


def test_another_encoder(built: Place, xception: Any, tmp_path: Path) -> None:
    weights = tmp_path / "other.safetensors"
    save_weights(random_tensors(xception, seed=1), weights)
    plan = built.plan("--encoder-weights", weights)
    weights.unlink()
    assert plan["features"] == "changed: encoder"


# --- what was lost ---

Damage = tuple[Callable[[Place], Path], list[str]]
"""A file that is removed or torn, and the stages that run; the others find the same as before."""

LOSSES: dict[str, Damage] = {
    "captions": (lambda p: p.work / CODE / "captions.jsonl", ["captions"]),
    "tokenizer": (lambda p: p.work / CODE / "tokenizer.model", ["tokenizer"]),
    "PCA": (lambda p: p.features / "pca.safetensors", ["features"]),
    "features": (lambda p: p.features / "plain" / "features.f16", ["features"]),
    "progress": (lambda p: p.features / "mirrored" / "progress.jsonl", ["features"]),
    "a record": (lambda p: p.work / CODE / "captions.stage.json", ["captions"]),
    "the run's pack": (lambda p: p.run / "pack" / "decoder.safetensors", ["train", "evaluate"]),
    "predictions": (lambda p: p.work / CODE / "evaluation-dev" / "predictions.txt", ["evaluate"]),
    "the pack": (lambda p: p.pack() / "decoder.safetensors", ["install"]),
    "the pack's card": (lambda p: p.pack() / "card.json", ["install"]),
}


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

    monkeypatch.setattr("polycap.build.plan.new_record", record)
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


def python(*arguments: object) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join((str(ROOT), str(ROOT / "tests")))}
    environment["ONEDNN_DEFAULT_FPMATH_MODE"] = "STRICT"
    command = [sys.executable, *map(str, arguments)]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


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
    assert "going on after epoch 1" in caplog.text
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
    assert place.plan()["features"] == "unfinished: 10 of 12 photos full-plain"
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


# --- only looking ---

LOOK = """
import sys
from polycap.cli import main

sys.argv[0] = "polycap"
try:
    main()
finally:
    heavy = {"tensorflow", "keras", "sentencepiece"} & sys.modules.keys()
    print("heavy:", *heavy)
"""


@pytest.mark.parametrize("change", [False, True])
def test_a_dry_run_and_status_write_nothing_and_load_nothing_heavy(change: bool, built: Place) -> None:
    if change:
        edit(built.captions, "indeed", "in fact")
        (built.work / "hashes.json").unlink()
        (built.features / "pca.safetensors").unlink()
    before = built.stamps()
    for command in (["build", CODE, "--dry-run"], ["status"]):
        done = python("-c", LOOK, *command, "--work", built.work)
        assert done.returncode == 0, done.stderr
        assert done.stdout.splitlines()[-1] == "heavy:"
        assert ("changed: captions" in done.stdout) == change
        assert built.stamps() == before


def test_a_dry_run_where_nothing_is(place: Place) -> None:
    before = place.stamps()
    found = place.first("--dry-run")
    assert ran(found) == STAGES
    assert len(found.out.splitlines()) == 6
    assert place.stamps() == before
    assert not place.work.exists()


def test_status_for_people(built: Place) -> None:
    found = run_polycap("status", "--work", built.work)
    assert found.status == 0
    lines = found.out.splitlines()
    mine = lines.index(next(line for line in lines if line.startswith(f"{CODE}: ")))
    size = sum(path.stat().st_size for path in built.pack().iterdir()) / 1e6
    best = read_card(built.pack()).training["best epoch's dev BLEU-4"]
    assert lines[mine].startswith(f"{CODE}: best dev BLEU-4 {best:.2f}; pack of 2")
    assert lines[mine].endswith(f", {size:.1f} MB, of the last run")
    rows = [line.split(maxsplit=2) for line in lines[mine + 1 : mine + 7]]
    assert [row[0] for row in rows] == STAGES
    assert {row[1] for row in rows} == {"done"}
    assert any(line.startswith("en: ") for line in lines)  # it has a pack
    assert not any(line.startswith(f"{OTHER_CODE}:") for line in lines)
    edit(built.language() / "language.toml", "beam_width = 3", "beam_width = 2")
    text = run_polycap("status", CODE, "--work", built.work).out
    assert "  train      stale      changed: [decoding] beam_width (3 → 2)\n" in text
    assert "  evaluate   stale      changed: [decoding] beam_width (3 → 2)\n" in text
    assert "  install    stale      after train and evaluate" in text


def test_status_of_what_was_never_built(built: Place) -> None:
    found = run_polycap("status", OTHER_CODE, "--work", built.work)
    assert found.out.splitlines() == [f"{OTHER_CODE}: no pack", "  never built here"]
    [status] = language_status([OTHER_CODE], work=built.work)
    assert (status.steps, status.pack, status.best_dev_bleu4, status.error) == ((), None, None, "")


def test_status_of_a_pack_from_elsewhere(built: Place) -> None:
    assert built.status()["pack"]["from_last_run"] is True
    ran(built.first(code=OTHER_CODE))
    shutil.rmtree(built.pack())
    shutil.copytree(built.pack(OTHER_CODE), built.pack())
    assert built.status()["pack"]["from_last_run"] is False
    assert ", not of the last run" in run_polycap("status", CODE, "--work", built.work).out
    shutil.rmtree(built.work)
    row = built.status()
    assert (row["stages"], row["pack"]["from_last_run"]) == ([], None)
    assert row["best_dev_bleu4"] == read_card(built.pack()).training["best epoch's dev BLEU-4"]


def test_status_where_something_is_gone(built: Place) -> None:
    """One language's trouble hides no other's state."""
    shutil.rmtree(built.data)
    row = built.status()
    assert "can't be listed" in row["error"]
    assert row["pack"] is not None
    assert "  can't tell what is stale: " in run_polycap("status", "--work", built.work).out
    shutil.rmtree(built.language())
    found = run_polycap("status", "--work", built.work)
    assert found.status == 0
    assert f"{CODE}: no pack\n  can't tell what is stale: unknown language '{CODE}'" in found.out


# --- arguments ---


def test_the_arguments_are_kept(built: Place) -> None:
    def kept() -> dict[str, Any]:
        return dict(json.loads((built.work / CODE / "build.json").read_text(encoding="utf-8")))

    first = kept()
    assert first["data"] == str(built.data)
    assert (first["captions"], first["origin"], first["components"]) == ([str(built.captions)], "mt:engine", 8)
    assert first["settings"] == dict(assignment.split("=") for assignment in RECIPE)
    built.plan("--set=epochs=1")
    assert kept() == first  # a dry run keeps nothing
    ran(built.build("--set=epochs=1"))
    assert kept() == {**first, "settings": {**first["settings"], "epochs": "1"}}
    other = built.folder / "other.txt"
    shutil.copy(built.captions, other)
    ran(built.build("--captions", other))
    assert (kept()["captions"], kept()["origin"]) == ([str(other)], "human")  # the origin was of the other file


def test_relative_paths_are_kept_whole(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(place.folder)
    with pytest.raises(BuildError, match="captions in ynit are needed"):
        build_language(CODE, data=Path("data"), dry_run=True)
    found = run_polycap("build", OTHER_CODE, "--data", "data", "--components", 8, "--no-mirrored", *SETTINGS)
    assert ran(found) == STAGES
    monkeypatch.chdir(place.data)
    assert ran(run_polycap("build", OTHER_CODE, "--work", place.folder / "work")) == []


Mistake = tuple[Callable[[Place], list[Any]], str]


def corrupt(place: Place, **values: Any) -> list[Any]:
    change_json(place.work / CODE / "build.json", **values)
    return []


def no_folder(place: Place) -> list[Any]:
    shutil.rmtree(place.pack())
    place.pack().write_text("not a folder")
    return []


def stranger(place: Place) -> Path:
    path = place.folder / "stranger.txt"
    path.write_text("stranger.jpg#0\tx\nmalformed\n")
    return path


MISTAKES: dict[str, Mistake] = {
    "no such data": (lambda p: ["--data", p.folder / "no"], "no: can't be listed"),
    "no such captions": (lambda p: ["--captions", p.folder / "no"], "no: can't be read"),
    "captions of other photos": (
        lambda p: ["--captions", stranger(p)],
        "stranger.txt: no caption of a photo in the train split of",
    ),
    "no such setting": (lambda _: ["--set", "epoch=3"], "'epoch=3': expected NAME=VALUE"),
    "an impossible setting": (lambda _: ["--set", "epochs=-1"], "epochs=-1: "),
    "no such weights": (lambda p: ["--encoder-weights", p.folder / "no"], "no: no such file"),
    "broken arguments": (lambda p: corrupt(p, mirrored="perhaps"), "build.json:mirrored: "),
    "unknown arguments": (lambda p: corrupt(p, later="x"), "build.json:later: "),
    "no place for the pack": (no_folder, f"{os.sep}pack: is no folder, and the pack of {CODE} belongs there; copy "),
}


@pytest.mark.parametrize("dry", [True, False])
@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_gets_one_line_before_anything_is_done(mistake: str, dry: bool, built: Place) -> None:
    make, message = MISTAKES[mistake]
    arguments = make(built)
    before = built.stamps()
    found = built.build(*arguments, *(["--dry-run"] if dry else []))
    assert message in found.fault()
    assert found.out == ""
    assert built.stamps() == before


class MirrorEngine:
    """A translation engine that spells words backwards, and says nothing at all of red bars."""

    identity = "mirror/1"
    calls = 0

    def open(self, source: str, target: str) -> "MirrorEngine":
        assert (source, target) == ("en", "theirs")
        return self

    def translate(self, texts: Sequence[str]) -> list[Translation]:
        MirrorEngine.calls += len(texts)
        words = [[] if text == "the bar is red" else [word[::-1] for word in text.split()] for text in texts]
        return [Translation(" ".join(found)) for found in words]


def test_captions_are_translated_where_none_are_given(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    edit(
        place.language() / "language.toml", OTHER_TRANSLATION, '\n[translation]\nengine = "mirror"\ntarget = "theirs"\n'
    )
    monkeypatch.setattr("polycap.translation.engine._BUILT_IN", {"mirror": f"{__name__}:MirrorEngine"})
    monkeypatch.setattr(MirrorEngine, "calls", 0)
    arguments = ("--data", place.data, "--components", 8, *SETTINGS)
    assert ran(place.build(*arguments)) == STAGES
    captions, faults = read_captions(place.work / CODE / "captions.jsonl")
    texts = {caption.text for found in captions.values() for caption in found}
    assert faults == []
    assert "eht elcric si der" in texts
    assert "eht rab si der" not in texts
    assert "" not in texts
    card = read_card(place.pack())
    assert card.data["caption origin"] == "mt:mirror/1"
    assert (
        read_json(place.work / CODE / "evaluation-dev" / "scores.json", BuildError)["references_origin"]
        == "mt:mirror/1"
    )
    called = MirrorEngine.calls
    assert called > 20
    assert ran(place.build()) == []
    with (place.language() / "language.toml").open("a", encoding="utf-8") as stream:
        stream.write("\n[translation.gates]\nmax_repeats = 3\n")
    assert place.plan()["captions"] == "changed: [translation.gates] max_repeats (2 → 3)"
    assert ran(place.build()) == ["captions"]  # the same came out: nothing else depends on the gate itself
    assert MirrorEngine.calls == called
    monkeypatch.setattr(MirrorEngine, "identity", "mirror/2")  # a newer one: what the older said is not gone on with
    assert place.plan()["captions"] == "changed: engine (mirror/1 → mirror/2)"
    assert ran(place.build())[0] == "captions"
    assert MirrorEngine.calls == 2 * called
    monkeypatch.setattr("polycap.translation.engine._BUILT_IN", {})
    assert "no translation engine 'mirror'" in place.build().fault()
    assert "no translation engine 'mirror'" in str(place.status()["error"])


def test_captions_of_several_sources(built: Place) -> None:
    other = built.folder / "other.txt"
    other.write_text("p01.jpg#0\tquite another caption\n", encoding="utf-8")
    found = built.build(
        "--captions", built.captions, "--captions", f"{other},origin=human,weight=2", "--origin", "mt:x"
    )
    assert "captions" in ran(found)
    captions, _ = read_captions(built.work / CODE / "captions.jsonl")
    assert [(c.origin, c.weight) for c in captions["p01.jpg"]][-2:] == [("mt:x", 1.0), ("human", 2.0)]
    assert ran(built.build()) == []


MIXTURE = """
[translation]
engine = "mirror"
target = "theirs"

[[captions]]
translated = true
weight = 0.5

[[captions]]
file = "people.txt"
weight = 2
"""


def test_captions_mixed_as_the_folder_says(
    place: Place, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """All captions translated and a few that people wrote, with weights, from `language.toml` alone."""
    edit(place.language() / "language.toml", OTHER_TRANSLATION, MIXTURE)
    monkeypatch.setattr("polycap.translation.engine._BUILT_IN", {"mirror": f"{__name__}:MirrorEngine"})
    arguments = ("--data", place.data, "--components", 8, *SETTINGS)
    people = place.data / "people.txt"
    missing = place.build(*arguments).fault()
    assert f"captions[1].file: no file 'people.txt' in {place.language()} nor in {place.data}; put it there" in missing
    assert not place.work.exists()
    ours, _ = read_captions(place.captions)
    names = [*sorted(ours)[1:], "stranger.jpg"]
    people.write_text("".join(f"{name}#0\tsaid by people\n" for name in names), encoding="utf-8")
    assert ran(place.build(*arguments)) == STAGES
    mixed, faults = read_captions(place.work / CODE / "captions.jsonl")
    assert faults == []
    assert {(c.origin, c.weight) for c in mixed["p00.jpg"]} == {("mt:mirror/1", 0.5)}
    assert [(c.text, c.origin, c.weight) for c in mixed["p01.jpg"]][-1] == ("said by people", "human", 2.0)
    assert len(mixed["p01.jpg"]) == 6
    card = read_card(place.pack())
    assert card.data["caption origin"] == "human+mt:mirror/1"
    assert "human (weight 2), " in card.data["train captions by origin"]
    assert "mt:mirror/1 (weight 0.5)" in card.data["train captions by origin"]
    assert card.training["chosen by"].endswith("references: human")
    [score] = card.scores
    assert (score["references_origin"], score["references_per_photo"]) == ("human", 1)
    scoring = ("--data", place.data, "--split", "test", "--out", place.folder / "scores", "--json")
    tested = run_polycap("evaluate", CODE, *scoring)
    assert json.loads(tested.out)["references_origin"] == "human"
    refused = run_polycap("train", CODE, "--data", place.data, "--out", place.folder / "run").fault()
    assert f"some are to be translated first, as `polycap build {CODE}` does" in refused
    assert ran(place.build()) == []
    edit(place.language() / "language.toml", "weight = 2", "weight = 3")
    assert place.plan()["captions"] == "changed: captions of files"
    edit(place.language() / "language.toml", "weight = 0.5", "weight = 3")
    assert place.plan()["captions"] == "changed: captions of files, weight of translations (0.5 → 3)"
    # the command line comes before the folder, and an empty --captions leads back
    assert place.plan("--captions", place.captions)["captions"].startswith("changed: captions")
    change_json(place.work / CODE / "build.json", captions=[str(place.captions)])
    assert "--captions of the last build" not in caplog.text
    assert place.plan()["captions"].startswith("changed: captions")
    assert f"{place.work / CODE}: --captions of the last build, not [[captions]] of {place.language()}" in caplog.text
    assert place.plan("--captions", "")["captions"].startswith("changed: captions of files")


def test_captions_of_files_that_the_folder_names(place: Place) -> None:
    """Without an engine, and beside `language.toml`."""
    edit(place.language() / "language.toml", OTHER_TRANSLATION, f'{OTHER_TRANSLATION}\n[[captions]]\nfile = "c.txt"\n')
    shutil.copy(place.captions, place.language() / "c.txt")
    assert list(place.plan("--data", place.data)) == STAGES
    (place.language() / "c.txt").write_text("p99.jpg#0\tof no photo\n", encoding="utf-8")
    fault = place.build("--data", place.data).fault()
    assert f"{place.language() / 'c.txt'}: no caption of a photo in the train split of {place.data}" in fault


def test_mistakes_of_a_first_build(place: Place) -> None:
    assert f"{CODE}: no dataset yet in {place.work / CODE}: give --data DIR" in place.build().fault()
    found = place.build("--data", place.data)
    assert f"{CODE}: captions in ynit are needed: give --captions FILE" in found.fault()
    assert "unknown language 'xx'" in place.build(code="xx").fault()
    assert "unknown language 'xx'" in run_polycap("status", "xx", "--work", place.work).fault()
    with pytest.raises(BuildError, match="components=0: "):
        build_language(OTHER_CODE, data=place.data, work=place.work, components=0)
    assert not place.work.exists()


def test_a_folder_that_can_not_be_written(built: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    access = os.access
    monkeypatch.setattr(os, "access", lambda path, mode: path != built.pack() and access(path, mode))
    message = built.build().fault()
    assert f"{built.pack()}: is not writable, and the pack of {CODE} belongs there; copy {built.language()}" in message
    assert "POLYCAP_LANGUAGES" in message


# --- the encoder's identity, and hashes of files ---


def test_the_identity_is_known_without_the_network(
    encoder: Any, encoder_weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert expected_identity(encoder_weights) == expected_identity() == encoder.identity
    monkeypatch.delenv("POLYCAP_XCEPTION_WEIGHTS")
    assert expected_identity() == encoder_identity(PUBLISHED)  # what a download will bring
    card = json.loads((ROOT / "languages" / "en" / "pack" / "card.json").read_text(encoding="utf-8"))
    assert card["encoder"] in encoder_identity(PUBLISHED)
    monkeypatch.setitem(PREPROCESSING, "aspect", "cut")
    assert card["encoder"] not in encoder_identity(PUBLISHED)
    other = tmp_path / "weights.h5"
    other.write_bytes(b"one")
    with pytest.raises(PolycapError, match="can't be read as Xception's weights"):
        expected_identity(other)
    with pytest.raises(PolycapError, match="no such file"):
        expected_identity(tmp_path / "missing.h5")


def test_hashes_are_remembered(tmp_path: Path) -> None:
    file, kept = tmp_path / "file", tmp_path / "hashes.json"
    file.write_text("one")
    asked: list[Path] = []

    def compute(path: Path) -> str:
        asked.append(path)
        return path.read_text()

    cache = HashCache(kept)
    assert [cache.get(file, "text", compute) for _ in range(2)] == ["one", "one"]
    assert len(asked) == 1
    assert not kept.exists()
    cache.save()
    assert HashCache(kept).get(file, "text", compute) == "one"
    assert len(asked) == 1
    assert len(HashCache(kept).get(file)) == 64  # another kind
    file.write_text("two")
    os.utime(file, ns=(0, np.int64(12345).item()))
    assert HashCache(kept).get(file, "text", compute) == "two"
    file.unlink()
    assert HashCache(kept).get(file, "text", compute) == "unreadable"
    kept.write_text("[")
    assert HashCache(kept).get(tmp_path / "none") == "unreadable"


def test_photos_that_can_not_be_read(place: Place, caplog: pytest.LogCaptureFixture) -> None:
    """They are told of and left out, as everywhere."""
    (place.data / "Images" / "p02.jpg").write_text("not a photo")
    found = place.first("--no-mirrored")
    assert ran(found) == STAGES
    assert "p02.jpg: left out: " in caplog.text
    assert read_card(place.pack()).data["train photos"] == 7
    assert ran(place.build()) == []


def test_a_view_more(place: Place) -> None:
    """Two languages may differ in the mirrored view without undoing each other's features."""
    assert ran(place.first("--no-mirrored")) == STAGES
    assert ran(place.first("--mirrored", code=OTHER_CODE)) == STAGES
    assert ran(place.build()) == []
    assert ran(place.build(code=OTHER_CODE)) == []
    assert read_card(place.pack()).data["views"] == "plain"
    assert read_card(place.pack(OTHER_CODE)).data["views"] == "plain, mirrored"


# --- beginning with another language's decoder ---


def test_a_build_begins_with_another_language(built: Place) -> None:
    """The train stage knows by which pack; what can't be begun with is told before anything is done."""
    assert "train" in ran(built.first(f"--start={CODE}", code=OTHER_CODE))
    [run] = (built.work / OTHER_CODE).glob("run-*/config.json")
    decoder = json.loads((built.pack() / "card.json").read_text(encoding="utf-8"))["files"]["decoder.safetensors"]
    assert json.loads(run.read_text(encoding="utf-8"))["start"] == decoder["sha256"]
    assert ran(built.build(code=OTHER_CODE)) == []  # kept
    assert "start" in built.plan("--start=", code=OTHER_CODE)["train"]
    told = "can't begin with what it will have become"
    assert told in built.build(f"--start={OTHER_CODE}", "--dry-run", code=OTHER_CODE).err
    shutil.rmtree(built.pack())
    assert "has no pack: build that first" in built.build("--dry-run", code=OTHER_CODE).err


def test_features_are_reduced_by_the_pca_of_what_a_build_begins_with(built: Place) -> None:
    """Elsewhere than where that was built: other photos would have another PCA, and training would refuse."""
    shutil.rmtree(built.work / "features")
    assert "train" in ran(built.first(f"--start={CODE}", code=OTHER_CODE))
    assert read_card(built.pack(OTHER_CODE)).pca == read_card(built.pack()).pca
    assert ran(built.build(code=OTHER_CODE)) == []
    assert built.plan("--start=", code=OTHER_CODE)["features"] == "changed: PCA"
