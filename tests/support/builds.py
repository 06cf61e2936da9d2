"""Helpers of the tests in tests/pipeline."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tiny import CODE, Finished, run_polycap

ROOT = Path(__file__).parent.parent.parent
STAGES = ["features", "captions", "tokenizer", "train", "evaluate", "install"]
RECIPE = ["kind=merge", "units=16", "embedding=12", "epochs=3", "photos_per_batch=8", "learning_rate=0.02", "seed=5"]
RECIPE.append("self_critical_epochs=0")
SETTINGS = [f"--set={assignment}" for assignment in RECIPE]
OTHER_TRANSLATION = '\n[translation]\nengine = "captions"\n'

# --- what must run, and why ---

AFTER = {
    "captions": ["captions", "tokenizer", "train", "evaluate", "install"],
    "tokenizer": ["tokenizer", "train", "evaluate", "install"],
    "train": ["train", "evaluate", "install"],
    "nothing": [],
}


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
        return self.build("--data", self.data, *mine, *SETTINGS, *more, code=code)

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


def python(*arguments: object) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join((str(ROOT), str(ROOT / "tests" / "support")))}
    environment["ONEDNN_DEFAULT_FPMATH_MODE"] = "STRICT"
    command = [sys.executable, *map(str, arguments)]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
