"""Tests of polycap/evaluation/report/."""

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from polycap.captioning.attention import AttentionMap
from polycap.dataset import Dataset, Photo
from polycap.evaluation.compare import Comparison
from polycap.evaluation.evaluate import Evaluation
from polycap.evaluation.examples import Examples, ShownExample
from polycap.evaluation.report.write import write_comparison
from polycap.language import Language
from polycap.language.settings import ProbeSettings
from polycap.metrics import METRICS, score_captions
from reports import Elements

pytest_plugins = ["tiny_fixtures"]

LEFT, RIGHT = "qaa", "qab"
"""Codes of a language from left to right, and of one from right to left."""


def evaluation_of(language: Language, photos: tuple[Photo, ...], origin: str, references: int) -> Evaluation:
    captions = [f"a <b>red</b> circle number {number % 2}" for number, _ in enumerate(photos)]
    texts = [["a red circle", "a red circle on white", "one circle"][:references] for _ in photos]
    scores = score_captions(captions, texts, tokenizer="13a", references_origin=origin, normalized=True, samples=50)
    return Evaluation(language, "dev", photos, captions, texts, scores)


@pytest.fixture(scope="module")
def comparison(tiny_dataset: Dataset, tiny_language: Language) -> Comparison:
    """Return two languages: one with references by people; one, from right to left, with machine translations."""
    photos = tiny_dataset.photos[:4]
    other = tiny_language.model_copy(update={"code": RIGHT, "native_name": "ימין", "direction": "rtl"})
    found = Comparison("twelve", "dev", left_out={"qac": "no references | none"})
    rows = ((tiny_language, "human", 3, True), (other, "mt:engine", 1, False))
    for language, origin, references, attends in rows:
        evaluation = evaluation_of(language, photos, origin, references)
        attention_maps = [
            AttentionMap(" red", np.eye(100, dtype=np.float32)[7]),
            AttentionMap("dish", np.full(100, 0.01, dtype=np.float32)),
        ]
        examples = [
            ShownExample(photo, caption, texts, score, attention_maps if attends else [])
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


def test_the_page_has_no_external_resources(report: Path) -> None:
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


def test_the_page_names_the_origin_of_the_references(report: Path) -> None:
    text = (report / "report.html").read_text(encoding="utf-8")
    by_people, by_machine = text.index("Against captions by people"), text.index("Against machine translations")
    assert by_people < by_machine
    for table in re.findall(r"<table.*?</table>|<figure.*?</figure>", text, re.DOTALL):
        if "ימין" in table:
            assert '<span class="machine">' in table
    assert "people’s score is not available; the references are not people&#39;s, but mt:engine" in text
    assert "qac is left out: no references | none" in text
    assert "Worst: 2 of the 3 that score 0.0" in text


def test_the_page_has_both_directions(report: Path) -> None:
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


def test_concordance_and_steadiness(comparison: Comparison, tmp_path: Path) -> None:
    probes = ProbeSettings(colours=("red",), dogs=("dog",))
    evaluations = {
        code: replace(one, language=one.language.model_copy(update={"probes": probes}))
        for code, one in comparison.evaluations.items()
    }
    evaluations = {
        code: replace(one, steadiness={"168 px": 0.25, "JPEG quality 75": 0.5}) for code, one in evaluations.items()
    }
    text = write_comparison(tmp_path, replace(comparison, evaluations=evaluations)).read_text(encoding="utf-8")
    assert len(Elements(text).of("table")) == 6
    assert "<h2>Steadiness</h2>" in text
    assert "<h2>Concordance</h2>" in text
    markdown = (tmp_path / "report.md").read_text(encoding="utf-8")
    assert "| colours | 1 | 100.0 % | 0 | – | – |" in markdown
    assert f"| {LEFT}, {RIGHT} | 100.0 % (–) | 100.0 % (–) |" in markdown
    assert "| 25.0 % | 50.0 % |" in markdown
    written = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    assert written["languages"][0]["steadiness"] == {"168 px": 0.25, "JPEG quality 75": 0.5}
    row = written["concordance"]
    assert [(pair["kind"], pair["captions"], pair["people"]) for pair in row["pairs"]] == [
        ("colours", 1.0, None),
        ("dogs", 1.0, None),
    ]
    assert [mean["pairs"] for mean in row["means"]] == [1, 1]


def test_a_missing_photo(comparison: Comparison, tmp_path: Path) -> None:
    def without(example: ShownExample) -> ShownExample:
        return replace(example, photo=replace(example.photo, path=tmp_path / "gone.jpg"))

    examples = comparison.examples[LEFT]
    gone = replace(
        comparison, examples={**comparison.examples, LEFT: replace(examples, best=[*map(without, examples.best)])}
    )
    text = write_comparison(tmp_path, gone).read_text(encoding="utf-8")
    assert text.count("no picture") == 2
    Elements(text)
