"""`scripts/bench --against` and `threads`, with checkouts whose polycap is a few lines long."""

import json
import shutil
import subprocess
import sys
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks import against, cli, sides, table, threads
from benchmarks.against import COMPARED, against_rows, interval_of_ratio
from benchmarks.checkout import ROOT, Checkout, in_environments, other_checkout
from benchmarks.options import BenchError, Options
from benchmarks.script_process import NoAnswerError, ProcessEndedError, ScriptProcess
from benchmarks.startup import Command

POLYCAP = """
import os, threading, time
one_at_a_time = threading.Lock()

class Captioner:
    def __init__(self, code, encoder):
        self.code, self.encoder = code, encoder or object()

    @classmethod
    def load(cls, code, encoder=None):
        return cls(code, encoder)

    def caption(self, photos):
        captions = [f"{self.code} {os.path.basename(photo)}" for photo in photos]
        if one_at_a_time.acquire(blocking=False):
            time.sleep(0.01)
            one_at_a_time.release()
            return captions
        BUSY
"""
"""`BUSY` is what becomes of a call beside another one."""

STAGE = """
import json, os, subprocess, sys
from pathlib import Path
import polycap

class Side:
    about, size = "a side", "10 photos"

    def __init__(self, options):
        self.options = options

    def warm_up(self):
        print("this is no answer")
        assert os.listdir() == [] and os.getcwd() not in sys.path and "" not in sys.path
        assert not [name for name in os.environ if name.startswith("PYTHON")]

    def turn(self):
        with (self.options.out).open("a") as log:
            log.write(NAME)
        code = "import polycap; print(polycap.__file__)"
        seen = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, check=True).stdout
        more = {"photos": self.options.photos}
        return sides.Turn(10, SECONDS, {"polycap": seen}, more)

def compare(*_):
    raise AssertionError("the baselines are not measured")

def rows(options):
    made = lambda: Side(options)
    return [compare(name, UNIT, made, None, options.repeats) for name in ROWS]

from dataclasses import dataclass, field
class sides:
    @dataclass
    class Turn:
        amount: float
        seconds: float
        output: dict = field(default_factory=dict)
        more: dict = field(default_factory=dict)
"""

OPTIONS = """
from dataclasses import dataclass
from pathlib import Path

class BenchError(Exception): ...

@dataclass(frozen=True)
class Options:
    photos: int = 1
    repeats: int = 1
    out: Path = Path("out")
"""


def make_checkout(
    folder: Path, seconds: float, rows: tuple[str, ...] = ("first", "second"), unit: str = "photos/s", busy: str = ""
) -> Path:
    """A checkout with a stage `caption`, whose turns say that they took so many seconds."""
    benchmarks = folder / "scripts" / "benchmarks"
    benchmarks.mkdir(parents=True)
    (folder / "polycap").mkdir()
    (folder / "polycap" / "__init__.py").write_text(POLYCAP.replace("BUSY", busy or "return captions"))
    facts = f"NAME, SECONDS, UNIT, ROWS = {folder.name[0]!r}, {seconds}, {unit!r}, {rows!r}"
    (benchmarks / "__init__.py").touch()
    (benchmarks / "caption.py").write_text(f"{STAGE}\n{facts}\n")
    (benchmarks / "options.py").write_text(OPTIONS)
    (benchmarks / "memory.py").write_text("def peak_memory_mb():\n    return 7\n")
    shutil.copy(ROOT / "pyproject.toml", folder)
    shutil.copy(ROOT / "scripts" / "requirements.lock", folder / "scripts")
    return folder


# --- the interval ---


def test_the_interval_of_a_ratio() -> None:
    noise = np.random.default_rng(1).normal(1, 0.1, 11)
    assert interval_of_ratio(2 * noise, noise) == pytest.approx((2, 2))  # pairs stay together
    ours, other = np.random.default_rng(2).normal(1, 0.1, (2, 11))
    low, high = interval_of_ratio(ours, other)
    assert 0.8 < low < np.median(ours) / np.median(other) < high < 1.2
    assert interval_of_ratio(ours, other) == (low, high)  # the seed is fixed
    wide = interval_of_ratio(*np.random.default_rng(2).normal(1, 0.3, (2, 11)))
    assert wide[1] - wide[0] > high - low


