"""Normalisation: what goes, what stays, in scripts that English habits would tear apart."""

import time
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from polycap.text import TextSettings, normalize_text

DEFAULT = TextSettings()
TURKIC = TextSettings(casing="turkic")

SETTINGS = st.builds(
    TextSettings,
    unicode_form=st.sampled_from(["NFC", "NFD", "NFKC", "NFKD"]),
    lowercase=st.booleans(),
    casing=st.sampled_from(["default", "turkic"]),
    strip_punctuation=st.booleans(),
)
# Hypothesis alone rarely draws what is tricky: joiners, marks, jamo, special casing, emoji, controls.
TRICKY = "aIıİiΣσς'’-–/.,،।་ـé"
TRICKY += "\u0301\u0307\u0323\u0345\u0338\u200b\u200c\u200d\u00ad\ufeff\ufe0f\u20e3 \t\x00\x1c\u3000"
TRICKY += "कि্ক한ᄒ\u1161\u11abΩK￼◌´`\u037e≠👩🔬❤🏽1ǅßẞﬁ㏂１！ﾞ゛\ud800\ue000"
TEXTS = st.one_of(st.text(), st.text(alphabet=TRICKY), st.text(alphabet=st.characters(codec=None)))


@given(text=TEXTS, settings=SETTINGS, raw=st.booleans())
def test_normalising_twice_is_normalising_once(text: str, settings: TextSettings, raw: bool) -> None:
    once = normalize_text(text, settings, raw=raw)
    assert normalize_text(once, settings, raw=raw) == once
    assert unicodedata.is_normalized(settings.unicode_form, once)
    assert once == " ".join(once.split())
    once.encode("utf-8")


@given(text=TEXTS)
def test_no_punctuation_and_no_symbol_survives(text: str) -> None:
    assert not {unicodedata.category(letter)[0] for letter in normalize_text(text, DEFAULT)} & {"P", "S"}


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("A black-and-white dog .", "a black and white dog"),
        ("The dog's ball, thrown!", "the dogs ball thrown"),
        ("one,two;three/four…five (six)seven", "one two three four five six seven"),
        ("“Hi” — he said: $5 & more\n", "hi he said 5 more"),
        ("the U.S. flag", "the us flag"),
        ("  a \t b\u00a0c\u2003d  ", "a b c d"),
        ("cafe\u0301", "café"),
        ("soft\u00adhyphen zero\u200bwidth \u202bmarks\u202c\ufeff", "softhyphen zerowidth marks"),
        ("", ""),
        ("?!", ""),
    ],
)
def test_english(text: str, normal: str) -> None:
    assert normalize_text(text, DEFAULT) == normal


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("एक लड़की किताब पढ़ रही है।", "एक लड़की किताब पढ़ रही है"),  # Hindi: vowel signs, nukta, danda
        ("क्\u200dष और क्\u200cष", "क्\u200dष और क्\u200cष"),  # joiners decide how it is written
        ("একটি কুকুর ঘাসে দৌড়াচ্ছে।", "একটি কুকুর ঘাসে দৌড়াচ্ছে"),  # Bengali
        ("كلبٌ يجري، ثم يقفز؟", "كلبٌ يجري ثم يقفز"),  # Arabic: comma, question mark, tanwin
        ("سگ‌ها می‌دوند.", "سگ‌ها می‌دوند"),  # Persian: ZWNJ
        ("一只狗，在草地上奔跑。", "一只狗 在草地上奔跑"),  # Chinese: no spaces but for the comma
        ("犬が走る「ワン」！", "犬が走る ワン"),
        ("ሰው፡ይሮጣል።", "ሰው ይሮጣል"),  # Amharic: the word separator is punctuation
        ("ילד בבית־ספר, צה״ל", "ילד בבית ספר צהל"),  # Hebrew: maqaf parts, gershayim don't
        ("col·lecció d’art", "collecció dart"),
        ("ΟΔΟΣ", "οδος"),  # Greek: final sigma
        ("Straße", "straße"),
        ("สุนัขวิ่ง", "สุนัขวิ่ง"),
    ],
)
def test_other_scripts(text: str, normal: str) -> None:
    assert normalize_text(text, DEFAULT) == unicodedata.normalize("NFC", normal)


def test_dotted_and_dotless_i() -> None:
    assert normalize_text("Işıkta İKİ KIZ", TURKIC) == "ışıkta iki kız"
    assert normalize_text("I\u0307ki", TURKIC) == "iki"  # İ, decomposed
    assert normalize_text("I", DEFAULT) == "i"


def test_emoji_leave_nothing_behind() -> None:
    assert normalize_text("dog 👩\u200d🔬 ❤\ufe0f cat👍🏽", DEFAULT) == "dog cat"


def test_settings_switch_things_off() -> None:
    assert normalize_text("A, B.", TextSettings(lowercase=False)) == "A B"
    assert normalize_text("A, B.", TextSettings(strip_punctuation=False)) == "a, b."
    assert normalize_text("１２！", DEFAULT) == "１２"
    assert normalize_text("１２！", TextSettings(unicode_form="NFKC")) == "12"


def test_raw_keeps_case_and_punctuation() -> None:
    assert normalize_text("  The dog's\tball, cafe\u0301!\u200b ", DEFAULT, raw=True) == "The dog's ball, café!"


def test_settings_refuse_what_they_do_not_know() -> None:
    with pytest.raises(ValidationError):
        TextSettings.model_validate({"unicode_form": "NFX"})
    with pytest.raises(ValidationError):
        TextSettings.model_validate({"lower": True})


def test_all_captions_of_flickr8k_take_less_than_seconds(shared: Path) -> None:
    lines = (shared / "flickr8k" / "Flickr8k.token.txt").read_text(encoding="utf-8").splitlines()
    start = time.process_time()
    normal = [normalize_text(line.split("\t")[1], DEFAULT) for line in lines]
    assert time.process_time() - start < 3.0  # 0.25 s on an idle core
    assert len(normal) > 40_000
    assert set("".join(normal)) <= set("abcdefghijklmnopqrstuvwxyz0123456789 ")
