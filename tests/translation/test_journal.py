"""Tests of polycap/translation/journal.py."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from polycap.errors import TranslationError
from polycap.language import Language
from polycap.translation.engine import Translation
from polycap.translation.journal import Journal
from polycap.translation.translate import translate_captions
from translators import SMALL, Book, Fake, make_dataset, rows, translate

KILLED = """
import os, random, signal, threading, time
from pathlib import Path
from tqdm import tqdm
from polycap.dataset import ReferenceCaption as Caption, Dataset, Photo
from polycap.language import load_language
from polycap.translation.engine import Translation
from polycap.translation.translate import translate_captions

# tqdm's own lock is one for all forks: who is killed while holding it would stop all that come after
tqdm.set_lock(threading.RLock())

class Slow:
    identity = "slow/1"
    def translate(self, texts):
        time.sleep(0.04)  # 1.2 s in all: more than the first 25 runs have together
        return [Translation(text[::-1] if "7" not in text else "") for text in texts]

def photo(n):
    return Photo(f"{{n}}.jpg", Path(), "", tuple(Caption(i, f"caption {{i % 31}} of photo {{n}}") for i in range(40)))

dataset = Dataset("made up", Path(), tuple(photo(n) for n in range(5)), (), "none")
language, folder = load_language(Path({language!r})), Path({folder!r})

def run(name):
    translate_captions(dataset, language, Slow(), folder / name / "xx.jsonl", chunk=5, progress=False)

run("whole")
kills, chance = 0, random.Random(7)
while True:
    child = os.fork()
    if not child:
        run("killed")
        os._exit(0)
    end = time.monotonic() + chance.uniform(0.001, 0.04 * 1.5 ** max(0, kills - 25))  # longer and longer, to the end
    done, status = 0, 0
    while not done and time.monotonic() < end:
        time.sleep(0.001)
        done, status = os.waitpid(child, os.WNOHANG)
    if not done:
        os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
    if status == 0:
        break
    assert os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL, status
    assert kills < 45, "a run does not come to its end"
    kills += 1
print(kills)
"""


def results(folder: Path) -> dict[str, bytes]:
    """Return all files but temporary ones of a killed run."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.suffix != ".part"
    }


# --- stopped, and gone on with ---


def test_a_stopped_run_goes_on(language: Language, tmp_path: Path) -> None:
    out = tmp_path / "xx.jsonl"
    with pytest.raises(TranslationError, match="the engine broke"):
        translate(language, out, Fake(fails_after=1))
    assert not out.exists()
    engine = Fake()
    translate(language, out, engine)
    assert engine.asked == [["the sea", "two cats sleep"]]
    translate(language, tmp_path / "whole" / "xx.jsonl")
    whole = results(tmp_path / "whole")
    assert {name: content for name, content in results(tmp_path).items() if not name.startswith("whole")} == whole


def test_a_journal_cut_at_any_byte(language: Language, tmp_path: Path) -> None:
    translate(language, tmp_path / "xx.jsonl")
    whole = results(tmp_path)
    journal = tmp_path / "xx.journal" / "journal.jsonl"
    content = journal.read_bytes()
    for end in range(len(content)):
        journal.write_bytes(content[:end])
        translate(language, tmp_path / "xx.jsonl")
        assert results(tmp_path) == whole, end


@pytest.mark.parametrize(
    "line", [b"\x00\x00\n", b"[]\n", b'{"a": 1}\n', b'[["x", "y", 0], ["x", null, 0]]\n', b"[[]]\n"]
)
def test_a_damaged_journal_is_mended(language: Language, tmp_path: Path, line: bytes) -> None:
    translate(language, tmp_path / "xx.jsonl")
    whole = results(tmp_path)
    journal = tmp_path / "xx.journal" / "journal.jsonl"
    lines = journal.read_bytes().splitlines(keepends=True)
    for damaged in ([line, lines[1]], [lines[0], line], [*lines, line]):
        journal.write_bytes(b"".join(damaged))
        translate(language, tmp_path / "xx.jsonl")
        assert results(tmp_path) == whole


def test_a_journal_without_its_manifest_is_begun_anew(language: Language, tmp_path: Path) -> None:
    translate(language, tmp_path / "xx.jsonl")
    whole = results(tmp_path)
    (tmp_path / "xx.journal" / "manifest.json").unlink()
    translate(language, tmp_path / "xx.jsonl")
    assert results(tmp_path) == whole


def test_chunks_stay_as_they_were_begun(language: Language, tmp_path: Path) -> None:
    """Another version of polycap may use another size."""
    with pytest.raises(TranslationError):
        translate(language, tmp_path / "xx.jsonl", Fake(fails_after=1))
    engine = Fake()
    translate_captions(SMALL, language, engine, tmp_path / "xx.jsonl", chunk=100)
    assert engine.asked == [["the sea", "two cats sleep"]]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"engine": "other/1"}, "manifest.json:engine: this translation was started with other/1, not fake/en_xx@1.0"),
        (
            {"captions": 3},
            "manifest.json:captions: this translation was started with 3, not 4; continue as it was started",
        ),
        ({"sha256": "0"}, "manifest.json:sha256: .*; continue as it was started, choose another `out`, or delete"),
        ({"chunk": 0}, "manifest.json:chunk: 0; expected a number above 0"),
    ],
)
def test_another_engine_or_other_captions_are_refused(
    language: Language, tmp_path: Path, change: dict[str, Any], message: str
) -> None:
    translate(language, tmp_path / "xx.jsonl")
    before = results(tmp_path)
    manifest = tmp_path / "xx.journal" / "manifest.json"
    manifest.write_text(json.dumps({**json.loads(manifest.read_text()), **change}))
    with pytest.raises(TranslationError, match=message):
        translate(language, tmp_path / "xx.jsonl")
    manifest.write_bytes(before["xx.journal/manifest.json"])
    assert results(tmp_path) == before


def test_a_journal_elsewhere(language: Language, tmp_path: Path) -> None:
    """A journal of another engine is not changed."""
    for engine, name in ((Fake(), "one"), (Book({t: Translation("x") for t in ("a dog runs", "the sea")}), "other")):
        dataset = make_dataset([["a dog runs", "the sea"]])
        report = translate_captions(dataset, language, engine, tmp_path / "xx.jsonl", journal=tmp_path / name)
        assert rows(report.out)[0]["origin"] == f"mt:{engine.identity}"
    assert {path.name for path in tmp_path.iterdir()} == {"one", "other", "xx.jsonl", "xx.dropped.jsonl"}


def test_two_at_once(tmp_path: Path) -> None:
    pytest.importorskip("fcntl")
    with Journal(tmp_path, "x", ["a"]), pytest.raises(TranslationError, match="another translation is running here"):
        Journal(tmp_path, "x", ["a"])
    with Journal(tmp_path, "x", ["a"]):
        pass


def test_killed_at_random_moments(language: Language, tmp_path: Path) -> None:
    """One process forks the runs, since starting Python takes longer."""
    if not hasattr(os, "fork"):
        pytest.skip("needs fork")
    code = KILLED.format(language=str(language.folder), folder=str(tmp_path))
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) >= 25
    assert results(tmp_path / "killed") == results(tmp_path / "whole")
