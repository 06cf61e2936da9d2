"""Traditional Mongolian: one spelling for words that look the same, or that keyboards type in several ways.

Variation selectors (U+180B to U+180D, U+180F) choose a letter's form, and half of the typists leave them out: they are
dropped. The vowel separator U+180E is spelling, and is kept; some type a joiner (U+200D) in its place. U+202F before a
suffix is a space to `normalize_text`: the captions write suffixes joined, or apart with a plain space, never with it.

ᠣ and ᠤ, ᠥ and ᠦ, mostly ᠲ and ᠳ, and ᠬ and ᠭ in words of front vowels, look alike, and captions mix them: `_LOOK_ALIKE`
has the frequent words, spelt as the Cyrillic spelling of the same word tells (нохой: ᠣ, дугуй: ᠳ). No native reader has
checked it. Rarer words are left as they are.
"""

import re

_SELECTORS = re.compile("[\u180b-\u180d\u180f]")
_JOINER_FOR_SEPARATOR = re.compile("(?<=[\u1828-\u1842])\u200d(?=[\u1820\u1821](?![\u1820-\u1842]))")
_JOINER = re.compile("[\u200c\u200d]")
_LOOSE_SEPARATOR = re.compile("\u180e(?![\u1820\u1821])|(?<![\u1820-\u1842])\u180e")
# ᠢ within a word after a vowel has two teeth, and is typed as ᠢ, ᠢᠢ or ᠶᠢ (ᠪᠠᠶᠢᠨ᠎ᠠ). A single ᠢ is changed
# in the first syllable only: later ones end words to which a suffix is joined (ᠨᠣᠬᠠᠢᠲᠠᠢ).
_TWO_TEETH = re.compile("(?<=[ᠠᠡᠣᠤᠥᠦ])ᠢᠢ")
_TWO_TEETH_TYPED_AS_ONE = re.compile("(?<![\u1820-\u1842])([ᠨ-ᡂ]?[ᠠᠡᠣ])ᠢ(?=[ᠨ-ᠵᠷ-ᡂ])")
_LOOK_ALIKE = {
    "ᠬᠦᠮᠦᠨ": "ᠬᠥᠮᠥᠨ ᠬᠥᠮᠦᠨ",
    "ᠬᠦᠮᠦᠰ": "ᠬᠥᠮᠥᠰ ᠬᠥᠮᠦᠰ",
    "ᠬᠦᠮᠦᠨᠢ": "ᠬᠥᠮᠥᠨᠢ",
    "ᠨᠣᠬᠠᠢ": "ᠨᠤᠬᠠᠢ",
    "ᠪᠥᠮᠪᠥᠭᠡ": "ᠪᠦᠮᠪᠦᠭᠡ",
    "ᠪᠥᠮᠪᠥᠭᠡᠶᠢ": "ᠪᠦᠮᠪᠦᠭᠡᠶᠢ",
    "ᠪᠥᠮᠪᠥᠭᠡᠶᠢᠨ": "ᠪᠦᠮᠪᠦᠭᠡᠶᠢᠨ",
    "ᠪᠥᠮᠪᠥᠭᠡᠴᠢᠨ": "ᠪᠦᠮᠪᠦᠭᠡᠴᠢᠨ",
    "ᠡᠷᠡᠭᠲᠡᠢ": "ᠡᠷᠡᠭᠳᠡᠢ",
    "ᠡᠮᠡᠭᠲᠡᠢ": "ᠡᠮᠡᠭᠳᠡᠢ",
    "ᠳᠡᠭᠡᠷ᠎ᠡ": "ᠳᠡᠭᠡᠷᠡ ᠲᠡᠭᠡᠷᠡ ᠲᠡᠭᠡᠷ᠎ᠡ",
    "ᠳᠡᠭᠡᠷᠡᠬᠢ": "ᠲᠡᠭᠡᠷᠡᠬᠢ",
    "ᠳᠣᠲᠣᠷ᠎ᠠ": "ᠳᠣᠲᠤᠷ᠎ᠠ ᠳᠣᠲᠤᠷᠠ ᠲᠤᠳᠤᠷᠠ ᠲᠣᠲᠣᠷᠠ",
    "ᠳᠣᠲᠣᠷᠠᠬᠢ": "ᠳᠣᠲᠤᠷᠠᠬᠢ ᠲᠤᠳᠤᠷᠠᠬᠢ ᠲᠣᠲᠣᠷᠠᠬᠢ",
    "ᠬᠤᠪᠴᠠᠰᠤ": "ᠬᠣᠪᠴᠠᠰᠤ",
    "ᠳᠤᠭᠤᠢ": "ᠲᠤᠭᠤᠢ",
    "ᠪᠦᠯᠦᠭ": "ᠪᠥᠯᠥᠭ",
    "ᠳᠤᠮᠳᠠ": "ᠲᠤᠮᠳᠠ",
    "ᠳᠤᠮᠳᠠᠬᠢ": "ᠲᠤᠮᠳᠠᠬᠢ",
    "ᠬᠥᠯ": "ᠬᠦᠯ",
    "ᠬᠡᠦᠬᠡᠳ": "ᠬᠡᠥᠬᠡᠳ ᠬᠡᠤᠬᠡᠳ ᠬᠡᠣᠬᠡᠳ",
    "ᠬᠡᠦᠬᠡᠨ": "ᠬᠡᠥᠬᠡᠨ ᠬᠡᠦᠭᠡᠨ ᠬᠡᠤᠬᠡᠨ ᠬᠡᠣᠬᠡᠨ",
    "ᠬᠦᠦ": "ᠬᠦᠤ",
    "ᠬᠣᠶᠠᠷ": "ᠬᠤᠶᠠᠷ",
    "ᠭᠦᠶᠦᠪᠡ": "ᠬᠦᠶᠦᠪᠡ",
    "ᠭᠦᠶᠦᠵᠦ": "ᠬᠦᠶᠦᠵᠦ",
    "ᠥᠬᠢᠨ": "ᠦᠬᠢᠨ",
    "ᠣᠩᠭᠣᠴᠠ": "ᠤᠩᠭᠤᠴᠠ",
    "ᠮᠣᠳᠣᠨ": "ᠮᠤᠳᠤᠨ",
    "ᠮᠣᠳᠣ": "ᠮᠣᠳᠤ ᠮᠤᠳᠤ",
    "ᠬᠠᠷ᠎ᠠ": "ᠬᠠᠷᠠ",
    "ᠵᠣᠭᠰᠣᠵᠤ": "ᠵᠣᠭᠰᠤᠵᠤ ᠵᠤᠭᠰᠤᠵᠤ",
    "ᠵᠣᠭᠰᠣᠪᠠ": "ᠵᠣᠭᠰᠤᠪᠠ ᠵᠤᠭᠰᠤᠪᠠ",
    "ᠳᠠᠯᠠᠢ": "ᠲᠠᠯᠠᠢ",
    "ᠳᠠᠯᠠᠶᠢᠶᠢᠨ": "ᠲᠠᠯᠠᠶᠢᠶᠢᠨ",
    "ᠲᠠᠯ᠎ᠠ": "ᠲᠠᠯᠠ",
    "ᠤᠰᠤᠨ": "ᠣᠰᠣᠨ",
    "ᠬᠥᠬᠡ": "ᠬᠦᠬᠡ",
    "ᠬᠠᠪᠲᠠᠰᠤ": "ᠬᠠᠪᠳᠠᠰᠤ",
    "ᠲᠣᠯᠣᠭᠠᠢ": "ᠲᠤᠯᠤᠭᠠᠢ",
    "ᠲᠠᠲᠠᠵᠤ": "ᠲᠠᠳᠠᠵᠤ",
    "ᠶᠠᠭᠤᠮ᠎ᠠ": "ᠶᠠᠭᠤᠮᠠ",
    "ᠪᠡᠶ᠎ᠡ": "ᠪᠡᠶᠡ",
    "ᠲᠣᠭᠯᠠᠵᠤ": "ᠲᠤᠭᠯᠠᠵᠤ",
    "ᠱᠠᠲᠤᠨ": "ᠱᠠᠳᠤᠨ",
    "ᠱᠠᠲᠤᠪᠠᠷ": "ᠱᠠᠳᠤᠪᠠᠷ",
    "ᠥᠩᠭᠡᠲᠡᠢ": "ᠦᠩᠭᠡᠲᠡᠢ",
    "ᠥᠩᠭᠡᠶᠢᠨ": "ᠦᠩᠭᠡᠶᠢᠨ",
    "ᠤᠲᠠᠰᠤ": "ᠤᠳᠠᠰᠤ",
    "ᠬᠣᠭᠣᠰᠣᠨ": "ᠬᠣᠭᠤᠰᠤᠨ",
    "ᠳᠠᠪᠠᠯᠭᠠᠨ": "ᠲᠠᠪᠠᠯᠭᠠᠨ",
    "ᠰᠢᠷ᠎ᠠ": "ᠰᠢᠷᠠ",
    "ᠪᠣᠯᠪᠠᠰᠤᠷᠠᠵᠤ": "ᠪᠤᠯᠪᠠᠰᠤᠷᠠᠵᠤ",
    "ᠪᠠᠶᠢᠨ᠎ᠠ": "ᠪᠠᠶᠢᠨᠠ",
    "ᠳᠥᠷᠪᠡᠨ": "ᠲᠦᠷᠪᠡᠨ",
    "ᠨᠢᠯᠬ᠎ᠠ": "ᠨᠢᠯᠬᠠ",
    "ᠣᠷᠣᠨ": "ᠣᠷᠤᠨ",
    "ᠬᠥᠳᠡᠯᠭᠡᠭᠡᠨ": "ᠬᠦᠳᠡᠯᠭᠡᠭᠡᠨ",
    "ᠣᠷᠣᠪᠠ": "ᠣᠷᠤᠪᠠ",
    "ᠥᠨᠳᠦᠷ": "ᠦᠨᠳᠦᠷ ᠥᠨᠳᠥᠷ",
    "ᠪᠦᠵᠢᠭᠯᠡᠵᠦ": "ᠪᠥᠵᠢᠭᠯᠡᠵᠦ",
}
_SPELLING = {wrong: right for right, others in _LOOK_ALIKE.items() for wrong in others.split()}


def normalize(text: str) -> str:
    """`text` with one spelling for each."""
    text = _JOINER_FOR_SEPARATOR.sub("\u180e", _SELECTORS.sub("", text))
    text = _LOOSE_SEPARATOR.sub("", _JOINER.sub("", text))
    text = _TWO_TEETH_TYPED_AS_ONE.sub("\\1ᠶᠢ", _TWO_TEETH.sub("ᠶᠢ", text))
    return " ".join(_SPELLING.get(word, word) for word in text.split(" "))
