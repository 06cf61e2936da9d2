"""A caption set through an engine: each caption once, killed and gone on with, checked, with its origin to the end."""

import json
import os
import subprocess
import sys
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from tiny import CODE, Finished, make_data, make_language, run_polycap

from polycap.dataset import Caption, Dataset, Photo, load_dataset, read_captions
from polycap.errors import PolycapError, TranslationError
from polycap.language import Language
from polycap.language_folder import load_language
from polycap.translation.choose import EngineChoice, choose_engine
from polycap.translation.engine import Translation
from polycap.translation.journal import Journal
from polycap.translation.report import Pair, dropped_examples, sample_of, side_by_side, write_report
from polycap.translation.translate import TranslationReport, translate_captions

ORIGIN = "mt:fake/en_xx@1.0"


class Fake:
    """An engine that writes words backwards, and fails on purpose where a caption asks for it."""

    identity = "fake/en_xx@1.0"

    def __init__(self, fails_after: int = 10**9) -> None:
        self.asked: list[list[str]] = []
        self._fails_after = fails_after

    def translate(self, texts: Sequence[str]) -> list[Translation]:
        if len(self.asked) >= self._fails_after:
            raise TranslationError("the engine broke")
        self.asked.append(list(texts))
        return [Translation(" ".join(w[::-1] for w in text.split()), -len(text) / 100) for text in texts]


class Book:
    """An engine that looks translations up."""

    identity = "book/1"

    def __init__(self, answers: dict[str, Translation]) -> None:
        self._answers = answers

    def translate(self, texts: Sequence[str]) -> list[Translation]:
        return [self._answers[text] for text in texts]


def make_dataset(texts: list[list[str]]) -> Dataset:
    photos = tuple(
        Photo(f"p{n:03d}.jpg", Path(f"p{n:03d}.jpg"), "train", tuple(Caption(i, t) for i, t in enumerate(captions)))
        for n, captions in enumerate(texts)
    )
    return Dataset("made up", Path(), photos, (), "none")


SMALL = make_dataset([["a dog runs", "two cats sleep"], ["a dog runs", "a\nbird  flies away"], ["the sea"]])


@pytest.fixture(scope="module")
def language(tmp_path_factory: pytest.TempPathFactory) -> Language:
    return load_language(make_language(tmp_path_factory.mktemp("languages")))


def rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def translate(language: Language, out: Path, translator: Any = None, dataset: Dataset = SMALL) -> TranslationReport:
    return translate_captions(dataset, language, translator or Fake(), out, chunk=2)


