"""Normalisation: what goes, what stays, in scripts that English habits would tear apart."""

import re
import time
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from polycap.metrics import corpus_bleu
from polycap.text.normalize import normalize_text
from polycap.text.settings import TextSettings, TokenizerSettings
from polycap.text.tokenizer import UNK, Tokenizer

DEFAULT = TextSettings()
TURKIC = TextSettings(casing="turkic")

SETTINGS = st.builds(
    TextSettings,
    unicode_form=st.sampled_from(["NFC", "NFD", "NFKC", "NFKD"]),
    lowercase=st.booleans(),
    casing=st.sampled_from(["default", "turkic"]),
    strip_punctuation=st.booleans(),
    keep_in_words=st.text(alphabet="'’＇-‐.·\u0387\u037e׳״,/´゛❤", max_size=4),
    strip_tatweel=st.booleans(),
    strip_vowel_points=st.booleans(),
    digits=st.sampled_from(["keep", "ascii"]),
)
# Hypothesis alone rarely draws what is tricky: joiners, marks, jamo, special casing, emoji, controls.
TRICKY = "aIıİiΣσς'’-–/.,،।་ـé"
TRICKY += "\u0301\u0307\u0323\u0345\u0338\u200b\u200c\u200d\u00ad\ufeff\ufe0f\u20e3 \t\x00\x1c\u3000"
TRICKY += "\u02bc·\u0387׳״٣३²½\u064b\u0651\u0653\u0654\u0655\u05b8\u05bc\u05c1\u0711آأשׁﷺᾼ"
TRICKY += "कि্ক한ᄒ\u1161\u11abΩK￼◌´`\u037e≠👩🔬❤🏽1ǅßẞﬁ㏂１！ﾞ゛\ud800\ue000"
TEXTS = st.one_of(st.text(), st.text(alphabet=TRICKY), st.text(alphabet=st.characters(codec=None)))


@given(text=TEXTS, settings=SETTINGS, raw=st.booleans())
def test_normalising_twice_is_normalising_once(text: str, settings: TextSettings, raw: bool) -> None:
    once = normalize_text(text, settings, keep_case_and_punctuation=raw)
    assert normalize_text(once, settings, keep_case_and_punctuation=raw) == once
    assert unicodedata.is_normalized(settings.unicode_form, once)
    assert once == " ".join(once.split())
    once.encode("utf-8")


@given(text=TEXTS, settings=SETTINGS)
def test_no_punctuation_and_no_symbol_survives_unasked(text: str, settings: TextSettings) -> None:
    normal = normalize_text(text, settings.model_copy(update={"strip_punctuation": True}))
    for before, character, after in zip(" " + normal, normal, normal[1:] + " ", strict=False):
        if unicodedata.category(character)[0] in "PS":
            is_asked = character in settings.keep_in_words or (character == "'" and settings.has_apostrophe)
            assert is_asked or (character in ".,:٫٬" and before.isdecimal() and after.isdecimal())
            assert " " not in (before, after)


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
    assert (
        normalize_text("  The dog's\tball, cafe\u0301!\u200b ", DEFAULT, keep_case_and_punctuation=True)
        == "The dog's ball, café!"
    )


def test_settings_refuse_what_they_do_not_know() -> None:
    with pytest.raises(ValidationError):
        TextSettings.model_validate({"unicode_form": "NFX"})
    with pytest.raises(ValidationError):
        TextSettings.model_validate({"lower": True})


KEEPING = TextSettings(keep_in_words="'·-")


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("De l’eau, l'eau et l＇EAU !", "de l'eau l'eau et l'eau"),
        ("м’яч м'яч м\u02bcяч", "м'яч м'яч м'яч"),  # Ukrainian, in three spellings: the last is a letter to Unicode
        ("‘L’eau’ dels nois’ 'n", "l'eau dels nois n"),  # as a quotation mark, or at a word's end, it goes
        ("Una col·lecció, una col\u0387lecció · dues", "una col·lecció una col·lecció dues"),
        ("mig-dia – rock-n-roll - x-", "mig-dia rock-n-roll x"),
        ("aujourd’hui''hier a'-b", "aujourd'huihier a b"),
        ("e\u0301’e", "é'e"),
        ("❤️'a 3️⃣'a 3'a", "a 3a 3'a"),  # the mark of an emoji is no part of a word
    ],
)
def test_punctuation_that_spelling_needs(text: str, normal: str) -> None:
    assert normalize_text(text, KEEPING) == normalize_text(text, TextSettings(keep_in_words="-·’")) == normal


