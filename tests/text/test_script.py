"""Scripts: which there are, which way they run, and which letters are theirs."""

import unicodedata

import pytest

from polycap.text.script import direction_of, is_letter, is_script, letters_of, outsiders, share_in_script, words

SCRIPTS = ["Latn", "Arab", "Deva", "Hebr", "Thai", "Jpan", "Kore", "Hans", "Adlm", "Geor", "Cans"]


@pytest.mark.parametrize("code", [*SCRIPTS, "Hant", "Hanb", "Hrkt", "Jamo", "Aran", "Latf", "Cyrs", "Syre", "Mong"])
def test_scripts(code: str) -> None:
    assert is_script(code)
    assert next(letters_of(code))


@pytest.mark.parametrize(
    "code",
    [
        *("Zyyy", "Zinh", "Zzzz"),  # of no script, of any, unknown
        *("Zsym", "Zmth", "Zsye", "Zxxx", "Brai"),  # symbols, mathematics, emoji, nothing written, patterns of dots
        *("Qaaa", "Qabx"),  # for private use
        *("Blis", "Teng", "Inds"),  # of ISO 15924, but not yet of Unicode
        *("latn", "LATN", "Latin", "latin", "Lat", "Latn ", "", "en", "Xxxx"),
    ],
)
def test_no_scripts(code: str) -> None:
    assert not is_script(code)


@pytest.mark.parametrize("code", ["Arab", "Aran", "Hebr", "Syrc", "Syrn", "Thaa", "Nkoo", "Adlm", "Rohg", "Mand"])
def test_from_right_to_left(code: str) -> None:
    assert direction_of(code) == "rtl"


@pytest.mark.parametrize("code", ["Latn", "Cyrl", "Jpan", "Kore", "Hans", "Hanb", "Phag", "Ethi", "Geok", "Qaaa", ""])
def test_from_left_to_right(code: str) -> None:
    assert direction_of(code) == "ltr"


def test_from_top_to_bottom() -> None:
    assert direction_of("Mong") == "ttb"


@pytest.mark.parametrize("code", SCRIPTS)
def test_letters_of_a_script_are_its_own(code: str) -> None:
    letters = list(letters_of(code))
    assert letters == sorted(set(letters))
    assert all(map(is_letter, letters))
    assert unicodedata.is_normalized("NFKC", letters[-1])
    assert outsiders("".join(letters), code) == ""
    assert share_in_script("".join(letters), code) == 1.0


@pytest.mark.parametrize(
    ("code", "has", "has_not"),
    [
        ("Latn", "azAZéßıİŋþ", "абªﬁ\u0301ʼ5"),  # neither what only a compatibility form tells apart, nor accents
        ("Cyrl", "аяґїӏҡ", "aαꙮ\U0001e030"[0:2]),
        ("Arab", "ءأبپیک", "ﻻ\u0640\u064b٣"),  # no forms of old; harakat are others' too
        ("Deva", "अकािी्\u093c", "।३"),
        ("Hebr", "אתםץ\u05b8", "״\ufb2a"),
        ("Jpan", "あア漢々ヶ", "ｱ。Ａー"),
        ("Hans", "汉々", "あ한"),
        ("Kore", "한漢ᄀ", "ㄱあ"),
        ("Ethi", "ሀዐ", "፡።"),
        ("Adlm", "\U0001e900\U0001e922", "a"),
    ],
)
def test_examples(code: str, has: str, has_not: str) -> None:
    letters = set(letters_of(code))
    assert set(has) <= letters
    assert not set(has_not) & letters


def test_as_many_letters_as_the_script_has() -> None:
    assert len(list(letters_of("Thaa"))) == 50
    assert list(letters_of("Aran")) == list(letters_of("Arab"))
    assert {*letters_of("Hira"), *letters_of("Kana"), *letters_of("Hani")} == set(letters_of("Jpan"))
    assert list(letters_of("Hans")) == list(letters_of("Hant")) == list(letters_of("Hani"))
    assert list(letters_of("Qaaa")) == []


@pytest.mark.parametrize(
    ("text", "code", "share"),
    [
        ("", "Latn", 0.0),
        ("42, 7!", "Latn", 0.0),
        ("😀 ❤\ufe0f 3\ufe0f\u20e3", "Latn", 0.0),  # the marks of emoji are no evidence
        ("ab", "Latn", 1.0),
        ("abcд", "Latn", 0.75),
        ("a, b. ❤\ufe0f 12", "Latn", 1.0),
        ("a\ufe0f д", "Latn", 0.5),
        ("cafe\u0301", "Latn", 1.0),
        ("м\u02bcяч", "Cyrl", 1.0),
        ("Tシャツとラーメン", "Jpan", 8 / 9),
        ("漢字かなカナー", "Jpan", 1.0),
        ("漢字かな", "Hans", 0.5),
        ("한국어 漢字", "Kore", 1.0),
        ("كلبٌ بنيّ، ٣", "Arab", 1.0),
        ("كلبٌ", "Aran", 1.0),
        ("सड़क पर।", "Deva", 1.0),
        ("র\u200d্যাকেট", "Beng", 1.0),
        ("ABC", "Grek", 0.0),
        ("日本", "Qaaa", 0.0),
    ],
)
def test_share_in_script(text: str, code: str, share: float) -> None:
    assert share_in_script(text, code) == pytest.approx(share)


@pytest.mark.parametrize(
    ("text", "code", "others"),
    [
        ("", "Latn", ""),
        ("A dog, 2 cats and ❤\ufe0f", "Latn", ""),
        ("собака and собака", "Latn", "собак"),  # each once, in order
        ("a dog", "Cyrl", "adog"),
        ("cafe\u0301", "Latn", ""),
        ("की", "Latn", "की"),  # a mark is an outsider, too
        ("ـكلبٌ", "Arab", ""),
    ],
)
def test_outsiders(text: str, code: str, others: str) -> None:
    assert outsiders(text, code) == others


def test_letters_and_marks() -> None:
    assert all(map(is_letter, "aßдकी\u0301ーʼ漢"))
    assert not any(map(is_letter, "1٣ .-\u200d😀\n"))
    assert not any(map(is_letter, "\u180b\u180f\ufe0f\U000e0100"))  # choose a letter's form


@pytest.mark.parametrize(
    ("text", "code", "expected"),
    [
        ("བུ་མོ་གཉིས རྒྱུག", "Tibt", ["བུ", "མོ", "གཉིས", "རྒྱུག"]),
        ("一只dog跑", "Hans", ["一", "只", "dog", "跑"]),
        ("a dog", "Latn", ["a", "dog"]),
    ],
)
def test_words(text: str, code: str, expected: list[str]) -> None:
    assert words(text, code) == expected
