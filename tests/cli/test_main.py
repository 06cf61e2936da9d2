"""The command line: what it prints for people and machines, and one clear line for every mistake."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

import polycap
from command_line import HEAVY, ROOT, RUN, python
from encoders import make_encoder
from polycap.cli import name_options
from polycap.cli.app import app
from tiny import CODE, OTHER_CODE, Finished, World, change_json, run_polycap

pytest_plugins = ["tiny_fixtures"]


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
        "is of encoder another, but the encoder in use is",
    ),
    "caption: truncated pack": (
        lambda p: caption(p.photo, "--pack", p.truncated_pack()),
        "decoder.safetensors: is 1,000 bytes long; its card says",
    ),
    "caption: later pack": (lambda p: caption(p.photo, "--pack", p.pack(schema=3)), "update polycap"),
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
    "caption: no encoder": (
        lambda p: caption(p.photo, "--encoder", p.missing),
        "missing: no encoder here (card.json is missing); name the folder of one that `polycap tune-encoder` made "
        "(--encoder)",
    ),
    "caption: another encoder": (
        lambda p: caption(p.photo, "--encoder", make_encoder(p.out).folder),
        "make the pack anew with `polycap build qaa`, or give its encoder (--encoder)",
    ),
    "caption: a pack of former times": (
        lambda p: caption(p.photo, "--pack", p.pack(schema=1)),
        "a pack of schema 1, which had an encoder of its own; this polycap reads 2: install the language's new pack",
    ),
    "train: other units": (
        lambda p: train(p, "--set", "units=8"),
        "units=8: the photo layers of encoder",
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
    "train: impossible setting": (lambda p: train(p, "--set", "epochs=0"), "epochs=0 needs "),
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
        lambda p: ["features", p.data, "--out", p.features_of("plain", encoder="another")],
        "holds features of encoder another",
    ),
    "features: another PCA's": (
        lambda p: ["features", p.data, "--out", p.features_of("plain", pca="another")],
        "holds features of PCA another, not",
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
    monkeypatch.setattr("polycap.language.registry._built_in", lambda _: iter(()))
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


def test_help_says_each_default() -> None:
    """Once, at the end; flags that are off by default and what is required have none."""
    for words, command in commands(get_command(app)):
        for parameter in command.params if words else ():
            is_flag = getattr(parameter, "is_flag", False) and not parameter.secondary_opts
            text = parameter.help.removesuffix(" (repeatable)")
            assert (text != parameter.help) == getattr(parameter, "multiple", False), (words, parameter.name)
            if parameter.required or is_flag:
                assert "(default: " not in text, (words, parameter.name)
            else:
                assert text.endswith(")"), (words, parameter.name)
                assert text.count("(default: ") == 1, (words, parameter.name)


def test_help_says_the_default_of_the_code() -> None:
    helps = {
        (*words, parameter.name): parameter.help
        for words, command in commands(get_command(app))
        for parameter in command.params
    }
    assert helps["evaluate", "split"].endswith(" (default: dev)")
    assert helps["evaluate", "raw"].endswith(" (default: no)")
    assert helps["evaluate", "beam"].endswith(" (default: the language's own)")
    assert helps["new", "place"].endswith(" (default: .)")
    assert helps["build", "settings"].endswith(", and the recipe of the English pack) (repeatable)")


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


@pytest.mark.parametrize("how", ["none", "closed", "closed descriptor"])
def test_without_stderr_notes_are_not_among_the_results(tmp_path: Path, how: str) -> None:
    """As in services, by pythonw.exe, and after 2>&-."""
    (tmp_path / "sub").mkdir()
    code = {"none": "import sys; sys.stderr = None; ", "closed": "import sys; sys.stderr.close(); "}.get(how, "")
    closing = ["sh", "-c", 'exec "$@" 2>&-', "sh"] if how == "closed descriptor" else []
    done = subprocess.run(
        [*closing, sys.executable, "-c", code + RUN, "caption", "--json", str(tmp_path / "none.jpg"), str(tmp_path)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert [row["photo"] for row in rows] == [str(tmp_path / "none.jpg"), str(tmp_path)]


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
    done = python("-c", RUN, "translate", "pl", "--package", tmp_path / "none.argosmodel")
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
    assert caplog.messages == [f"{world.pack}: is a pack of {CODE} by its card, not of {OTHER_CODE}"]


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


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("`n_best` 0: too few", "--n-best 0: too few"),
        ("choose `runtime` keras", "choose --runtime keras"),
        ("train one with `polycap train qaa`, see `[probes]`", "train one with `polycap train qaa`, see `[probes]`"),
    ],
)
def test_errors_name_options(message: str, expected: str) -> None:
    assert name_options(message) == expected