def results(folder: Path) -> dict[str, bytes]:
    """All files but what a killed run left half written."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.suffix != ".part"
    }


# --- what comes out ---


def test_each_caption_once_and_rows_for_all(language: Language, tmp_path: Path) -> None:
    engine = Fake()
    report = translate(language, tmp_path / "xx.jsonl", engine)
    assert engine.asked == [["a bird flies away", "a dog runs"], ["the sea", "two cats sleep"]]
    assert (report.captions, report.unique, report.kept, report.origin) == (5, 4, 5, ORIGIN)
    first = {"image": "p000.jpg", "index": 0, "source": "a dog runs", "caption": "a god snur"}
    assert rows(report.out)[0] == {**first, "origin": ORIGIN, "score": -0.1}
    assert [(row["image"], row["index"]) for row in rows(report.out)] == [
        ("p000.jpg", 0),
        ("p000.jpg", 1),
        ("p001.jpg", 0),
        ("p001.jpg", 1),
        ("p002.jpg", 0),
    ]
    assert rows(report.dropped) == []
    assert report.lines()[0] == f"5 captions (4 different) into {CODE} by {ORIGIN}"


def test_it_is_a_caption_file_with_its_origin(language: Language, tmp_path: Path) -> None:
    report = translate(language, tmp_path / "xx.jsonl")
    captions, faults = read_captions(report.out, "human")
    assert faults == []
    assert captions["p002.jpg"] == (Caption(0, "eht aes", ORIGIN),)
    assert SMALL.caption_origin == "human"
    assert SMALL.with_captions(captions).caption_origin == ORIGIN


def test_dropped_captions_stop_nothing(language: Language, tmp_path: Path) -> None:
    answers = {
        "a dog runs": Translation("", -0.5),
        "a bird flies away": Translation("كلب يجري هنا", -0.5),
        "the sea": Translation("das Meer\nist <b>", float("nan")),
        "two cats sleep": Translation("zwei schlafen schlafen schlafen \ud800", -0.5),
    }
    report = translate(language, tmp_path / "xx.jsonl", Book(answers))
    assert rows(report.out) == [
        {"image": "p002.jpg", "index": 0, "source": "the sea", "caption": "das Meer ist <b>"}
        | {"origin": "mt:book/1", "score": None}
    ]
    assert report.gates == {
        "empty": 2,
        "copied": 0,
        "script": 1,
        "length": 0,
        "repeats": 1,
        "unknown": 0,
        "score": 0,
    }
    dropped = rows(report.dropped)
    assert [list(row["dropped"]) for row in dropped] == [["empty"], ["repeats"], ["empty"], ["script"]]
    assert dropped[1]["dropped"]["repeats"] == "the same words 3 times"
    value = report.to_json()
    assert (value["kept"], value["dropped"], value["gates"]["empty"]) == (1, 4, 2)
    assert "dropped 4 (80.00%)" in report.lines()[2]


def test_gates_are_applied_afterwards(language: Language, tmp_path: Path) -> None:
    """Their settings may change without anything being translated again."""
    translate(language, tmp_path / "xx.jsonl")
    gates = language.translation.gates.model_copy(update={"drop_lowest": 0.25})
    table = language.translation.model_copy(update={"gates": gates})
    strict = language.model_copy(update={"translation": table})
    engine = Fake()
    report = translate(strict, tmp_path / "xx.jsonl", engine)
    assert engine.asked == []
    assert (report.kept, report.gates["score"]) == (4, 1)
    assert rows(report.dropped)[0]["source"] == "a bird flies away"


def test_a_dataset_without_captions(language: Language, tmp_path: Path) -> None:
    report = translate(language, tmp_path / "xx.jsonl", dataset=make_dataset([]))
    assert (report.captions, report.kept, report.out.read_bytes()) == (0, 0, b"")
    assert "0.00%" in report.lines()[2]


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
    """A newer polycap may choose another size."""
    with pytest.raises(TranslationError):
        translate(language, tmp_path / "xx.jsonl", Fake(fails_after=1))
    engine = Fake()
    translate_captions(SMALL, language, engine, tmp_path / "xx.jsonl", chunk=100)
    assert engine.asked == [["the sea", "two cats sleep"]]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"engine": "other/1"}, "manifest.json:engine: this translation was begun with other/1, not fake/en_xx@1.0"),
        ({"captions": 3}, "manifest.json:captions: this translation was begun with 3, not 4; go on as it was begun"),
        ({"sha256": "0"}, "manifest.json:sha256: .*; go on as it was begun, choose another --out, or delete"),
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
    """Another engine's stays for another day."""
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


