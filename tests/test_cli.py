"""The command line: what it prints for people and machines, and one clear line for every mistake."""

import fcntl
import io
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tiny import CODE, OTHER_CODE, Finished, World, change_json, make_language, run_polycap
from typer.main import get_command

import polycap
from polycap.cli.app import app
from polycap.decoder.pack import read_card
from polycap.decoder.search import Search
from polycap.metrics import METRICS

pytest_plugins = ["tiny_fixtures"]

ROOT = Path(__file__).parent.parent
HEAVY = ("tensorflow", "keras", "sentencepiece", "argostranslate", "sacrebleu", "torch")
RUN = "from polycap.cli import main; main()"


def python(*arguments: object, **options: Any) -> subprocess.CompletedProcess[str]:
    """A fresh interpreter that knows polycap."""
    return subprocess.run(
        [sys.executable, *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
        **options,
    )


@pytest.fixture
def photo(tiny_data: Path) -> Path:
    return tiny_data / "Images" / "p00.jpg"


# --- from one end to the other ---


def test_features_and_train(finished_world: World) -> None:
    made, trained = finished_world.printed
    assert f"{finished_world.features}: 13 photos, 2 views; 8 components of the last cells keep " in made.out
    assert f"polycap: corrupt.jpg: {finished_world.data / 'Images' / 'corrupt.jpg'}: is not an image" in made.err
    assert trained.out == f"{finished_world.pack}\n"
    assert {path.name for path in finished_world.features.iterdir()} == {
        ".lock",
        "hashes.json",
        "mirrored",
        "pca.safetensors",
        "plain",
    }
    card = read_card(finished_world.pack)
    assert card.language == CODE
    assert card.training["epochs"] == 20
    assert card.data["train photos"] == 8  # without the corrupt one
    for text in (made.out, trained.out):
        assert "Traceback" not in text
    assert "photo/s" not in made.err  # bars are for terminals


def test_the_commands_go_on_where_they_stopped(world: World) -> None:
    """Here: nothing is left to do."""
    stamps = {path: path.stat().st_mtime_ns for path in world.features.rglob("*") if path.is_file()}
    again = run_polycap("features", world.data, "--out", world.features, "--components", 8)
    assert again.status == 0
    assert again.out == world.printed[0].out
    assert {path: path.stat().st_mtime_ns for path in stamps} == stamps


def test_two_trainings_in_one_folder(world: World, tmp_path: Path) -> None:
    with (tmp_path / ".lock").open("a") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        found = run_polycap("train", CODE, "--data", world.data, "--features", world.features, "--out", tmp_path)
    assert f"{tmp_path}: another build of {CODE} is running here; wait for it, or end it" in found.fault()
    assert [path.name for path in tmp_path.iterdir()] == [".lock"]


@pytest.mark.usefixtures("world")
def test_languages_in_json() -> None:
    found = run_polycap("languages", "--json")
    assert found.status == 0
    rows = json.loads(found.out)
    for row in rows:
        assert list(row) == ["code", "name", "native_name", "script", "direction", "status", "installed"]
    by_code = {row["code"]: row for row in rows}
    assert list(by_code) == sorted(by_code)
    assert "en" in by_code
    common = {"name": "Tiny", "native_name": "ynit", "script": "Latn"}
    assert by_code[CODE] == {"code": CODE, **common, "direction": "ltr", "status": "trained", "installed": False}
    rest = {"direction": "rtl", "status": "untrained", "installed": False}
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
    assert all(line.startswith("polycap: qad: ") for line in found.err.splitlines())
    assert "language.toml:code" in found.err
    status = {row["code"]: row["status"] for row in json.loads(run_polycap("languages", "--json").out)}
    assert status["qad"] == "broken"


@pytest.mark.usefixtures("world", "quick_encoder")
def test_captions_for_people(photo: Path) -> None:
    found = run_polycap("caption", photo, photo.parent / "p01.jpg", "--language", CODE)
    assert (found.status, found.err) == (0, "")
    lines = [line.split("\t") for line in found.out.splitlines()]
    assert [line[0] for line in lines] == [str(photo), str(photo.parent / "p01.jpg")]
    assert all(len(line) == 2 and line[1] for line in lines)


@pytest.mark.usefixtures("world", "quick_encoder")
def test_captions_in_json(photo: Path, tmp_path: Path) -> None:
    """Good and bad photos and a path that is not there: a line for each, and status 1."""
    bad, missing, empty = tmp_path / "bad.jpg", tmp_path / "missing.jpg", tmp_path / "empty"
    bad.write_text("not a photo")
    empty.mkdir()
    found = run_polycap("caption", photo, missing, bad, empty, "--language", CODE, "--json", "--n-best", 2)
    assert found.status == 1
    rows = {row["photo"]: row for row in found.rows}
    assert set(rows) == {str(photo), str(bad), str(missing), str(empty)}
    for path, message in ((bad, "is not an image"), (missing, "no such file"), (empty, "no photo in this folder")):
        assert list(rows[str(path)]) == ["photo", "error"]
        assert message in rows[str(path)]["error"]
        assert rows[str(path)]["error"] in found.err
    assert len(found.err.splitlines()) == 3
    row = rows[str(photo)]
    assert list(row) == ["photo", "language", "caption", "score", "candidates"]
    assert row["language"] == CODE
    assert 1 <= len(row["candidates"]) <= 2
    for candidate in row["candidates"]:
        assert list(candidate) == ["caption", "score", "log_prob"]
    assert row["candidates"][0]["caption"] == row["caption"]
    assert row["candidates"][0]["score"] == row["score"] < 0


@pytest.mark.usefixtures("world", "quick_encoder")
def test_a_photo_on_standard_input(photo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = tmp_path / "page.html"
    named = run_polycap("caption", photo, "--language", CODE).out
    with photo.open("rb") as stream:
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(stream))
        found = run_polycap("caption", "-", "--language", CODE, "--html", page)
    assert (found.status, found.err) == (0, "")
    assert found.out == named.replace(str(photo), "-")
    assert "data:image/jpeg;base64," in page.read_text(encoding="utf-8")
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"")))
    empty = run_polycap("caption", "-", "--language", CODE)
    assert (empty.status, empty.out) == (1, "")
    assert "polycap: -: is not an image" in empty.err
    monkeypatch.setattr("sys.stdin", None)
    closed = run_polycap("caption", "-", "--language", CODE)
    assert (closed.status, closed.out) == (1, "")
    assert "polycap: -: standard input is closed" in closed.err