def test_punctuation_is_kept_in_words_only_if_named() -> None:
    assert normalize_text("l’eau col·lecció", DEFAULT) == "leau collecció"
    assert normalize_text("l’eau col·lecció", TextSettings(keep_in_words="\u0387")) == "leau col·lecció"
    assert normalize_text("צה״ל, צ׳ק ״כן״", TextSettings(keep_in_words="׳״")) == "צה״ל צ׳ק כן"
    assert normalize_text("l’eau", KEEPING, keep_case_and_punctuation=True) == "l’eau"


@pytest.mark.parametrize("characters", ["a", "'a", " ", "\n", "\u02bc", "\u0301", "٣", "\u200c", "\ud800", "\ue000"])
def test_only_punctuation_can_be_kept(characters: str) -> None:
    with pytest.raises(ValidationError, match="not only punctuation"):
        TextSettings(keep_in_words=characters)


ARABIC = TextSettings(strip_tatweel=True, strip_vowel_points=True, digits="ascii")


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("كَلْبٌ بُنِّيٌّ", "كلب بني"),  # short vowels, sukun, shadda, tanwin
        ("رجـــل مسنـ", "رجل مسن"),  # tatweel
        ("أإآؤئء", "أإآؤئء"),  # hamza and maddah are spelling
        ("ا\u064e\u0654", "أ"),  # a hamza that came as a mark of its own, behind a vowel
        ("ا\u0640\u0653", "آ"),
        ("٣ قوارب و۴ كلاب و5", "3 قوارب و4 كلاب و5"),
    ],
)
def test_arabic_written_in_one_way(text: str, normal: str) -> None:
    assert normalize_text(text, ARABIC) == normal
    assert normalize_text(text, DEFAULT) == unicodedata.normalize("NFC", text)  # only where the settings say so


def test_hebrew_points() -> None:
    pointed, plain = "שָׁלוֹשׁ סִירוֹת", "שלוש סירות"
    assert normalize_text(pointed, TextSettings(strip_vowel_points=True)) == plain
    assert normalize_text(pointed, DEFAULT) == unicodedata.normalize("NFC", pointed) != plain
    assert normalize_text("\ufb2a", TextSettings(strip_vowel_points=True)) == "ש"  # shin with its dot, in one


def test_digits() -> None:
    assert normalize_text("٣ ३ ３ 𝟛 3", TextSettings(digits="ascii")) == "3 3 3 3 3"
    assert normalize_text("³ ½ Ⅲ 三 ③", TextSettings(digits="ascii", lowercase=False)) == "³ ½ Ⅲ 三 ③"  # no decimals
    assert normalize_text("٣ ३", DEFAULT) == "٣ ३"


# --- what would become of them if they were English ---


def english(text: str) -> list[str]:
    r"""The words of a text as tutorials find them: lower case, all but `\w` removed, split at spaces."""
    return re.sub(r"[^\w\s]", "", text.lower()).split()


def words(text: str, settings: TextSettings = DEFAULT) -> list[str]:
    return normalize_text(text, settings).split()


def lost(text: str) -> set[str]:
    """The letters and marks of `text` that the English treatment takes away."""
    kept = set("".join(english(text)))
    return {letter for letter in text.lower() if unicodedata.category(letter)[0] in "LM" and letter not in kept}


def test_the_english_treatment_suits_english() -> None:
    text = "The dog's ball, thrown!"
    assert english(text) == words(text)
    assert not lost(text)


@pytest.mark.parametrize(
    ("text", "expected", "signs"),
    [
        ("एक लड़की किताब पढ़ रही है।", ["एक", "लड़की", "किताब", "पढ़", "रही", "है"], "ीिाै\u093c"),
        ("একটি কুকুর ঘাসে দৌড়াচ্ছে।", ["একটি", "কুকুর", "ঘাসে", "দৌড়াচ্ছে"], "িুােৌ্"),
        ("ক্\u200cষ র\u200d্যাকেট", ["ক্\u200cষ", "র\u200d্যাকেট"], "্"),
    ],
    ids=["hi", "bn", "bn-joiners"],
)
def test_hindi_and_bengali_are_not_english(text: str, expected: list[str], signs: str) -> None:
    text, expected = unicodedata.normalize("NFC", text), [unicodedata.normalize("NFC", word) for word in expected]
    assert words(text) == expected
    assert english(text) != expected
    assert set(signs) <= set("".join(expected))
    assert set(signs) <= lost(text)  # a vowel sign is no \w


