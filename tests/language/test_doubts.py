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
