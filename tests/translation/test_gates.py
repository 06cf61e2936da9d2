"""Tests of polycap/translation/gates.py: each filter rejects its fault, and captions by people pass."""

from collections import Counter
from pathlib import Path

import pytest

from polycap.dataset import ReferenceCaption, read_captions
from polycap.language import Language
from polycap.language.settings import GateSettings
from polycap.translation.engine import Translation
from polycap.translation.gates import (
    GATES,
    check_translation,
    lowest_scored,
    repeated_answers,
    repeats,
    split_words,
    usual_ratio,
)


@pytest.fixture(scope="module")
def english(shared: Path) -> dict[str, tuple[ReferenceCaption, ...]]:
    return read_captions(shared / "flickr8k" / "Flickr8k.token.txt")[0]


DOG = "A brown dog runs through the tall grass ."
GOOD = "Ein brauner Hund rennt durch das hohe Gras."


def language_of(script: str = "Latn", **gates: float) -> Language:
    facts = {"schema": 1, "code": "qaa", "name": "A", "native_name": "A", "script": script, "direction": "ltr"}
    return Language.model_validate({**facts, "translation": {"gates": gates}})


def gates_of(
    source: str, text: str, script: str = "Latn", *, ratio: float = 1.0, unknown: int = 0, **gates: float
) -> str:
    translation = Translation(text, unknown=unknown)
    found = check_translation(source, translation, language_of(script, **gates), ratio=ratio)
    return " ".join(refusal.gate for refusal in found)


@pytest.mark.parametrize(
    ("source", "text", "script", "ratio", "gate"),
    [
        (DOG, GOOD, "Latn", 1.0, ""),
        (DOG, "", "Latn", 1.0, "empty"),
        (DOG, " … !", "Latn", 1.0, "empty"),
        ("...", "Ein Mann.", "Latn", 1.0, "empty"),
        (DOG, "a Brown dog runs through the tall grass", "Latn", 1.0, "copied"),
        (DOG, "A brown dog runs durch the tall grass", "Latn", 1.0, "copied"),
        ("Surfing .", "Surfen.", "Latn", 1.0, ""),
        (DOG, "一只棕色的狗在高高的草丛中奔跑。", "Hans", 0.35, ""),
        (DOG, "一只BMX狗在高高的草丛中奔跑。", "Hans", 0.35, ""),
        (DOG, "Ein brauner Hund", "Hans", 0.35, "script"),
        (DOG, "كلب بني يركض في العشب الطويل.", "Arab", 0.8, ""),
        (DOG, "собака бежит по высокой траве", "Arab", 0.8, "script"),
        (DOG, "12 34", "Latn", 1.0, "script"),
        (DOG, "Hund.", "Latn", 1.0, ""),
        (DOG + DOG, "Hund.", "Latn", 1.0, "length"),
        ("A dog .", " ".join(f"w{n}ort" for n in range(20)), "Latn", 1.0, "length"),
        (DOG, "der Hund der Hund der Hund rennt durch", "Latn", 1.0, "repeats"),
        (DOG, "ein Hund Hund Hund rennt durch das Gras", "Latn", 1.0, "repeats"),
        (DOG, "ein Hund rennt sehr sehr schnell durch das Gras", "Latn", 1.0, ""),
        (DOG, "一只棕色的狗在草地上跑来跑来跑来跑来", "Hans", 0.35, "repeats"),
        (DOG, "dooorway的一只棕色的狗在草地上跑", "Hans", 0.35, ""),
        (DOG, "Mehrere Hunde stehen auf einem Gommmmammm", "Latn", 1.0, "repeats"),
        (DOG, "Ein Hund rennt durch ein comununununo", "Latn", 1.0, "repeats"),
        (DOG, "Schifffahrt auf dem Teppich", "Latn", 1.0, ""),
        ("A sign says AAAA .", "Auf dem Schild steht AAAA.", "Latn", 1.0, ""),
        ("A sign says ok ok ok to a dog", "Ein Schild sagt einem Hund ok ok ok", "Latn", 1.0, ""),
        (DOG, "<unk> <unk> rennt durch das Gras", "Latn", 1.0, "unknown"),
        (DOG, "Ein ⁇ Hund rennt durch das hohe Gras", "Latn", 1.0, ""),
    ],
)
def test_each_filter_rejects_its_fault(source: str, text: str, script: str, ratio: float, gate: str) -> None:
    assert gates_of(source, text, script, ratio=ratio) == gate


def test_the_engines_own_count_of_unknown_words() -> None:
    assert gates_of(DOG, GOOD, unknown=1) == ""
    assert gates_of(DOG, GOOD, unknown=2) == "unknown"
    assert gates_of(DOG, GOOD, unknown=2, max_unknown=1.0) == ""


