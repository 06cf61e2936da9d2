"""The pages: their commands exist with these options, their links lead somewhere, and marked blocks run.

A block after `<!-- run -->` is executed in a folder with `data/` (the tiny dataset), `features/`, `photo.jpg` and
`photos/`, where `en`, `de` and `ar` are trained languages of the tiny world.
"""

import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import typer

import polycap
from polycap.cli.app import app
from polycap.language import Language
from polycap.training.settings import parse_settings
from tiny import World, change_json, make_language, run_polycap

ROOT = Path(__file__).parent.parent
PAGES = sorted(
    path for pattern in ("*.md", "languages/*.md", "polycap/**/*.md", "scripts/*.md") for path in ROOT.glob(pattern)
)
NAMES = [str(path.relative_to(ROOT)) for path in PAGES]
pytest_plugins = ["tiny_fixtures"]


class Block(NamedTuple):
    """A fenced block: its language, its lines, and whether it is to be run."""

    kind: str
    text: str
    is_run: bool

    @property
    def commands(self) -> list[str]:
        """The commands of a console block, continued lines joined, without what they print."""
        joined = self.text.replace("\\\n", " ")
        return [line.removeprefix("$ ") for line in joined.splitlines() if line.startswith("$ ")]


def blocks(page: str) -> list[Block]:
    text = (ROOT / page).read_text(encoding="utf-8")
    found = re.findall(r"(<!-- run -->\n)?^```(\w*)\n(.*?)^```$", text, re.S | re.M)
    assert len(found) == text.count("\n```") / 2, f"{page}: a fence without its end"
    return [Block(kind, body, bool(run)) for run, kind, body in found]


def calls(command: str) -> Iterator[list[str]]:
    """The arguments of each `polycap` in a line of a shell."""
    lexer = shlex.shlex(command, posix=True, punctuation_chars="|&;<>")
    lexer.whitespace_split = True
    words: list[str] = []
    for word in [*lexer, ";"]:
        if set(word) <= set("|&;<>"):
            while words and re.fullmatch(r"[A-Z_]+=.*", words[0]):
                words.pop(0)
            if words[:1] == ["polycap"]:
                yield words[1:]
            words = []
        else:
            words.append(word)


def find_command(words: list[str]) -> tuple[Any, list[str]]:
    """The command that these words name, and the rest of them."""
    command: Any = typer.main.get_command(app)
    while hasattr(command, "commands"):
        assert words, f"{command.name}: names no command"
        assert words[0] in command.commands, f"polycap has no command {words[0]!r}"
        command, words = command.commands[words[0]], words[1:]
    return command, words


def parse_call(words: list[str]) -> dict[str, Any]:
    """The values that the command line would hand on."""
    command, rest = find_command(words)
    if "--help" in rest:
        return {}
    values: dict[str, Any] = command.make_context(command.name, rest).params
    return values


def test_there_are_pages() -> None:
    assert len(PAGES) >= 10
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= 150


@pytest.mark.parametrize("page", NAMES)
def test_every_command_exists_with_its_options(page: str) -> None:
    for block in blocks(page):
        for words in (words for command in block.commands if block.kind == "console" for words in calls(command)):
            try:
                values = parse_call(words)
            except Exception as error:
                pytest.fail(f"{page}: polycap {shlex.join(words)}: {getattr(error, 'message', error)}")
            assert parse_settings(values.get("settings") or values.get("assignments") or [])


@pytest.mark.parametrize("page", NAMES)
def test_every_command_in_a_sentence_exists(page: str) -> None:
    text = re.sub(r"^```.*?^```$", "", (ROOT / page).read_text(encoding="utf-8"), flags=re.S | re.M)
    for code in re.findall(r"`polycap ([a-z][^`]*)`", text):
        words = code.split()
        command, rest = find_command(words if words[0] != "data" or len(words) > 1 else ["data", "check"])
        known = {name for option in command.params for name in (*option.opts, *option.secondary_opts)} | {"--help"}
        assert {word for word in rest if word.startswith("--")} <= known, f"{page}: polycap {code}"


@pytest.mark.parametrize("words", ["caption p.jpg --langauge de", "captoin p.jpg", "train de --data d", "data chek d"])
def test_a_wrong_command_would_be_seen(words: str) -> None:
    with pytest.raises(Exception, match=r"[Nn]o such option|no command|[Mm]issing"):
        parse_call(words.split())


