"""Tests of polycap/evaluation/concordance.py, with captions whose concepts can be counted by hand."""

from dataclasses import replace
from pathlib import Path

import pytest

from polycap.dataset import Photo
from polycap.evaluation.concordance import Concordance, compare_concepts, mean_concordance
from polycap.evaluation.evaluate import Evaluation
from polycap.evaluation.summary import concordance_lines
from polycap.language import Language
from polycap.language.settings import ProbeSettings
from polycap.metrics import score_captions

pytest_plugins = ["tiny_fixtures"]

PROBES = {
    "qaa": ProbeSettings(dogs=("dog dogs",), colours=("red", "blue", "green"), men=("man",)),
    "qab": ProbeSettings(dogs=("kob",), colours=("der", "eulb")),  # no green, no men
    "qac": ProbeSettings(dogs=("dogo",), colours=("ruga", "blua", "verda")),
}


def evaluation_of(
    language: Language, code: str, texts: dict[str, tuple[str, list[str]]], origin: str = "human"
) -> Evaluation:
    spoken = language.model_copy(update={"code": code, "probes": PROBES[code]})
    photos = tuple(Photo(name, Path(name), "dev", ()) for name in texts)
    captions, references = [caption for caption, _ in texts.values()], [others for _, others in texts.values()]
    scores = score_captions(captions, references, tokenizer="13a", references_origin=origin, normalized=True, samples=2)
    return Evaluation(spoken, "dev", photos, captions, references, scores)


@pytest.fixture(scope="module")
def evaluations(tiny_language: Language) -> list[Evaluation]:
    first = {
        "1": ("a red dog", ["a red dog", "a dog"]),
        "2": ("a green dog", ["a cat", "a blue cat"]),
        "3": ("a man", ["a man", "a man"]),
        "4": ("a blue dog", ["dogs", "dogs"]),
        "only here": ("a dog", ["a dog", "a dog"]),
    }
    second = {
        "4": ("a der kob", ["kob", "x"]),  # the dog agrees, the colour does not
        "3": ("a kob", ["x", "x"]),
        "2": ("x", ["a kob", "eulb"]),  # "green" has no place in this language: the colours agree
        "1": ("a der kob", ["kob", "der"]),
    }
    third = {"1": ("a ruga dogo", ["x"]), "2": ("a verda x", ["x"])}
    return [
        evaluation_of(tiny_language, "qaa", first),
        evaluation_of(tiny_language, "qab", second),
        evaluation_of(tiny_language, "qac", third, origin="mt:engine"),
    ]


def test_pairs(evaluations: list[Evaluation]) -> None:
    pair = ("qaa", "qab")
    dogs, colours = (
        [row for row in compare_concepts(evaluations) if (row.languages, row.kind) == (pair, kind)]
        for kind in ("dogs", "colours")
    )
    # dogs: captions agree on 1 and 4; references: half of 1's pairs, half of 2's, all of 3's, half of 4's
    assert dogs == [Concordance(pair, "dogs", 4, 0.5, (0.5 + 0.5 + 1 + 0.5) / 4)]
    # colours: captions agree on 1, 2 and 3; references: {red} {} with {} {red}, {} {blue} with {} {blue}, all, all
    assert colours == [Concordance(pair, "colours", 4, 0.75, (0.5 + 0.5 + 1 + 1) / 4)]


def test_only_people_are_beside(evaluations: list[Evaluation]) -> None:
    rows = compare_concepts(evaluations)
    assert [
        (row.languages, row.kind, row.photos, row.captions, row.people) for row in rows if "qac" in row.languages
    ] == [
        (("qaa", "qac"), "colours", 2, 1.0, None),
        (("qab", "qac"), "colours", 2, 1.0, None),
        (("qaa", "qac"), "dogs", 2, 0.5, None),
        (("qab", "qac"), "dogs", 2, 1.0, None),
    ]
    assert "men" not in {row.kind for row in rows}  # only one language has the words
    assert compare_concepts(evaluations[:1]) == compare_concepts([]) == []


def test_means(evaluations: list[Evaluation]) -> None:
    means = {row.kind: row for row in mean_concordance(compare_concepts(evaluations))}
    dogs = means["dogs"].to_json()
    assert dogs == {
        "kind": "dogs",
        "pairs": 3,
        "captions": 0.6667,
        "human_pairs": 1,
        "human_pairs_captions": 0.5,
        "people": 0.625,
    }
    alone = mean_concordance(compare_concepts(evaluations[1:]))
    assert (alone[1].captions, alone[1].human_pairs, alone[1].people) == (1.0, 0, None)
    _, beside, without = concordance_lines([dogs, alone[1].to_json()])
    assert beside == "dogs                    66.7  (3 pairs)      50.0  people   62.5  (1 pair)"
    assert without == "dogs                   100.0  (1 pair)"
    assert concordance_lines([]) == []


def test_raw_captions_are_normalised(evaluations: list[Evaluation]) -> None:
    one, other, _ = evaluations
    raw = replace(one, captions=[caption.upper() for caption in one.captions], raw=True)
    assert compare_concepts([raw, other]) == compare_concepts([one, other])