def test_settings_switch_off_each_filter() -> None:
    assert gates_of(DOG, DOG, max_copied=1.0) == ""
    assert gates_of(DOG, GOOD, "Arab", min_script=0.0) == ""
    assert gates_of(DOG + DOG, "Hund.", max_length_ratio=100.0) == ""
    assert gates_of(DOG, "ein Hund Hund Hund rennt durch das Gras", max_repeats=3) == ""
    assert set(GateSettings.model_fields) == {
        "min_script",
        "max_copied",
        "max_length_ratio",
        "max_repeats",
        "max_unknown",
        "drop_lowest",
    }


def test_reasons_are_in_words() -> None:
    [refusal] = check_translation(DOG, Translation("ein Promammmmmm"), language_of(), ratio=1.0)
    assert refusal.why == "'m' 6 times"
    [refusal] = check_translation(DOG, Translation("Ein Hund"), language_of("Arab"), ratio=1.0)
    assert (refusal.gate, refusal.why) == ("script", "0% of its letters are Arab")
    assert refusal.gate in GATES


def test_runaway_output_takes_no_time() -> None:
    assert "repeats" in gates_of(DOG, "der Hund " * 50_000)


def test_words() -> None:
    assert split_words("L'Eau, d'été!", language_of()) == ["l", "eau", "d", "été"]
    assert split_words("穿NBA球衣 的人", language_of("Hans")) == ["穿", "nba", "球", "衣", "的", "人"]
    assert repeats([]) == repeats(["a"]) == 1
    assert repeats(list("abcdxabcdyabcd")) == 3


def test_usual_ratio_is_the_median_and_robust() -> None:
    assert usual_ratio([("aaaa", "bb")] * 5 + [("aaaa", "b" * 400), ("", "b"), ("a", "")]) == 0.5
    assert usual_ratio([]) == 1.0


def test_lowest_scores() -> None:
    found = {name: Translation("x", score) for name, score in (("a", -3.0), ("b", -1.0), ("c", None), ("d", -2.0))}
    assert list(lowest_scored(found, 0.34)) == ["a"]
    assert list(lowest_scored(found, 0.67)) == ["a", "d"]
    assert lowest_scored(found, 0.0) == {}
    assert lowest_scored(found, 0.34)["a"].why == "-3.000, among the lowest 34.0%"


@pytest.mark.parametrize(
    ("name", "script", "share"),
    [
        ("fr.human-translation", "Latn", 0.001),
        ("cs.human-translation", "Latn", 0.001),
        ("ar.human-revised", "Arab", 0.001),
        ("zh.human", "Hans", 0.001),
        ("de.human", "Latn", 0.0075),  # written without sight of the English; 0.4 % of the whole file
        ("pt-BR.human", "Latn", 0.002),
    ],
)
def test_captions_by_people_pass(
    shared: Path, english: dict[str, tuple[ReferenceCaption, ...]], name: str, script: str, share: float
) -> None:
    """With any English caption of the photo as source, which need not be the caption's own."""
    captions, _ = read_captions(shared / "captions" / f"{name}.txt")
    pairs = [(english[photo][c.index].text, c.text) for photo in sorted(captions)[::8] for c in captions[photo]]
    ratio = usual_ratio(pairs)
    dropped: Counter[str] = Counter()
    language = language_of(script)
    for source, text in pairs:
        refusals = check_translation(source, Translation(text), language, ratio=ratio)
        dropped.update(refusal.gate for refusal in refusals[:1])
    assert dropped.total() <= max(2, share * len(pairs)), dropped


def test_an_engine_that_answers_everything_with_the_same_words_is_caught() -> None:
    rote = {f"a {animal} runs": Translation("Ein Mann.") for animal in ("dog", "cat", "cow", "fox")}
    others = {f"{number} dogs run": Translation(f"{number} Hunde laufen") for number in range(100)}
    found = repeated_answers(rote | others)
    assert found.keys() == rote.keys()
    assert found["a dog runs"].gate == "same"
    assert found["a dog runs"].why == "the same words for 4 different captions"
    few = {f"{article} dog runs": Translation("Ein Hund läuft") for article in ("a", "the", "one")}
    assert repeated_answers(few | others) == {}
    spelt = {f"a dog runs{mark}": Translation("Ein Hund läuft") for mark in ("", ".", " .", "!", " !")}
    assert repeated_answers(spelt) == {}, "one caption, written in five ways"
    many = {f"a dog runs {number} times": Translation("Ein Hund läuft") for number in range(10)}
    assert repeated_answers(many | {str(number): Translation(str(number)) for number in range(990)}) == {}