def test_an_interval_holds_the_true_ratio_as_often_as_it_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(against, "RESAMPLES", 1000)
    chance = np.random.default_rng(0)
    intervals = [interval_of_ratio(*chance.normal(1, 0.1, (2, 11))) for _ in range(200)]
    assert 0.9 < np.mean([low <= 1 <= high for low, high in intervals]) <= 1


# --- comparisons ---


def test_turns_of_two_checkouts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ours, other = make_checkout(tmp_path / "ours", 1.0), make_checkout(tmp_path / "theirs", 0.8)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))  # of ours alone
    rows = against_rows(["caption"], {"out": tmp_path / "log", "repeats": 3}, str(other), root=ours)
    assert [row["bench"] for row in rows] == ["first", "second"]
    for row in rows:
        assert (row["ours"], row["baseline"], row["ratio"], row["interval"]) == (10, 12.5, 0.8, [0.8, 0.8])
        assert (row["passes"], row["least"], row["against"]) == (False, 0.97, str(other))
        assert row["baseline_is"] == f"{other}: a side"
        assert (row["ours_peak_mb"], row["baseline_photos"]) == (7, against.PHOTOS)
        assert row["packages"] == "packages of the same environment"
        assert row["same_output"] == "0 of 1"  # processes that a side starts import its own polycap
    assert (tmp_path / "log").read_text() == "otto" + "ot" + "otto" + "ot"
    text = table.as_text(table.with_machine(rows))
    assert text.splitlines()[0].split()[-1] == "verdict"
    assert text.splitlines()[1].split()[-1] == "FAILS"
    assert "passes if the interval reaches 0.97" in text


@pytest.mark.parametrize(
    ("seconds", "unit", "more", "status"),
    [(0.98, "photos/s", [], 0), (0.96, "photos/s", [], 1), (0.96, "s", ["--least", "0.95"], 0), (0.96, "s", [], 1)],
)
def test_the_exit_status(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    seconds: float,
    unit: str,
    more: list[str],
    status: int,
) -> None:
    ours, other = (
        make_checkout(tmp_path / name, s, ("first",), unit) for name, s in (("ours", 1.0), ("theirs", seconds))
    )
    monkeypatch.setattr(cli, "against_rows", partial(against_rows, root=ours))
    arguments = ["caption", "--against", str(other), "--out", str(tmp_path / "log"), "--repeats", "2", "--json", *more]
    if status:
        with pytest.raises(SystemExit, match=str(status)):
            cli.main(arguments)
    else:
        cli.main(arguments)
    [row] = json.loads(capsys.readouterr().out)
    assert row["passes"] is (status == 0)
    assert row["ratio"] == seconds