def test_arabic_is_not_english() -> None:
    text = unicodedata.normalize("NFD", "أكل الكلبُ، ثم نام؟")  # hamza as a mark, as some keyboards send it
    assert words(text) == ["أكل", "الكلبُ", "ثم", "نام"]
    assert english(text) == ["اكل", "الكلب", "ثم", "نام"]  # another letter, and no vowel
    assert lost(text) == {"\u0654", "\u064f"}

    def ascii_punctuation_only(text: str) -> list[str]:
        return re.sub("[!-/:-@[-`{-~]", "", text).split()

    assert ascii_punctuation_only(text)[-1].endswith("؟")  # which joins the word, and is never learned
    a, b = "كلب يجري، ويقفز؟ نعم هنا", "كلب يجري ويقفز نعم هنا"
    assert corpus_bleu([a], [[b]], tokenizer="13a") < 50  # as 13a does not part it either
    assert corpus_bleu([normalize_text(a, ARABIC)], [[normalize_text(b, ARABIC)]], tokenizer="13a") == pytest.approx(
        100
    )


def test_chinese_is_not_english() -> None:
    texts = [
        "一只棕色的狗在草地上奔跑。",
        "一只黑色的狗在草地上奔跑。",
        "两个孩子在公园里踢足球。",
        "两个孩子在草地上踢足球。",
    ]
    normal = [normalize_text(text, DEFAULT) for text in texts]
    assert all(english(text) == [plain] for text, plain in zip(texts, normal, strict=True))  # each is one "word"
    assert len({word for text in normal for word in text.split()}) == len(texts)  # of which none comes twice
    hypotheses, references = normal[::2], [[text] for text in normal[1::2]]  # all differ in few characters
    assert corpus_bleu(hypotheses, references, tokenizer="13a") < 1
    assert corpus_bleu(hypotheses, references, tokenizer="zh") > 50
    tokenizer = Tokenizer.train(normal, TokenizerSettings(vocab_size=100))
    assert len(set(tokenizer.encode(normal[0])) & set(tokenizer.encode(normal[1]))) >= 3  # their words are shared


def test_turkish_is_not_english() -> None:
    text = "IĞDIR'da İKİ kız IŞIĞI izliyor."
    expected = ["ığdır'da", "iki", "kız", "ışığı", "izliyor"]
    assert words(text, TextSettings(casing="turkic", keep_in_words="'")) == expected
    assert english(text) == ["iğdirda", "iki", "kız", "işiği", "izliyor"]  # i for ı is another letter
    assert "İKİ".lower() != "iki"  # but i and a dot, twice
    assert words(text) != expected

    # words grow by suffixes: a list of those that were seen is no vocabulary
    roots, suffixes = ("ev", "göl", "park", "bahçe", "kedi"), ("", "de", "den", "ler", "lerde", "lerden")
    seen = [root + suffix for root in roots for suffix in suffixes if (root, suffix) != ("göl", "lerden")]
    assert "göllerden" not in {word for text in seen for word in text.split()}
    tokenizer = Tokenizer.train(seen, TokenizerSettings(vocab_size=40))
    ids = tokenizer.encode("göllerden")
    assert UNK not in ids
    assert tokenizer.decode(ids) == "göllerden"
    assert len(ids) < len("göllerden")  # of pieces, not of letters alone


def test_all_captions_of_flickr8k_take_less_than_seconds(shared: Path) -> None:
    lines = (shared / "flickr8k" / "Flickr8k.token.txt").read_text(encoding="utf-8").splitlines()
    start = time.process_time()
    normal = [normalize_text(line.split("\t")[1], DEFAULT) for line in lines]
    assert time.process_time() - start < 3.0  # 0.25 s on an idle core
    assert len(normal) > 40_000
    assert set("".join(normal)) <= set("abcdefghijklmnopqrstuvwxyz0123456789 ")


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("Costs 2.5, not 25.", "costs 2.5 not 25"),
        ("At 3:30: 1,000 dogs", "at 3:30 1,000 dogs"),
        ("٢٫٥ متر", "٢٫٥ متر"),
        ("Top 10. 3 dogs", "top 10 3 dogs"),
        ("v.2 no.5 5.a 1..2", "v2 no5 5a 12"),
    ],
)
def test_numbers_keep_their_marks(text: str, normal: str) -> None:
    assert normalize_text(text, DEFAULT) == normal


def test_a_dotted_i_is_an_i_but_in_lithuanian_with_an_accent() -> None:
    assert normalize_text("İstanbul", DEFAULT) == normalize_text("i\u0307stanbul", DEFAULT) == "istanbul"
    assert normalize_text("i\u0307stanbul", TURKIC) == normalize_text("İSTANBUL", TURKIC) == "istanbul"
    assert normalize_text("i\u0307\u0301", DEFAULT) == "i\u0307\u0301"