KILLED = """
import os, random, signal, threading, time
from pathlib import Path
from tqdm import tqdm
from polycap.dataset import Caption, Dataset, Photo
from polycap.language_folder import load_language
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


def test_killed_at_random_moments(language: Language, tmp_path: Path) -> None:
    """One process forks the runs, so that a kill costs no start of Python."""
    if not hasattr(os, "fork"):
        pytest.skip("needs fork")
    code = KILLED.format(language=str(language.folder), folder=str(tmp_path))
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) >= 25
    assert results(tmp_path / "killed") == results(tmp_path / "whole")


# --- engines that misbehave ---


def test_fewer_translations_than_asked(language: Language, tmp_path: Path) -> None:
    class Lazy(Fake):
        def translate(self, texts: Sequence[str]) -> list[Translation]:
            return super().translate(texts)[:-1]

    message = r"fake/en_xx@1.0: returned 1 translations of 2 captions; expected as many"
    with pytest.raises(TranslationError, match=message):
        translate(language, tmp_path / "xx.jsonl", Lazy())
    assert not (tmp_path / "xx.jsonl").exists()


def test_an_identity_that_no_list_can_hold(language: Language, tmp_path: Path) -> None:
    engine = Fake()
    engine.identity = "my engine"
    with pytest.raises(TranslationError, match="'my engine': has a space"):
        translate(language, tmp_path / "xx.jsonl", engine)


def test_a_place_that_is_a_file(language: Language, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(PolycapError, match="can't make this folder"):
        translate(language, tmp_path / "file" / "xx.jsonl")


# --- which engine ---


def test_the_folder_names_the_engine(language: Language) -> None:
    def facts(**values: str) -> Language:
        table = language.translation.model_copy(update=values)
        return language.model_copy(update={"translation": table})

    brazilian = facts(engine="argos", target="pb")
    assert choose_engine(brazilian) == EngineChoice("argos", "en", "pb")
    assert choose_engine(brazilian, source="de") == EngineChoice("argos", "de", "pb")
    assert choose_engine(brazilian, "other") == EngineChoice("other", "en", CODE)
    assert choose_engine(language, "other", "a", "b") == EngineChoice("other", "a", "b")
    for engine in ("none", "captions"):
        with pytest.raises(TranslationError, match=f'received "{engine}", which translates nothing; name an engine'):
            choose_engine(facts(engine=engine))


# --- for people ---


def test_sample_is_even(language: Language, tmp_path: Path) -> None:
    dataset = make_dataset([[f"word {'x' * n}"] for n in range(10)])
    report = translate(language, tmp_path / "xx.jsonl", dataset=dataset)
    kept = [f"p{n:03d}.jpg" for n in range(10)]
    assert [pair.image for pair in sample_of(report, 5)] == kept[::2]
    assert [pair.image for pair in sample_of(report, 99)] == kept
    assert sample_of(report, 0) == []
    assert side_by_side([Pair("a", 0, "a dog", "Hund"), Pair("b", 0, "x" * 70, "y")]) == [
        "a dog" + " " * 59 + " │ Hund",
        "x" * 70 + " │ y",
    ]


def test_the_page(language: Language, tmp_path: Path) -> None:
    facts = {"direction": "rtl", "code": "ar", "script": "Arab", "native_name": "العربية"}
    arabic = language.model_copy(update=facts)
    answers = {
        "a dog runs": Translation("كلب <b>يجري</b>", -0.25),
        "a bird flies away": Translation("a bird flies away"),
        "the sea": Translation(""),
        "two cats sleep": Translation("قطتان نائمتان", -1.5),
    }
    report = translate(arabic, tmp_path / "ar.jsonl", Book(answers))
    assert [pair.source for pair in dropped_examples(report, "copied")] == ["a bird flies away"]
    write_report(tmp_path / "page.html", arabic, report, sample_of(report))
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert '<td lang="ar" dir="rtl">كلب &lt;b&gt;يجري&lt;/b&gt;</td>' in page
    assert '<td lang="en" dir="ltr">a dog runs<span' in page
    assert "−0.25" in page
    assert "100% of its words are the source&#39;s" in page
    assert "mt:book/1 · 5 captions, 4 different" in page
    assert "<script" not in page
    assert "http" not in page.replace("http-equiv", "")


# --- the command, with an engine that another package brings ---

ENGINE = """
from polycap.translation.engine import Translation

class Translator:
    identity = "pigeon/1.0"
    def translate(self, texts):
        return [Translation(text.replace("white", "coo") if "bar" not in text else "") for text in texts]

class Engine:
    name = "pigeon"
    def pairs(self):
        return [("en", "coo")]
    def open(self, source, target):
        print("opened", source, target)
        return Translator()
    def install_file(self, path):
        print("installed", path)
    def install_pair(self, source, target):
        print("fetched", source, target)