def test_a_path_of_an_empty_variable() -> None:
    """Not the folder that one happens to be in."""
    found = run_polycap("caption", "")
    assert (found.status, found.out) == (1, "")
    assert 'polycap: "": names no photo' in found.err


def test_several_languages_and_a_page(
    world: World, quick_encoder: Any, photo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoded, grid = [], quick_encoder.grid

    def counted(pixels: Any) -> Any:
        encoded.append(len(pixels))
        return grid(pixels)

    monkeypatch.setattr(quick_encoder, "grid", counted)
    folder, page = tmp_path / "photos", tmp_path / "deep" / "page.html"
    folder.mkdir()
    shutil.copy(photo, folder / "a.jpg")
    (folder / "b.jpg").write_text("not a photo")
    other = world.places / OTHER_CODE / "pack"
    other.symlink_to(world.pack)
    try:
        both = run_polycap("caption", folder, "--language", f"{CODE},{OTHER_CODE},{CODE}", "--html", page)
        assert encoded == [1], "a photo is encoded once for all languages"
        every = run_polycap("caption", folder, "--language", "all")
    finally:
        other.unlink()
    assert both.status == 1  # b.jpg
    lines = [line.split("\t") for line in both.out.splitlines()]
    assert [line[:2] for line in lines] == [[str(folder / "a.jpg"), CODE], [str(folder / "a.jpg"), OTHER_CODE]]
    assert {tuple(line) for line in lines} <= {tuple(line.split("\t")) for line in every.out.splitlines()}
    html = page.read_text(encoding="utf-8")
    assert lines[0][2] in html
    assert "data:image/jpeg;base64," in html
    assert 'dir="rtl"' in html
    assert "a.jpg" in html
    assert "b.jpg" in html
    assert "is not an image" in html


@pytest.mark.usefixtures("world", "quick_encoder")
def test_the_beam(photo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The language's own, unless told; wider for more candidates; never wider than told."""
    widths = []

    def watched(decoder: Any, settings: Any) -> Search:
        widths.append(settings.beam_width)
        return Search(decoder, settings)

    monkeypatch.setattr("polycap.decoder.search.Search", watched)
    counts = []
    for options in ((), ("--n-best", 6), ("--beam", 2, "--n-best", 6)):
        found = run_polycap("caption", photo, "--language", CODE, "--json", *options)
        [row] = found.rows
        counts.append(len(row["candidates"]))
    assert widths == [3, 6, 2]
    assert counts[0] == 1
    assert 2 < counts[1] <= 6
    assert counts[2] <= 2


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
    assert lines["references"] == "1 per photo, mt:engine (by machine: likeness to it is scored)"
    assert lines["split"] == "test, 1 photos"
    assert lines["people"] == "not available: the references are not people's, but mt:engine"
    assert "polycap: 1 faults in" in found.err
    assert "p00.jpg: is not an image" in found.err
    folder = Path("evaluation") / f"{CODE}-test"
    assert f"predictions and references are in {folder}" in found.err
    assert (folder / "predictions.txt").is_file()
    [score] = read_card(pack).scores
    assert score["references_origin"] == "mt:engine"
    assert f"{score['bleu4']:6.2f} ± 0.00" == lines["BLEU-4"]
    assert "lengths" not in score
    assert (score["failures"]["photos"], score["failures"]["different_captions"]) == (1, 1)
    assert "Looked for in the captions of 1 photos of the test split, references: mt:engine." in (
        pack / "CARD.md"
    ).read_text(encoding="utf-8")


def test_data_check(tiny_data: Path, tmp_path: Path) -> None:
    good = run_polycap("data", "check", tiny_data)
    assert good.status == 0
    assert "12 photos, 60 captions" in good.out
    row = json.loads(run_polycap("data", "check", tiny_data, "--json").out)
    assert row["splits"] == {"train": 8, "dev": 2, "test": 2, "none": 0}
    bad = shutil.copytree(tiny_data, tmp_path / "data")
    (bad / "Images" / "p00.jpg").write_text("not a photo")
    found = run_polycap("data", "check", bad)
    assert found.status == 1
    assert "faults: 1" in found.out
    assert run_polycap("data", "check", bad, "--no-decode").status == 0


# --- mistakes ---


class Place:
    """Things that are wrong, each by its name."""

    def __init__(self, world: World, folder: Path) -> None:
        self.world, self.folder = world, folder
        self.photo = world.data / "Images" / "p00.jpg"
        self.data, self.features, self.out = world.data, world.features, folder / "out"
        self.missing = folder / "missing"
        self.text = folder / "text.jpg"
        self.text.write_text("not a photo")
        self.empty = folder / "empty"
        self.empty.mkdir()
        self.below_a_file = self.text / "deeper"

    def pack(self, **changes: Any) -> Path:
        """A copy of the trained pack with changes in its card."""
        pack = shutil.copytree(self.world.pack, self.folder / "pack")
        change_json(pack / "card.json", **changes)
        return pack

    def truncated_pack(self) -> Path:
        pack = self.pack()
        os.truncate(pack / "decoder.safetensors", 1000)
        return pack

    def features_of(self, view: str, **changes: Any) -> Path:
        """A copy of the features, one store of which says that it is another's."""
        features = shutil.copytree(self.features, self.folder / "features")
        change_json(features / view / "store.json", **changes)
        return features

    def weights(self, name: str) -> Path:
        path = self.folder / name
        path.write_bytes(b"no weights")
        return path


def caption(*arguments: Any, code: str = CODE) -> list[Any]:
    return ["caption", *arguments, "--language", code]


def evaluate(place: Place, *arguments: Any, code: str = CODE) -> list[Any]:
    return ["evaluate", code, "--data", place.data, "--out", place.out, *arguments]


def train(place: Place, *arguments: Any, code: str = CODE, out: Path | None = None) -> list[Any]:
    return ["train", code, "--data", place.data, "--features", place.features, "--out", out or place.out, *arguments]


MISTAKES: dict[str, tuple[Callable[[Place], list[Any]], str]] = {
    "caption: unknown language": (lambda p: caption(p.photo, code="xx"), "unknown language 'xx'"),
    "caption: almost a language": (lambda p: caption(p.photo, code="qaaa"), f"did you mean '{CODE}'"),
    "caption: untrained": (lambda p: caption(p.photo, code=OTHER_CODE), f"{OTHER_CODE}: no trained pack yet in"),
    "caption: no language": (lambda p: caption(p.photo, code=","), "--language ',': names no language"),
    "caption: nothing for a language": (lambda p: caption(p.photo, code=""), "--language '': names no language"),
    "caption: no such file": (lambda p: caption(p.missing), "missing: no such file or folder"),
    "caption: not an image": (lambda p: caption(p.text), "text.jpg: is not an image that Pillow can read"),
    "caption: empty folder": (lambda p: caption(p.empty), "empty: no photo in this folder"),
    "caption: other encoder": (
        lambda p: caption(p.photo, "--pack", p.pack(encoder="another")),
        "was trained for encoder another, but the encoder at hand is",
    ),
    "caption: truncated pack": (
        lambda p: caption(p.photo, "--pack", p.truncated_pack()),
        "decoder.safetensors: is 1,000 bytes long; its card says",
    ),
    "caption: later pack": (lambda p: caption(p.photo, "--pack", p.pack(schema=2)), "update polycap"),
    "caption: no pack there": (lambda p: caption(p.photo, "--pack", p.empty), "empty: no trained pack here"),
    "caption: one pack for two": (
        lambda p: caption(p.photo, "--pack", p.world.pack, code=f"{CODE},{OTHER_CODE}"),
        f"--pack is one language's, but --language names 2: {CODE}, {OTHER_CODE}",
    ),
    "caption: page unwritable": (
        lambda p: caption(p.photo, "--html", p.below_a_file / "page.html"),
        "deeper: can't make this folder",
    ),
    "caption: page is a folder": (
        lambda p: caption(p.photo, "--html", p.empty),
        "empty: is a folder; name a file for the page",
    ),
    "caption: no weights": (lambda p: caption(p.photo, "--encoder-weights", p.missing), "missing: no such file"),
    "caption: broken weights": (
        lambda p: caption(p.photo, "--encoder-weights", p.weights("x.safetensors")),
        "x.safetensors: can't be read as Xception's weights",
    ),
    "caption: weights of a kind": (
        lambda p: caption(p.photo, "--encoder-weights", p.weights("x.bin")),
        "x.bin: encoder weights are .safetensors, .h5, .keras, .whl files",
    ),
    "evaluate: unknown language": (lambda p: evaluate(p, code="xx"), "unknown language 'xx'"),
    "evaluate: several languages": (lambda p: evaluate(p, code=f"{CODE},en"), f"unknown language '{CODE},en'"),
    "evaluate: all languages": (lambda p: evaluate(p, code="all"), "unknown language 'all'"),
    "evaluate: untrained": (lambda p: evaluate(p, code=OTHER_CODE), f"{OTHER_CODE}: no trained pack yet"),
    "evaluate: unknown split": (lambda p: evaluate(p, "--split", "all"), "choose one of train, dev, test"),
    "evaluate: no dataset": (lambda p: ["evaluate", CODE, "--data", p.missing], "missing: can't be listed"),
    "evaluate: no captions": (lambda p: ["evaluate", CODE, "--data", p.empty], "empty: no captions; looked"),
    "evaluate: no references": (lambda p: evaluate(p, "--references", p.missing), "missing: can't be read"),
    "evaluate: foreign references": (
        lambda p: evaluate(p, "--references", p.photo),
        "p00.jpg: is not UTF-8 text",
    ),
    "evaluate: no features": (lambda p: evaluate(p, "--features", p.empty), "empty: no features here"),
    "evaluate: other encoder's features": (
        lambda p: evaluate(p, "--features", p.features_of("plain", encoder="another")),
        "features of encoder another, but",
    ),
    "evaluate: truncated pack": (lambda p: evaluate(p, "--pack", p.truncated_pack()), "its card says"),
    "evaluate: unwritable": (lambda p: evaluate(p, "--out", p.below_a_file), "deeper: can't make this folder"),
    "train: unknown language": (lambda p: train(p, code="xx"), "unknown language 'xx'"),
    "train: unknown setting": (lambda p: train(p, "--set", "epoch=3"), "'epoch=3': expected NAME=VALUE"),
    "train: impossible setting": (lambda p: train(p, "--set", "epochs=0"), "epochs=0: "),
    "train: no features": (lambda p: train(p, "--features", p.missing), "missing: no features here"),
    "train: other encoder's features": (
        lambda p: train(p, "--features", p.features_of("mirrored", encoder="another")),
        "features of encoder another, but",
    ),
    "train: no captions": (lambda p: train(p, "--captions", p.missing), "missing: can't be read"),
    "train: unwritable": (lambda p: train(p, out=p.below_a_file), "deeper: can't make this folder"),
    "train: other settings": (
        lambda p: train(p, "--set", "epochs=99", out=p.world.run),
        "config.json:settings: this run was started with",
    ),
    "features: no dataset": (lambda p: ["features", p.missing], "missing: can't be listed"),
    "features: no captions": (lambda p: ["features", p.empty], "empty: no captions; looked"),
    "features: unwritable": (
        lambda p: ["features", p.data, "--out", p.below_a_file],
        "can't make this folder",
    ),
    "features: other encoder's": (
        lambda p: ["features", p.data, "--components", 8, "--out", p.features_of("plain", encoder="another")],
        "holds features of encoder another",
    ),
    "features: other components": (
        lambda p: ["features", p.data, "--components", 9, "--out", p.features],
        "has 8 components, not 9",
    ),
    "data check: nothing there": (lambda p: ["data", "check", p.missing], "missing: can't be listed"),
    "data fetch: unknown": (lambda p: ["data", "fetch", "imagenet", p.out], "imagenet: no such dataset to fetch"),
}


@pytest.mark.usefixtures("quick_encoder")
@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_gets_one_line(mistake: str, world: World, tmp_path: Path) -> None:
    command, message = MISTAKES[mistake]
    found = run_polycap(*command(Place(world, tmp_path)))
    assert message in found.fault()
    assert found.out == ""


def test_no_language_is_trained(tmp_path: Path, photo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("polycap.registry._built_in", lambda _: iter(()))
    monkeypatch.setenv("POLYCAP_LANGUAGES", str(tmp_path))
    found = run_polycap(*caption(photo, code="all"))
    assert "--language all: no language has a trained pack; make one with `polycap build`" in found.fault()


@pytest.mark.parametrize(
    "arguments",
    [["caption"], ["caption", "x.jpg", "--beam", "0"], ["caption", "x.jpg", "--beam", "x"], ["nothing"], ["--nothing"]],
)
def test_wrong_usage(arguments: list[str]) -> None:
    found = run_polycap(*arguments)
    assert found.status == 2
    assert found.out == ""
    assert "Usage: " in found.err
    assert "Traceback" not in found.err


def commands(command: Any, *words: str) -> Iterator[tuple[tuple[str, ...], Any]]:
    """A command and all below it, each with the words that call it."""
    yield words, command
    for name, below in getattr(command, "commands", {}).items():
        yield from commands(below, *words, name)


def test_help_says_what_was_written(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rich would take what stands in brackets for markup, and cut words in a narrow terminal."""
    for columns in (40, 80):
        monkeypatch.setenv("COLUMNS", str(columns))
        for words, command in commands(get_command(app)):
            usage, *lines = run_polycap(*words, "--help").out.splitlines()
            assert columns < 80 or not any(line.endswith("...") for line in lines), (usage, lines)
            shown = "".join("".join(lines).split())
            for text in [command.help, *(getattr(parameter, "help", None) for parameter in command.params)]:
                assert "".join((text or "").split()) in shown, (words, text)


def test_mistakes_in_a_fresh_process(tmp_path: Path, photo: Path) -> None:
    """As a person meets them: and without waiting for TensorFlow."""
    text = tmp_path / "text.jpg"
    text.write_text("not a photo")
    spy = "import sys, atexit; atexit.register(lambda: print([m for m in {} if m in sys.modules]))\n"
    for arguments, message in (
        (["caption", tmp_path / "none.jpg"], "none.jpg: no such file or folder"),
        (["caption", photo, "--language", "xx"], "unknown language 'xx'"),
        (["train", "en", "--data", tmp_path, "--out", tmp_path, "--set", "a=1"], "'a=1': expected NAME=VALUE"),
        (["data", "check", tmp_path], "no captions; looked"),
    ):
        done = python("-c", spy.format(HEAVY) + RUN, *arguments)
        assert done.returncode == 1
        [line] = done.stderr.splitlines()
        assert line.startswith("polycap: ")
        assert message in line
        assert done.stdout == "[]\n"


@pytest.mark.parametrize("encoding", ["", "ascii"])
def test_captions_in_any_locale(encoding: str) -> None:
    """In UTF-8, unless the environment says otherwise: then letters that it lacks are spelled out."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    done = subprocess.run(
        [sys.executable, "-c", RUN, "languages"],
        env={**environment, "PYTHONIOENCODING": encoding} if encoding else environment,
        capture_output=True,
        check=False,
    )
    assert done.stderr == b""
    assert ("Français".encode() if not encoding else rb"Fran\xe7ais") in done.stdout


def test_interrupted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before there is a command to be interrupted, too."""

    def interrupt() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("polycap.cli._run", interrupt)
    assert run_polycap("languages") == Finished(130, "", "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
def test_output_that_finds_no_room() -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-c", RUN, "languages"],
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert (done.returncode, done.stderr) == (1, "polycap: No space left on device\n")


def test_a_notice_is_given_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By a command that looks for languages twice: the one to translate into, and the one to translate from."""
    monkeypatch.setenv("POLYCAP_LANGUAGES", str(tmp_path / "nowhere"))
    done = python("-c", RUN, "translate", "it", "--package", tmp_path / "none.argosmodel")
    notice, fault = done.stderr.splitlines()
    assert "nowhere, which is no folder" in notice
    assert "none.argosmodel: no such file" in fault


def test_the_version() -> None:
    assert run_polycap("--version").out == f"{polycap.__version__}\n"


@pytest.mark.usefixtures("world", "quick_encoder")
def test_a_pack_is_of_its_own_language(photo: Path, world: World, caplog: pytest.LogCaptureFixture) -> None:
    [row] = run_polycap("caption", photo, "--pack", world.pack, "--json").rows
    assert row["language"] == CODE
    assert caplog.messages == []
    assert run_polycap(*caption(photo, "--pack", world.pack, code=OTHER_CODE)).status == 0
    assert caplog.messages == [f"{world.pack}: captions in {CODE}, by its card, and not in {OTHER_CODE}"]


@pytest.mark.usefixtures("world", "quick_encoder")
def test_names_that_would_break_the_output(photo: Path, tmp_path: Path) -> None:
    """A line is a photo, and speaks to no terminal; bytes that are no UTF-8 stop nothing."""
    names = (b"a\nb\t\x1b[2J.jpg", b"\xff.jpg")
    for name in names:
        shutil.copy(os.fsencode(photo), os.fsencode(tmp_path) + b"/" + name)
    page = tmp_path / "page.html"
    lines = run_polycap(*caption(tmp_path)).out.splitlines()
    assert [line.count("\t") for line in lines] == [1, 1]
    assert lines[0].startswith(rf"{tmp_path}/a\nb\t\x1b[2J.jpg")
    found = run_polycap(*caption(tmp_path, "--json", "--html", page))
    assert [os.fsencode(row["photo"]) for row in found.rows] == [os.fsencode(tmp_path) + b"/" + name for name in names]
    found.out.encode()
    assert r"\udcff.jpg" in page.read_text(encoding="utf-8")


def test_output_that_nobody_reads(world: World) -> None:
    """`polycap languages | true`"""
    process = subprocess.Popen(
        [sys.executable, "-c", RUN, "languages"],
        env={**os.environ, "PYTHONPATH": str(ROOT), "POLYCAP_LANGUAGES": str(world.places)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    with process.stderr as stream:
        assert stream.read() == ""
    assert process.wait() == 1


# --- what is loaded when ---


@pytest.mark.parametrize("command", [["--help"], ["languages"], ["languages", "--json"], ["caption", "--help"]])
def test_light_commands(command: list[str]) -> None:
    spy = f"import sys, atexit; atexit.register(lambda: print([m for m in {HEAVY} if m in sys.modules]))\n{RUN}"
    done = python("-c", spy, *command)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert done.stdout.endswith("\n[]\n")
    assert len(done.stdout.splitlines()) > 1


def test_the_list_is_made_without_what_it_does_not_need(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The parser; and the registries of codes, unless there are folders that polycap's own tests have not seen."""
    make_language(tmp_path)
    loaded = "[name for name in ('typer', 'langcodes') if name in sys.modules]"
    spy = f"import sys, atexit; atexit.register(lambda: print({loaded}))\n{RUN}"
    for place, expected in (("", []), (str(tmp_path), ["langcodes"])):
        monkeypatch.setenv("POLYCAP_LANGUAGES", place)
        *lines, last = python("-c", spy, "languages").stdout.splitlines()
        assert last == str(expected)
        parsed = json.loads(run_polycap("languages", "--json").out)  # by way of the parser
        assert [line.split()[:2] for line in lines] == [[row["code"], row["status"]] for row in parsed]


def test_light_import() -> None:
    code = f"import sys, polycap, polycap.cli; dir(polycap); print([m for m in {HEAVY} if m in sys.modules])"
    done = python("-c", code)
    assert (done.stdout, done.stderr) == ("[]\n", "")


@pytest.mark.usefixtures("world")
def test_the_default_language_is_the_captions_own(photo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without --language: POLYCAP_LANGUAGE, or else what is trained and no translation."""
    monkeypatch.setattr("polycap.registry._built_in", lambda _: iter(()))
    given = run_polycap("caption", photo, "--json").rows
    assert [row["language"] for row in given] == [CODE]
    monkeypatch.setenv("POLYCAP_LANGUAGE", OTHER_CODE)
    assert "no trained pack yet" in run_polycap("caption", photo).fault()
