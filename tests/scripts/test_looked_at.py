"""`scripts/looked_at`: from captions of two sets of packs to the judges' shares, without saying who wrote what."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path
from types import SimpleNamespace

import pytest
from PIL import Image

import looked_at
import looked_at_sheets
import polycap
from looked_at_captions import read_set
from polycap.dataset import Dataset

Run = Callable[..., str]


def test_the_program_starts_as_its_script_starts_it(tmp_path: Path) -> None:
    program = [sys.executable, "-P", looked_at.__file__, "--help"]
    found = subprocess.run(program, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert "photos" in found.stdout


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Run:
    """Run a command whose record is in this test's folder, and return its output."""

    def call(*arguments: object) -> str:
        record = ("--record", tmp_path / "looked_at.jsonl") if arguments[0] in ("record", "summary") else ()
        looked_at.main([str(argument) for argument in (*arguments, *record)])
        return capsys.readouterr().out

    return call


def write_rows(folder: Path, photos: list[str], **texts: str) -> Path:
    """Write rows as `polycap caption --json` prints them: `{photo}` in a text is the photo's name."""
    folder.mkdir()
    rows = [
        {"photo": f"/elsewhere/{name}", "language": code, "caption": text.format(photo=name), "score": -1.0}
        for name in photos
        for code, text in texts.items()
    ]
    (folder / "all.json").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return folder


@pytest.fixture
def prepared(dataset: Dataset, tmp_path: Path, run: Run) -> Path:
    """The key of two sets that say the same in Arabic, and something else in German."""
    names = sorted((photo.name for photo in dataset.split("dev")), key=lambda name: sha256(name.encode()).hexdigest())
    old = write_rows(tmp_path / "old", names, ar="كلب {photo}", de="ein Hund auf {photo}")
    new = write_rows(tmp_path / "new", names, ar="كلب {photo}", de="zwei Hunde auf {photo}", fr="deux chiens")
    (new / "packs.json").write_text('{"de": "5eed"}')
    printed = run("photos", "--data", dataset.folder)
    assert [Path(line).name for line in printed.splitlines()] == names
    common = ("--data", dataset.folder, "--packs", f"old={old}", "--packs", f"new={new}", "--html", "--per-sheet", 1)
    assert run("prepare", *common, "--out", tmp_path / "sheets").startswith("6 captions on 2 sheets in ")
    return tmp_path / "sheets.key.json"


def captions_of(key: Path) -> dict[str, dict[str, object]]:
    captions: dict[str, dict[str, object]] = json.loads(key.read_text(encoding="utf-8"))["captions"]
    return captions


def test_sheets_show_each_caption_once_and_no_pack(prepared: Path, tmp_path: Path) -> None:
    captions = captions_of(prepared)
    assert [len(item["packs"]) for item in captions.values()] == [2, 1, 1] * 2  # type: ignore[arg-type]
    assert {item["language"] for item in captions.values()} == {"ar", "de"}  # French has no other side
    assert {"new": "5eed"} in [item["packs"] for item in captions.values()]
    sheet = (tmp_path / "sheets" / "sheet-01.html").read_text(encoding="utf-8")
    assert '<td>1</td><td>ar</td><td lang="ar" dir="rtl">كلب ' in sheet
    assert "<td>3</td>" in sheet
    assert "<td>4</td>" not in sheet
    shown = "".join(path.read_text(encoding="utf-8") for path in (tmp_path / "sheets").iterdir())
    assert "5eed" not in shown


def judge(path: Path, key: Path, german: dict[str, str]) -> Path:
    """Write a file of verdicts: right for Arabic, for German by the name of the set."""
    lines = [
        f"{number} {'right' if item['language'] == 'ar' else german[next(iter(item['packs']))]}"  # type: ignore[call-overload]
        for number, item in captions_of(key).items()
    ]
    path.write_text("\n".join(["# number verdict", *lines, ""]))
    return path


