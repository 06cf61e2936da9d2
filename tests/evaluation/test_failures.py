"""Tests of polycap/evaluation/failures.py, with captions whose failures can be counted by hand."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from polycap.errors import EvaluationError
from polycap.evaluation.concepts import find_concepts
from polycap.evaluation.failures import count_failures
from polycap.language import Language, available_languages, load_language, read_language
from polycap.pack.card_failures import failures_text
from polycap.text.script import has_spaces, is_letter

TOML = """
schema = 1
code = "qaa"
name = "Tiny"
native_name = "ynit"
script = "{script}"
direction = "ltr"
"""
PROBES = """
[probes]
counts = ["two both", "three"]
colours = ["red reds", "blue"]
men = ["man men"]
women = ["woman women"]
children = ["boy boys", "girl"]
dogs = ["dog dogs"]
"""


def make_language(folder: Path, probes: str = PROBES, script: str = "Latn") -> Language:
    place = folder / "qaa"
    place.mkdir()
    (place / "language.toml").write_text(TOML.format(script=script) + probes, encoding="utf-8")
    return load_language(place)


PHOTOS: Sequence[tuple[str, list[str]]] = (
    ("Two men run.", ["two women run", "both women run", "a woman and a woman"]),  # women called men
    ("a red dog", ["a Blue dog", "a red dog", "a dog"]),
    ("a dog", ["a cat", "the cat", "a reddish cat"]),  # no dog; "reddish" is not "red"
    ("a woman", ["three women and a man", "three people", "three"]),  # the references have both: no confusion
    ("a dog", ["men", "a boy", "a man and a girl", "the man"]),
)
CAPTIONS, REFERENCES = [caption for caption, _ in PHOTOS], [texts for _, texts in PHOTOS]


def test_counts(tmp_path: Path) -> None:
    found = count_failures(make_language(tmp_path), CAPTIONS, REFERENCES)
    assert found["photos"] == 5
    words: dict[str, Any] = found["words"]
    assert words["counts"] == {"said": 1, "right": 1, "precision": 1.0, "wanted": 2, "found": 1, "recall": 0.5}
    # one of three references has red: a true positive, but not expected
    assert words["colours"] == {"said": 1, "right": 1, "precision": 1.0, "wanted": 0, "found": 0, "recall": None}
    assert words["men"] == {"said": 1, "right": 0, "precision": 0.0, "wanted": 1, "found": 0, "recall": 0.0}
    assert words["women"] == {"said": 1, "right": 1, "precision": 1.0, "wanted": 1, "found": 0, "recall": 0.0}
    # two of four references have a boy or a girl: one concept
    assert words["children"] == {"said": 0, "right": 0, "precision": None, "wanted": 1, "found": 0, "recall": 0.0}
    assert words["dogs"] == {"said": 3, "right": 1, "precision": 0.3333, "wanted": 1, "found": 1, "recall": 1.0}
    assert found["mistaken"] == {
        "women_called_men": {"photos": 1, "times": 1},
        "men_called_women": {"photos": 1, "times": 0},
    }
    assert found["most_frequent_caption"] == {"caption": "a dog", "times": 2}
    assert found["different_captions"] == 4
    never = found["never_said"]
    assert never["of"] == len({word.lower() for texts in REFERENCES for text in texts for word in text.split()})
    assert {"cat", "three", "women"} <= set(never["words"])
    assert not {"a", "dog", "two", "woman"} & set(never["words"])


def test_a_language_without_probes(tmp_path: Path) -> None:
    found = count_failures(make_language(tmp_path, ""), CAPTIONS, REFERENCES)
    assert (found["words"], found["mistaken"]) == ({}, {})
    assert found["different_captions"] == 4
    text = failures_text([{"split": "dev", "references_origin": "human", "failures": found}])
    assert "the language's folder has no `[probes]`" in text


def test_words_of_a_script_without_spaces(tmp_path: Path) -> None:
    probes = '[probes]\ndogs = ["狗 犬"]\ncolours = ["红 红色", "黑"]\n'
    language = make_language(tmp_path, probes, "Hans")
    found = count_failures(language, ["一只黑狗在跑", "红色的球"], [["一只黑色的小犬"], ["一个球"]])
    assert found["words"]["dogs"]["right"] == 1
    assert (found["words"]["colours"]["said"], found["words"]["colours"]["right"]) == (2, 1)
    assert "小" in found["never_said"]["words"]
    assert "球" not in found["never_said"]["words"]


def test_a_form_inside_a_longer_one_of_another_kind(tmp_path: Path) -> None:
    probes = '[probes]\nmen = ["男"]\nchildren = ["孩 男孩"]\ncounts = ["两男"]\n'
    found = find_concepts(make_language(tmp_path, probes, "Hans"))
    texts = ("一个小男孩", "男人和男孩", "两男一女", "孩子")
    assert [bool(found["men"](text)) for text in texts] == [False, True, True, False]
    assert [bool(found["children"](text)) for text in texts] == [True, True, False, True]


def test_a_form_of_two_words(tmp_path: Path) -> None:
    find = find_concepts(make_language(tmp_path, '[probes]\ncolours = ["merah", "pink merah_muda", "putih"]\n'))[
        "colours"
    ]
    texts = ("gaun merah muda", "gaun merah", "merah dan merah muda", "pink")
    assert [find(text) for text in texts] == [{1}, {0}, {0, 1}, {1}]


def test_syllables_of_tibetan(tmp_path: Path) -> None:
    find = find_concepts(make_language(tmp_path, '[probes]\nchildren = ["བུ་མོ"]\ndogs = ["ཁྱི"]\n', "Tibt"))
    assert [bool(find["children"](text)) for text in ("པའི་བུ་མོ་ཞིག", "བུ་མོའི", "བུ")] == [True, False, False]
    assert [bool(find["dogs"](text)) for text in ("ཁྱི་ནག", "ཁྱིམ་ཚང", "ནག་པོའི་ཁྱི")] == [True, False, True]


def test_scripts_with_and_without_spaces() -> None:
    assert [
        code for code in ("Latn", "Arab", "Kore", "Hang", "Deva", "Hans", "Hant", "Jpan", "Thai") if has_spaces(code)
    ] == [
        "Latn",
        "Arab",
        "Kore",
        "Hang",
        "Deva",
    ]


def test_normalised_texts_have_the_same_counts(tmp_path: Path) -> None:
    language = make_language(tmp_path)
    captions = [language.normalize(caption) for caption in CAPTIONS]
    references = [[language.normalize(text) for text in texts] for texts in REFERENCES]
    found = count_failures(language, captions, references, normalized=True)
    assert found == count_failures(language, CAPTIONS, REFERENCES)


@pytest.mark.parametrize(("captions", "references"), [([], []), (["a"], [])])
def test_captions_without_references(captions: list[str], references: list[list[str]], tmp_path: Path) -> None:
    with pytest.raises(EvaluationError, match="captions for the references of"):
        count_failures(make_language(tmp_path), captions, references)


def test_the_section_of_the_card(tmp_path: Path) -> None:
    found = count_failures(make_language(tmp_path), CAPTIONS, REFERENCES)
    test, dev = ({"split": s, "references_origin": "human", "failures": found} for s in ("test", "dev"))
    text = failures_text([test, {**dev, "references_origin": "mt:x"}, dev])
    assert "captions of 5 photos of the dev split, references: mt:x." in text
    assert "| dogs | 3 | 1 (33%) | 1 | 1 (100%) |" in text
    assert "| colours | 1 | 1 (100%) | 0 | 0 |" in text
    assert "- women called men: 1 (100%) of 1 photos" in text
    assert "- most frequent caption: “a dog”, 2 (40%)" in text
    assert "of the test split" in failures_text([test])
    assert failures_text([{"split": "dev"}]) == "Not counted yet: `polycap evaluate --record` counts them."


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("dogs = 1", "probes.dogs: received 1; allowed: a list; each entry has all forms of a word"),
        ('dogs = ["dog", 1]', "probes.dogs: received ['dog', 1]; allowed: a list"),
        ('dogs = ["dog", " "]', "probes.dogs: received ['dog', ' ']; allowed: a list"),
        (
            'cats = ["cat"]',
            "probes.cats: received an unknown key; allowed: counts, colours, men, women, children, dogs",
        ),
    ],
)
def test_a_malformed_table(table: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "qaa").mkdir()
    (tmp_path / "qaa" / "language.toml").write_text(f"{TOML.format(script='Latn')}[probes]\n{table}", encoding="utf-8")
    language, [fault] = read_language(tmp_path / "qaa")
    assert language is None
    assert message in str(fault)


def test_the_words_of_the_built_in_folders() -> None:
    """Each form is normalised, and belongs to one concept."""
    languages = [entry.language for entry in available_languages() if entry.language]
    probed = [language for language in languages if language.probes.dogs]
    assert {language.code for language in probed} >= {"ar", "de", "en", "es", "fr", "pt-BR", "zh"}
    for language in probed:
        table: dict[str, tuple[str, ...]] = language.probes.model_dump()
        assert all(table.values()), language.code
        assert (len(table["counts"]), len(table["colours"])) == (5, 11), language.code  # compared by place
        # a word may be a count and a man; no word is man, woman or child at once, or two colours
        for categories in (["counts"], ["colours"], ["men", "women", "children", "dogs"]):
            entries = [entry.split() for category in categories for entry in table[category]]
            forms = [form.replace("_", " ") for entry in entries for form in set(entry)]
            assert sorted(forms) == sorted(set(forms)), (language.code, categories)
            assert [form for form in forms if language.normalize(form) != form] == [], language.code
            letters = {letter for form in forms for letter in form if not is_letter(letter)}
            assert letters <= set("0123456789'·-་ \u180e\u200c"), language.code