"""


@pytest.fixture
def pigeon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The tiny data, a language, and an installed engine; the folder to work in."""
    site = tmp_path / "site"
    info = site / "pigeon-1.0.dist-info"
    info.mkdir(parents=True)
    (site / "polycap_pigeon.py").write_text(textwrap.dedent(ENGINE))
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: pigeon\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[polycap.translators]\npigeon = polycap_pigeon:Engine\n")
    monkeypatch.syspath_prepend(str(site))
    make_data(tmp_path / "data")
    folder = make_language(tmp_path / "languages")
    gates = '\n[translation]\nengine = "pigeon"\ntarget = "coo"\n\n[translation.gates]\nmax_copied = 1.0\n'
    (folder / "language.toml").write_text((folder / "language.toml").read_text() + gates)
    monkeypatch.setenv("POLYCAP_LANGUAGES", str(tmp_path / "languages"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def command(*options: object) -> Finished:
    return run_polycap("translate", CODE, "--data", "data", *options)


def test_translate_by_command(pigeon: Path) -> None:
    found = command("--sample", 3, "--html", "page.html", "--package", "x.pigeon", "--install")
    assert found.status == 0, found
    lines = found.out.splitlines()
    assert lines[:3] == ["installed x.pigeon", "fetched en coo", "opened en coo"]
    assert lines[3] == "A red circle on white. │ A red circle on coo."
    assert lines[-3:] == [
        f"60 captions (60 different) into {CODE} by mt:pigeon/1.0",
        "kept 40 in translations/qaa.jsonl",
        "dropped 20 (33.33%) in translations/qaa.dropped.jsonl: empty 20",
    ]
    assert (pigeon / "page.html").is_file()
    captions, _ = read_captions(pigeon / "translations" / "qaa.jsonl")
    assert {caption.origin for found in captions.values() for caption in found} == {"mt:pigeon/1.0"}


@pytest.mark.usefixtures("pigeon")
def test_a_package_alone() -> None:
    """As `polycap caption --via` needs it, of somebody who has no dataset."""
    assert run_polycap("translate", CODE, "--install") == Finished(0, "fetched en coo\n", "")
    assert "name the dataset with --data, or a package" in run_polycap("translate", CODE).fault()


def test_translate_by_command_in_json(pigeon: Path) -> None:
    found = command("--json", "--sample", 2, "--out", pigeon / "x.jsonl")
    value = json.loads(found.out.split("\n", 1)[1])  # the engine has printed a line
    assert (value["kept"], value["dropped"], value["gates"]["empty"]) == (40, 20, 20)
    assert value["sample"][0]["source"] == "A red circle on white."
    assert value["dropped_file"] == str(pigeon / "x.dropped.jsonl")


def test_mistakes_of_the_command(pigeon: Path) -> None:
    assert "no translation engine 'owl'; there are" in command("--engine", "owl").fault()
    assert "no translation engine 'owl'; there are" in command("--engine", "owl", "--install").fault()
    make_language(pigeon / "languages", "qab")
    assert "which translates nothing" in run_polycap("translate", "qab", "--data", "data").fault()
    first = command()
    assert first.status == 0
    manifest = pigeon / "translations" / "qaa.journal" / "manifest.json"
    manifest.write_text(manifest.read_text().replace("pigeon/1.0", "pigeon/0.9"))
    assert "begun with pigeon/0.9, not pigeon/1.0; go on as it was begun, choose another --out" in command().fault()


def test_translated_captions_are_of_the_dataset(pigeon: Path) -> None:
    command()
    captions, _ = read_captions(pigeon / "translations" / "qaa.jsonl")
    dataset = load_dataset(pigeon / "data").with_captions(captions)
    assert dataset.caption_origin == "mt:pigeon/1.0"
    assert len(dataset.photos) == 8  # the bars were dropped