def test_verdicts_are_recorded_for_each_pack_and_summarized(prepared: Path, tmp_path: Path, run: Run) -> None:
    first = judge(tmp_path / "first.txt", prepared, {"old": "wrong", "new": "right"})
    second = judge(tmp_path / "second.txt", prepared, {"old": "wrong", "new": "detail"})
    options = ("--key", prepared, "--date", "2026-01-02", "--judge")
    assert run("record", first, *options, "one").startswith("8 lines added to ")
    run("record", second, *options, "two")

    lines = [json.loads(line) for line in (tmp_path / "looked_at.jsonl").read_text(encoding="utf-8").splitlines()]
    assert len(lines) == 16
    assert [line["verdict"] for line in lines if (line["set"], line["pack"]) == ("new", "5eed")] == [
        *["right"] * 2,
        *["detail"] * 2,
    ]
    assert run("summary").splitlines() == [
        "| language | new: right | new: detail | new: wrong | old: right | old: detail | old: wrong |",
        "|---|---|---|---|---|---|---|",
        "| ar | 100% | 0% | 0% | 100% | 0% | 0% |",
        "| de | 50% | 50% | 0% | 0% | 0% | 100% |",
        "| all | 75% | 25% | 0% | 50% | 0% | 50% |",
        "",
        f"sitting {lines[0]['sitting']}, 2026-01-02; judges: one, two",
        "one and two: the same verdict on 4 of 6 captions (67%)",
    ]
    with pytest.raises(SystemExit):
        run("record", first, *options, "one")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1 right\n2 good\n", ":2: '2 good'; expected a number and right, detail, wrong"),
        ("7 right\n", ":1: number 7 is on no sheet of this key"),
        ("1 right\n1 wrong\n", ":2: number 1 has a verdict already"),
        ("1 right\n", ": 5 numbers have no verdict, first: 2, 3, 4, 5, 6"),
    ],
)
def test_verdicts_that_do_not_fit(
    text: str, message: str, prepared: Path, tmp_path: Path, run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "verdicts.txt").write_text(text)
    with pytest.raises(SystemExit):
        run("record", tmp_path / "verdicts.txt", "--key", prepared, "--judge", "one")
    assert message in capsys.readouterr().err
    assert not (tmp_path / "looked_at.jsonl").exists()


def test_a_set_that_lacks_a_caption(
    dataset: Dataset, tmp_path: Path, run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    old = write_rows(tmp_path / "old", [dataset.split("dev")[0].name], de="ein Hund")
    with pytest.raises(SystemExit):
        run("prepare", "--data", dataset.folder, "--packs", f"old={old}", "--out", tmp_path / "sheets")
    assert "old: has no caption of " in capsys.readouterr().err


def test_packs_caption_the_photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    loaded: list[str] = []

    def caption(paths: list[Path]) -> Iterator[dict[str, SimpleNamespace]]:
        return ({"de": SimpleNamespace(text=f"ein Hund auf {path.name}")} for path in paths)

    def load(folders: list[str]) -> SimpleNamespace:
        loaded.extend(folders)
        pack = SimpleNamespace(card=SimpleNamespace(files={}))
        return SimpleNamespace(captioners={"de": SimpleNamespace(pack=pack)}, pipe=caption)

    monkeypatch.setattr(polycap, "load", load)
    for folder in ("de/pack", "fr"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "de" / "pack" / "card.json").write_text("{}")
    packs = read_set(f"new={tmp_path}", {"a": Path("a.jpg"), "b": Path("b.jpg")})
    assert loaded == [str(tmp_path / "de" / "pack")]
    assert packs.captions == {"de": {"a": "ein Hund auf a.jpg", "b": "ein Hund auf b.jpg"}}
    assert packs.packs.keys() == {"de"}


def test_a_picture_is_cut_below_its_last_photo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def draw(command: list[str], **_options: object) -> None:
        picture = Image.new("RGB", (100, 400), "white")
        picture.paste("black", (0, 0, 50, 200))
        picture.save(next(part for part in command if part.startswith("--screenshot=")).partition("=")[2])

    monkeypatch.setattr(subprocess, "run", draw)
    with Image.open(looked_at_sheets._picture(tmp_path / "sheet.html", "sh", 1)) as picture:
        assert picture.size == (100, 212)
