"""Tests of the normalisation of built-in folders: constructed texts, and every line of the shared caption files."""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import pytest

from polycap.language import Language, get_language

ZWNJ, MVS = "\u200c", "\u180e"
FILES = {
    "ug": ["ug.human-revised"],
    "bo": ["bo.human-revised"],
    "mn-Mong": ["mn-Mong.human-revised"],
    "fa": ["fa.mt-abadis"],
    "hi": ["hi.mt-google"],
    "ja": ["ja.human-translation", "ja.mt-google"],
    "tr": ["tr.human", "tr.mt"],
    "uk": ["uk.mt-nllb"],
    "id": ["id.human", "id.mt-google"],
    "pl": ["pl.mt-azure"],
    "cs": ["cs.human-translation"],
    "nl": ["nl.human"],
}


@pytest.mark.parametrize(
    ("code", "text", "normal"),
    [
        ("ug", "ئىت  کۆلدە، ئوينىدى!", "ئىت كۆلدە ئوينىدى"),  # a Persian kaf
        ("ug", "كۆلده", "كۆلدە"),
        ("ug", f"كۆلده{ZWNJ} ئىت", "كۆلدە ئىت"),
        ("ug", "ى\u0654ىت", "ئىت"),  # hamza as a character of its own
        ("ug", "ﺋﯩﺖ", "ئىت"),  # forms of old fonts
        ("ug", "ئوت-چۆپلەر – 5ـنۇمۇر", "ئوت-چۆپلەر 5نۇمۇر"),
        ("bo", "བྱིས་པ། །", "བྱིས་པ"),
        ("bo", "ཡོད་།", "ཡོད"),
        ("bo", "དང་།ཁྱི་ཞིག༎མི།། ཆུ༑ས༏ལ༔", "དང ཁྱི་ཞིག མི ཆུ ས ལ"),
        ("bo", "བུ༌མོ་", "བུ་མོ"),  # a tsheg that forbids a line break
        ("bo", "་གཉིས་ཀྱིས་", "གཉིས་ཀྱིས"),
        ("bo", "ཨང་༢༨པ་", "ཨང་28པ"),
        ("mn-Mong", "ᠪᠠᠢ\u180cᠨ\u180eᠠ᠃", f"ᠪᠠᠶᠢᠨ{MVS}ᠠ"),
        ("mn-Mong", "ᠪᠠᠢᠢᠨ\u180c\u200dᠠ\u180c᠃", f"ᠪᠠᠶᠢᠨ{MVS}ᠠ"),  # a joiner for the separator
        ("mn-Mong", "ᠨᠣᠬᠠᠢᠲᠠᠢ ᠰᠠᠢᠬᠠᠨ ᠬᠥᠮᠥᠨ", "ᠨᠣᠬᠠᠢᠲᠠᠢ ᠰᠠᠶᠢᠬᠠᠨ ᠬᠦᠮᠦᠨ"),
        ("mn-Mong", "ᠪᠠᠶᠢᠨ\u180eᠠ", f"ᠪᠠᠶᠢᠨ{MVS}ᠠ"),
        ("mn-Mong", "ᠥᠷᠰᠬᠦ\u180f ᠨ\u180e", "ᠥᠷᠰᠬᠦ ᠨ"),
        ("mn-Mong", "ᠨᠤᠬᠠᠢ\u202fᠶᠢᠨ᠂ ᠤᠰᠤ", "ᠨᠣᠬᠠᠢ ᠶᠢᠨ ᠤᠰᠤ"),
        ("mn-Mong", "ᠲᠡᠭᠡᠷ\u200dᠡ\u180b \u200dᠢ\u180b", f"ᠳᠡᠭᠡᠷ{MVS}ᠡ ᠢ"),
        ("fa", "كودكي می رود", f"کودکی می{ZWNJ}رود"),
        ("fa", f"می{ZWNJ}{ZWNJ}رود{ZWNJ} و نمی رود", f"می{ZWNJ}رود و نمی{ZWNJ}رود"),
        ("fa", "بچه ها و لباس های قهوه ای", f"بچه{ZWNJ}ها و لباس{ZWNJ}های قهوه{ZWNJ}ای"),
        ("fa", f"کوهنورد ها، زرد{ZWNJ}رنگ", "کوهنوردها زردرنگ"),  # د joins nothing
        ("fa", "خانۀ من و خانه\u0654 او", f"خانه{ZWNJ}ی من و خانه{ZWNJ}ی او"),
        ("fa", "ایستاده اند ۳ و ٣", f"ایستاده{ZWNJ}اند 3 و 3"),
        ("fa", "دنبال توپ", "دنبال توپ"),
        ("hi", "सड\u093cक", "सड\u093cक"),
        ("hi", "स\u095cक पर चप\u094d\u200dपल।", "सड\u093cक पर चप\u094dपल"),
        ("hi", "३ लोग", "3 लोग"),
        ("ja", "２匹のｶﾞﾝが、Ｔシャツで走る。", "2匹のガンが tシャツで走る"),
        ("tr", "IŞIK İÇİN İki kızın ATV'si", "ışık için iki kızın atv'si"),
        ("tr", "I\u0307ki", "iki"),
        ("uk", "Дерев’яний, дерев'яний, деревʼяний", "дерев'яний дерев'яний дерев'яний"),
        ("id", "Anak-anak berlari .", "anak-anak berlari"),
        ("pl", "Czarno-biały pies (ŁÓDŹ)", "czarno-biały pies łódź"),
        ("cs", "Černo-bílý pes, který", "černo-bílý pes který"),
        ("nl", "Foto’s van 's avonds: zwart/wit", "foto's van s avonds zwart wit"),
    ],
)
def test_a_text(code: str, text: str, normal: str) -> None:
    assert get_language(code).normalize(text) == normal
    assert get_language(code).normalize(normal) == normal