def test_a_line_of_a_shell() -> None:
    line = "curl -s 'https://x/?a=1' | polycap caption -  # of stdin; X=1 polycap languages && polycap"
    assert list(calls(line)) == [["caption", "-"]]
    assert list(calls("A=b polycap pack de && polycap languages > list")) == [["pack", "de"], ["languages"]]


@pytest.mark.parametrize("page", NAMES)
def test_links_lead_somewhere(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    for link in re.findall(r"\]\(([^)#\s]*)(?:#[^)]*)?\)", text):
        assert link.startswith("http") or not link or ((ROOT / page).parent / link).exists(), f"{page}: {link}"
    for link, anchor in re.findall(r"\]\(([^)#\s]*)#([^)]*)\)", text):
        target = ((ROOT / page).parent / link) if link else ROOT / page
        titles = re.findall(r"^#+ (.*)$", target.read_text(encoding="utf-8"), re.M)
        anchors = [re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles]
        assert anchor in anchors, f"{page}: {link}#{anchor}"


@pytest.mark.parametrize("page", NAMES)
def test_python_blocks_name_what_there_is(page: str) -> None:
    for block in blocks(page):
        if block.kind == "python":
            compile(block.text, page, "exec")
            assert set(re.findall(r"\bpolycap\.(\w+)", block.text)) <= set(polycap.__all__)


def test_every_environment_variable_is_on_its_page() -> None:
    page = (ROOT / "polycap" / "runtime" / "README.md").read_text(encoding="utf-8")
    sources = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "polycap").rglob("*.py"))
    assert set(re.findall(r"\b(?:POLYCAP|ARGOS)_[A-Z0-9_]+", sources)) <= set(re.findall(r"\w+", page))


def test_every_key_of_a_language_is_on_its_page() -> None:
    page = set(re.findall(r"\w+", (ROOT / "languages" / "README.md").read_text(encoding="utf-8")))
    tables: list[Any] = [Language]
    for table in tables:
        fields = table.model_fields
        assert {field.alias or name for name, field in fields.items()} <= page
        inner = [
            kind for field in fields.values() for kind in (field.annotation, *getattr(field.annotation, "__args__", ()))
        ]
        tables += [kind for kind in inner if hasattr(kind, "model_fields")]
    assert len(tables) == 10


@pytest.fixture
def desk(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder in which blocks are run."""
    places = tmp_path / "languages"
    for code in ("en", "de", "ar"):
        folder = make_language(places, code)
        shutil.copytree(world.pack, folder / "pack")
        change_json(folder / "pack" / "card.json", language=code)
        samples = ", ".join(f'"the small circle is {colour}"' for colour in ("red", "green", "blue", "black", "white"))
        (folder / "samples.toml").write_text(f"samples = [{samples}]\n", encoding="utf-8")
    desk = tmp_path / "desk"
    desk.mkdir()
    shutil.copytree(world.data, desk / "data")
    (desk / "data" / "Images" / "corrupt.jpg").unlink()
    for name in ("captions.txt", "Flickr_8k.trainImages.txt"):
        lines = (desk / "data" / name).read_text(encoding="utf-8").splitlines(keepends=True)
        (desk / "data" / name).write_text("".join(line for line in lines if "corrupt" not in line), encoding="utf-8")
    shutil.copytree(world.features, desk / "features")
    shutil.copy(desk / "data" / "Images" / "p00.jpg", desk / "photo.jpg")
    (desk / "photos").mkdir()
    shutil.copy(desk / "photo.jpg", desk / "photos")
    monkeypatch.setenv("POLYCAP_LANGUAGES", str(places))
    monkeypatch.setenv("ARGOS_PACKAGE_INDEX", "http://127.0.0.1:9/")
    monkeypatch.chdir(desk)
    return desk


@pytest.mark.parametrize("page", NAMES)
def test_marked_blocks_run(page: str, desk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    marked = [block for block in blocks(page) if block.is_run]
    assert marked, f"{page}: no block is marked <!-- run -->"
    for block in marked:
        if block.kind == "python":
            exec(compile(block.text, page, "exec"), {})
        for command in block.commands:
            words = shlex.split(command, comments=True)
            if words[0] == "polycap":
                finished = run_polycap(*words[1:])
                assert finished.status == 0, f"{page}: {command}\n{finished.out}{finished.err}"
            else:
                monkeypatch.chdir(ROOT)
                subprocess.run(words, check=True, capture_output=True)
                monkeypatch.chdir(desk)
