"""One report on all languages: what it shows, of whom, and what it leaves out."""

import json
import re
import shutil
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tiny import CODE, OTHER_CODE, World, change_json, run_polycap

from polycap.dataset import Caption, Dataset, Photo
from polycap.decoder.gaze import Gaze
from polycap.decoder.pack import read_card
from polycap.errors import EvaluationError
from polycap.evaluation import Evaluation
from polycap.language import Language
from polycap.language_folder import load_language
from polycap.metrics import METRICS, score_captions
from polycap.registry import get_language
from polycap.report import parse_references, references_of, write_comparison
from polycap.report.compare import Comparison
from polycap.report.examples import Example, Examples

pytest_plugins = ["tiny_fixtures"]

LEFT, RIGHT = "qaa", "qab"
"""A language from left to right, and one from right to left."""


class Elements(HTMLParser):
    """Collects every element's name and attributes, and refuses a tag that closes nothing."""

    VOID = frozenset({"meta", "link", "img", "br", "input"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def of(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.found if name == tag]


def evaluation_of(language: Language, photos: tuple[Photo, ...], origin: str, references: int) -> Evaluation:
    captions = [f"a <b>red</b> circle number {number % 2}" for number, _ in enumerate(photos)]
    texts = [["a red circle", "a red circle on white", "one circle"][:references] for _ in photos]
    scores = score_captions(captions, texts, tokenizer="13a", references_origin=origin, normalized=True, samples=50)
    return Evaluation(language, "dev", photos, captions, texts, scores)


@pytest.fixture(scope="module")
def comparison(tiny_dataset: Dataset, tiny_language: Language) -> Comparison:
    """Two languages, one with references by people and one, from right to left, by a machine."""
    photos = tiny_dataset.photos[:4]
    other = tiny_language.model_copy(update={"code": RIGHT, "native_name": "ימין", "direction": "rtl"})
    found = Comparison("twelve", "dev", left_out={"qac": "no references | none"})
    rows = ((tiny_language, "human", 3, True), (other, "mt:engine", 1, False))
    for language, origin, references, attends in rows:
        evaluation = evaluation_of(language, photos, origin, references)
        gazes = [Gaze(" red", np.eye(100, dtype=np.float32)[7]), Gaze("dish", np.full(100, 0.01, dtype=np.float32))]
        examples = [
            Example(photo, caption, texts, score, gazes if attends else [])
            for photo, caption, texts, score in zip(
                photos, evaluation.captions, evaluation.references, (90.0, 80.0, 0.0, 0.0), strict=True
            )
        ]
        found.evaluations[language.code] = evaluation
        found.examples[language.code] = Examples("CIDEr-D", examples[:2], examples[2:], 3)
    return found


@pytest.fixture(scope="module")
def report(comparison: Comparison, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("report")
    assert write_comparison(folder, comparison) == folder / "report.html"
    return folder


def test_the_page_needs_nothing_from_outside(report: Path) -> None:
    text = (report / "report.html").read_text(encoding="utf-8")
    page = Elements(text)
    assert not re.search(r"https?:|//|url\(|@import", re.sub(r"base64,[^\"]*", "", text))
    assert not page.of("script")
    assert not page.of("b")  # captions are escaped
    sources = [str(image["href"]) for image in page.of("image")]
    assert sum(source.startswith("data:image/jpeg;base64,") for source in sources) == 8
    assert sum(source.startswith("data:image/png;base64,") for source in sources) == 4 * 2  # the one that attends
    ids = [attributes["id"] for attributes in page.of("image") if "id" in attributes]
    assert len(set(ids)) == len(ids) == 8
    assert {f"#{name}" for name in ids} >= {str(use["href"]) for use in page.of("use")}


def test_the_page_says_who_wrote_the_references(report: Path) -> None:
    text = (report / "report.html").read_text(encoding="utf-8")
    by_people, by_machine = text.index("Against captions by people"), text.index("Against machine translations")
    assert by_people < by_machine
    for table in re.findall(r"<table.*?</table>|<figure.*?</figure>", text, re.DOTALL):
        if "ימין" in table:
            assert '<span class="machine">' in table
    assert "people’s score is not available; the references are not people&#39;s, but mt:engine" in text
    assert "qac is left out: no references | none" in text
    assert "Worst: 2 of the 3 that score 0.0" in text


def test_the_page_runs_both_ways(report: Path) -> None:
    page = Elements((report / "report.html").read_text(encoding="utf-8"))
    captions = [p for p in page.of("p") if p.get("class") == "caption"]
    assert [(p["lang"], p["dir"]) for p in captions] == [(LEFT, "ltr")] * 4 + [(RIGHT, "rtl")] * 4
    assert [(o["lang"], o["dir"]) for o in page.of("ol")] == [(LEFT, "ltr")] * 4


def test_the_markdown(report: Path) -> None:
    text = (report / "report.md").read_text(encoding="utf-8")
    tables = [block.split("\n") for block in text.split("\n\n") if block.startswith("|")]
    assert len(tables) == 3
    for table in tables:
        assert len({len(re.findall(r"(?<!\\)\|", line)) for line in table}) == 1
    assert all(name in tables[0][0] for name in METRICS.values())
    assert [line.split(" | ")[3] for line in tables[0][2:]] == ["polycap", "polycap", "people"]
    assert "1 × mt:engine (**machine translation**)" in tables[1][2]
    assert "a &lt;b>red" in text
    assert "`BLEU|nrefs:3|bs:50|seed:12345" in text
    assert "- qac: no references | none" in text


def test_the_json(report: Path, comparison: Comparison) -> None:
    row = json.loads((report / "report.json").read_text(encoding="utf-8"))
    assert row == comparison.to_json()
    assert [language["references_origin"] for language in row["languages"]] == ["human", "mt:engine"]


def test_a_photo_that_is_gone(comparison: Comparison, tmp_path: Path) -> None:
    def without(example: Example) -> Example:
        return replace(example, photo=replace(example.photo, path=tmp_path / "gone.jpg"))

    examples = comparison.examples[LEFT]
    gone = replace(
        comparison, examples={**comparison.examples, LEFT: replace(examples, best=[*map(without, examples.best)])}
    )
    text = write_comparison(tmp_path, gone).read_text(encoding="utf-8")
    assert text.count("no picture") == 2
    Elements(text)


# --- references ---


def test_references_on_the_command_line() -> None:
    found = parse_references(["qaa=a.txt", "qab=b.txt,origin=mt:x", "qaa=c=d.txt"], ["qaa", "qab"])
    assert {code: [str(source.path) for source in sources] for code, sources in found.items()} == {
        "qaa": ["a.txt", "c=d.txt"],
        "qab": ["b.txt"],
    }
    assert found["qab"][0].origin == "mt:x"
    with pytest.raises(EvaluationError, match=r"with --all, say whose: CODE=FILE"):
        parse_references(["a.txt"], ["qaa"])
    with pytest.raises(EvaluationError, match="'qac' is not trained; there are qaa"):
        parse_references(["qac=a.txt"], ["qaa"])


def test_where_references_come_from(world: World, tiny_dataset: Dataset, tmp_path: Path) -> None:
    """What is given goes before what a build has learned from, and that before the dataset's own."""
    language = get_language(CODE)
    name = tiny_dataset.split("dev")[0].name
    card = read_card(world.pack)
    fitting = shutil.copytree(world.places / CODE, tmp_path / "languages" / CODE)
    change_json(fitting / "pack" / "card.json", data={**card.data, "fingerprint": tiny_dataset.fingerprint()})
    own = load_language(fitting)
    assert references_of(own, tiny_dataset, "dev", {}) == tiny_dataset
    with pytest.raises(EvaluationError, match=f"other captions than those in .*: give --references {CODE}=FILE"):
        references_of(language, tiny_dataset.with_captions({name: (Caption(0, "x"),)}), "dev", {})
    (tmp_path / CODE).mkdir()
    row = {"image": name, "index": 0, "caption": "built", "origin": "mt:x"}
    rows = [row, {**row, "index": 1, "caption": "by hand", "origin": "human"}]
    (tmp_path / CODE / "captions.jsonl").write_text("\n".join(map(json.dumps, rows)))
    [photo] = references_of(own, tiny_dataset, "dev", {}, tmp_path).photos
    assert [caption.text for caption in photo.captions] == ["by hand"]  # of one origin: people's
    file = tmp_path / "given.txt"
    file.write_text(f"{name}#0\tgiven\n")
    [photo] = references_of(own, tiny_dataset, "dev", parse_references([f"{CODE}={file}"], [CODE]), tmp_path).photos
    assert photo.captions[0].text == "given"
    with pytest.raises(EvaluationError, match="of no photo of the test split"):
        references_of(own, tiny_dataset, "test", parse_references([f"{CODE}={file}"], [CODE]))
    file.write_text("stranger.jpg#0\tgiven\n")
    with pytest.raises(EvaluationError, match=r"given.txt: no caption of a photo of"):
        references_of(own, tiny_dataset, "dev", parse_references([f"{CODE}={file}"], [CODE]))


# --- the command ---


@pytest.fixture
def two(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """Both languages trained, the second one for all that its pack says of itself; folders of their own."""
    places = shutil.copytree(world.places, tmp_path / "places")
    shutil.copytree(places / CODE / "pack", places / OTHER_CODE / "pack")
    monkeypatch.setenv("POLYCAP_LANGUAGES", str(places))
    # the built-in languages are no part of this world
    monkeypatch.setattr("polycap.evaluating._trained", lambda: [get_language(CODE), get_language(OTHER_CODE)])
    return replace(world, places=places)


def run_all(world: World, out: Path, *arguments: Any) -> Any:
    options = ("--data", world.data, "--features", world.features, "--out", out, "--split", "train")
    return run_polycap("evaluate", "--all", *options, *arguments)


def test_all_languages(two: World, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    references = tmp_path / "other.txt"
    references.write_text("p01.jpg#0\tx\np02.jpg#0\ty\np03.jpg#0\tz\n")
    given = ("--references", f"{OTHER_CODE}={references},origin=mt:x")
    done = run_all(two, tmp_path / "out", *given, "--record", "--json")
    assert done.status == 0, done
    found = json.loads(done.out)
    assert [(row["language"], row["references_origin"]) for row in found["languages"]] == [
        (CODE, "human"),
        (OTHER_CODE, "mt:x"),
    ]
    assert found["left_out"] == {}
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        *(CODE, OTHER_CODE),
        *("report.html", "report.md", "report.json"),
    }
    [score] = read_card(two.places / OTHER_CODE / "pack").scores
    assert score["references_origin"] == "mt:x"
    # without references it is left out, and stops nothing
    page = Elements((tmp_path / "out" / "report.html").read_text(encoding="utf-8"))
    assert len(page.of("table")) == 3
    change_json(two.places / OTHER_CODE / "pack" / "card.json", data={})
    alone = run_all(two, tmp_path / "alone")
    assert alone.status == 0
    assert "BLEU-4" in alone.out
    report = json.loads((tmp_path / "alone" / "report.json").read_text(encoding="utf-8"))
    assert [row["language"] for row in report["languages"]] == [CODE]
    assert "give --references" in report["left_out"][OTHER_CODE]
    assert f"{OTHER_CODE}: left out: " in caplog.text


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--origin", "human"), "--all takes no --origin"),
        (("--references", "x.txt"), "say whose: CODE=FILE"),
        (("--references", "xx=x.txt"), "'xx' is not trained"),
        (("--split", "all"), "choose one of train, dev, test"),
    ],
)
def test_mistakes(two: World, tmp_path: Path, arguments: tuple[str, ...], message: str) -> None:
    assert message in run_all(two, tmp_path / "out", *arguments).err


def test_neither_a_language_nor_all(world: World) -> None:
    assert "name a language, or --all" in run_polycap("evaluate", "--data", world.data).fault()
    wrong = run_polycap("evaluate", CODE, "--data", world.data, "--work", world.data)
    assert "--work is for --all" in wrong.fault()