@pytest.mark.parametrize("code", FILES)
def test_captions(code: str, shared: Path) -> None:
    """Normalised captions stay as they are, and have letters of the language, digits and what its words need alone."""
    language = get_language(code)
    normals = normalized(shared, code)
    assert [text for text in normals if language.normalize(text) != text] == []
    allowed = {"bo": "་", "mn-Mong": MVS, "fa": ZWNJ}.get(code, "") + language.text.keep_in_words + " "
    strange = {letter for text in normals for letter in text if not letter.isalnum() and letter not in allowed}
    assert {letter for letter in strange if language.share_in_script(letter) != 1} == set()
    assert sum(language.share_in_script(text) < 0.5 for text in normals) <= len(normals) / 500
    assert not any(text.endswith(tuple(allowed)) or text.startswith(tuple(allowed)) for text in normals)


def test_spellings_are_one(shared: Path) -> None:
    """What the rules are for: words that captions write in several ways."""
    mongolian = " ".join(normalized(shared, "mn-Mong")).split()
    assert {word for word in mongolian if word.replace(MVS, "") in {"ᠪᠠᠢᠨᠠ", "ᠪᠠᠢᠢᠨᠠ", "ᠪᠠᠶᠢᠨᠠ"}} == {f"ᠪᠠᠶᠢᠨ{MVS}ᠠ"}
    persian = " ".join(normalized(shared, "fa")).split()
    assert not {"می", "نمی", "ها", "های"} & set(persian)
    assert sum(word.startswith(f"می{ZWNJ}") for word in persian) > 1000


def normalized(shared: Path, code: str) -> list[str]:
    """Every seventh caption."""
    return list(map(get_language(code).normalize, islice(captions(shared, code), 0, None, 7)))


def captions(shared: Path, code: str) -> Iterator[str]:
    for name in FILES[code]:
        with (shared / "captions" / f"{name}.txt").open(encoding="utf-8") as lines:
            for line in lines:
                yield line.rstrip("\n").split("\t", 1)[1]


def test_columns() -> None:
    language = get_language("mn-Mong")
    assert (language.direction, language.html_direction, language.writing_mode) == ("ttb", "ltr", "vertical-lr")
    lines: list[Language] = [get_language(code) for code in ("ug", "bo")]
    assert [(each.html_direction, each.writing_mode) for each in lines] == [
        ("rtl", "horizontal-tb"),
        ("ltr", "horizontal-tb"),
    ]