def test_what_cannot_be_compared_has_a_row(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ours = make_checkout(tmp_path / "ours", 1.0, ("new", "dies", "raises", "same"))
    other = make_checkout(tmp_path / "theirs", 1.0, ("same",))
    log = ["--out", str(tmp_path / "log"), "--repeats", "1", "--json"]
    monkeypatch.setattr(cli, "against_rows", partial(against_rows, root=ours))
    with pytest.raises(SystemExit, match="2"):
        cli.main(["train", "caption", "--against", str(other), *log])
    rows = {row["bench"]: row for row in json.loads(capsys.readouterr().out)}
    assert list(rows) == ["train", "new", "dies", "raises", "same"]
    assert "this checkout: ModuleNotFoundError: No module named 'benchmarks.train'" in rows["train"]["missing"]
    assert rows["new"]["missing"] == f"{other} has no such comparison"
    assert rows["same"]["passes"]

    stage = other / "scripts" / "benchmarks" / "caption.py"
    for change, reason in (
        ("import os; os._exit(7)", "its process ended with status 7"),
        ("from benchmarks.options import BenchError; raise BenchError('needs photos')", "needs photos"),
    ):
        stage.write_text(f"def rows(options):\n    {change}\n")
        [row] = against_rows(["caption"], {"out": tmp_path / "log"}, str(other), root=ours)
        assert row["missing"] == f"{other}: {reason}"


def test_a_process_that_hangs_is_killed(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text("import time\ndef main(job, requests, answer):\n    answer(job)\n    time.sleep(1000)")
    process = ScriptProcess(sys.executable, script, [], "a job")
    assert process.receive(60) == "a job"
    with pytest.raises(NoAnswerError, match=r"no answer for 0\.1 s"):
        process.receive(0.1)
    process.close(wait=False)
    with pytest.raises(ProcessEndedError, match="its process was killed by signal 9; is there enough memory"):
        process.receive(60)


@pytest.mark.parametrize("stage", ["flat", "runtimes", "killed"])
def test_stages_that_have_no_other_side(stage: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        cli.main([stage, "--against", "main"])
    assert f"--against compares {', '.join(COMPARED)}; not {stage}" in capsys.readouterr().err


@pytest.mark.parametrize("stage", [stage for stage in COMPARED if stage != "threads"])
def test_stages_call_compare_of_their_own_module(stage: str) -> None:
    """serve_side.py replaces it there."""
    module: Any = import_module(f"benchmarks.{stage}")
    assert module.compare is sides.compare
    assert callable(module.rows)


def test_a_stage_of_this_checkout_is_served() -> None:
    here = Checkout("here", ROOT, Path(sys.executable), "")
    side = against._Side(here, "startup", Options(), without=["startup"])
    try:
        assert (side.bench, side.unit) == ("startup, languages", sides.SECONDS)
        turn = side.turn()
        work = side.work([turn])
    finally:
        side.close()
    assert turn.amount == 1
    assert work.about == "here: polycap languages, 50 folders"


def test_a_command_imports_nothing_from_the_current_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "json.py").write_text("raise SystemExit('a file of the current folder was run')")
    monkeypatch.chdir(tmp_path)
    Command("json", ["-c", "import json"]).turn()


# --- checkouts and their environments ---


def test_a_revision_is_taken_from_git(tmp_path: Path) -> None:
    root = make_checkout(tmp_path / "root", 1.0)

    def git(*arguments: str) -> str:
        command = ["git", "-C", str(root), "-c", "user.name=A", "-c", "user.email=a@b", *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    git("init", "--quiet")
    git("add", ".")
    git("commit", "--quiet", "-m", "first")
    commit = git("rev-parse", "HEAD")
    (root / "polycap" / "__init__.py").write_text("later = True")
    name, folder = other_checkout("HEAD", root)
    assert (name, folder) == (f"HEAD ({commit[:9]})", root / ".cache" / "bench" / commit)
    assert "later" not in (folder / "polycap" / "__init__.py").read_text()
    assert [path.name for path in folder.parent.iterdir()] == [commit]
    assert other_checkout(commit[:7], root) == (commit[:7], folder)  # taken once
    assert len(git("worktree", "list").splitlines()) == 1
    for wrong in ("no-such-branch", "--help", str(tmp_path)):
        with pytest.raises(BenchError, match="neither a checkout of polycap"):
            other_checkout(wrong, root)


def test_other_needs_bring_their_own_packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ours, other = make_checkout(tmp_path / "ours", 1.0), make_checkout(tmp_path / "theirs", 1.0)
    (other / "scripts" / "requirements.lock").write_text("other==1\n")
    monkeypatch.setenv("TEST_PYTHON", sys.executable)
    (other / "scripts" / "setup.sh").write_text(
        'cd "$(dirname "$0")/.." && "$TEST_PYTHON" -m venv --without-pip .venv && '
        "echo here = True >$(echo .venv/lib/python*/site-packages)/only_there.py"
    )
    with in_environments("theirs", other, ours) as (one, two):
        assert two.packages == "packages of its own .venv"
        code = "import only_there, polycap; print(polycap.__file__)"
        seen = subprocess.run([two.python, "-I", "-c", code], check=True, capture_output=True, text=True).stdout
        assert Path(seen.strip()).parent == other / "polycap"
        assert subprocess.run([one.python, "-I", "-c", code], check=False, capture_output=True).returncode
    (other / "scripts" / "setup.sh").write_text("exit 1")
    with pytest.raises(BenchError, match=r"setup\.sh failed"), in_environments("theirs", other, ours):
        pass
    shutil.rmtree(other / "scripts" / "benchmarks")
    with pytest.raises(BenchError, match="no scripts/benchmarks"), in_environments("theirs", other, ours):
        pass


def test_a_checkout_that_imports_another_polycap_is_refused(tmp_path: Path) -> None:
    ours, other = make_checkout(tmp_path / "ours", 1.0), make_checkout(tmp_path / "theirs", 1.0)
    mixed = Checkout("mixed", other, Path(sys.executable), "")
    (other / "polycap").rename(other / "hidden")
    shutil.copytree(ours / "polycap", other / "scripts" / "polycap")
    with pytest.raises(BenchError, match=r"mixed: ImportError: .* imports polycap of .*, not of"):
        against._Side(mixed, "caption", Options())


# --- threads ---

RAISES = "raise RuntimeError('Infer Request is busy')"
OTHER_CAPTIONS = "return ['another photo'] * len(photos)"
HANGS = "threading.Event().wait()"
DIES = "os._exit(3)"


def thread_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, busy: str, limit: float = 60) -> dict[str, Any]:
    monkeypatch.setattr(threads, "ROOT", make_checkout(tmp_path / "ours", 1.0, busy=busy))
    (tmp_path / "photos").mkdir()
    for name in "abc":
        (tmp_path / "photos" / f"{name}.jpg").touch()
    [row] = threads.rows(Options(photos_from=tmp_path / "photos", threads=4, calls=5, limit=limit))
    assert (row["callers"], row["calls"]) == (4, 20)
    assert 20 < row["photos"] < 120
    return row


def test_threads_that_do_no_harm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    row = thread_row(tmp_path, monkeypatch, "return captions")
    assert (row["raised"], row["different"], row["unended"]) == (0, 0, 0)
    assert not row["hung"]
    assert row["died"] is row["most_frequent_error"] is None
    assert row["photos_per_s"] > 0
    assert row["one_thread_photos_per_s"] > 0
    assert "threads:  callers 4  calls 20" in table.as_text(table.with_machine([row]))


def test_threads_of_which_calls_raise(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    row = thread_row(tmp_path, monkeypatch, RAISES)
    assert 0 < row["raised"] < 20
    assert row["most_frequent_error"] == "RuntimeError: Infer Request is busy"
    assert (row["different"], row["unended"], row["hung"]) == (0, 0, False)


def test_threads_that_get_other_captions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    row = thread_row(tmp_path, monkeypatch, OTHER_CAPTIONS)
    assert 0 < row["different"] < 20
    assert (row["raised"], row["unended"], row["hung"]) == (0, 0, False)


def test_threads_that_hang(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    row = thread_row(tmp_path, monkeypatch, HANGS, limit=2)
    assert row["hung"]
    assert 0 < row["unended"] <= 20
    assert row["died"] is None


def test_threads_whose_process_dies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    row = thread_row(tmp_path, monkeypatch, DIES)
    assert row["died"] == "its process ended with status 3"
    assert 0 < row["unended"] <= 20
    assert not row["hung"]


def test_one_thread_that_fails_alone_is_no_measure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ours = make_checkout(tmp_path / "ours", 1.0)
    monkeypatch.setattr(threads, "ROOT", ours)
    polycap = ours / "polycap" / "__init__.py"
    polycap.write_text(polycap.read_text() + "\nCaptioner.caption = lambda *_: 1 // 0\n")
    with pytest.raises(BenchError, match=r"this checkout: can't caption in en and de \(ZeroDivisionError: .*\)"):
        threads.rows(Options())


def test_threads_of_two_checkouts(tmp_path: Path) -> None:
    good, raising = make_checkout(tmp_path / "good", 1.0), make_checkout(tmp_path / "raising", 1.0, busy=RAISES)
    given = {"threads": 3, "calls": 4, "repeats": 3}
    [row] = against_rows(["threads"], given, str(raising), root=good)
    assert row["passes"]  # there is nothing to be slower than
    assert (row["raised"], row["other_most_frequent_error"]) == (0, "RuntimeError: Infer Request is busy")
    assert "ratio" not in row
    assert "passes" in table.as_text(table.with_machine([row]))
    [row] = against_rows(["threads"], given, str(good), root=raising)
    assert row["passes"] is False
    [row] = against_rows(["threads"], given, str(good), least=0.01, root=good)
    assert row["passes"]
    assert (row["repeats"], row["unit"]) == (3, "photos/s")
    assert row["interval"][0] <= row["ratio"] <= row["interval"][1]
    assert row["ours_one_thread_photos_per_s"] > 0
