"""Tests of polycap/language/doubts.py."""

from polycap.language import get_language
from polycap.language.doubts import doubt_captions


def test_captions_in_another_script_are_doubted() -> None:
    greek, english = get_language("el"), ["a dog runs"]
    own = ["ένας σκύλος τρέχει"]
    assert doubt_captions(greek, own * 9 + english) == ""
    assert doubt_captions(greek, own * 8 + english * 2) == (
        "2 of 10 captions that were looked at are not written in Grek, the script of Greek, such as 'a dog runs'; are "
        "they captions of another language?"
    )
    assert doubt_captions(greek, english * 10_000).startswith("1,667 of 1,667 captions")
    assert doubt_captions(greek, []) == ""


def test_captions_of_another_language_in_the_same_script_are_doubted() -> None:
    english = [f"a {colour} dog runs through the {place}" for colour in COLOURS for place in ("grass", "water", "snow")]
    german = [f"ein {colour}er Hund läuft durch das hohe Gras" for colour in COLOURS] * 3
    assert doubt_captions(get_language("en"), english) == doubt_captions(get_language("de"), german) == ""
    assert doubt_captions(get_language("de"), english) == (
        "most are not in German, but in English, such as 'a brown dog runs through the grass'"
    )
    assert doubt_captions(get_language("de"), german * 2 + english) == ""
    assert doubt_captions(get_language("de"), english[:29]) == "", "too few to tell"
    assert doubt_captions(get_language("nb"), english) == "", "its own samples are taken for another language's"


COLOURS = ("brown", "black", "white", "yellow", "small", "large", "young", "wet", "happy", "tired")
