"""Persian letters for the Arabic ones that other keyboards type, and the zero-width non-joiner where spelling wants it.

The non-joiner (U+200C) parts می and suffixes from their word: می‌دود, بچه‌ها, قهوه‌ای. Many type a space there. The rules
are those of the Academy of Persian, as Hazm's normaliser applies them. After a letter that never joins the next,
none is written. No native reader has checked them.
"""

import re

_ZWNJ = "\u200c"
_LETTERS = str.maketrans(
    {"ي": "ی", "ى": "ی", "ك": "ک", "ہ": "ه", "ە": "ه", "ھ": "ه", "ۀ": f"ه{_ZWNJ}ی", "\u200d": None}
)
_JOINED = "بپتثجچحخسشصضطظعغفقکگلمنهیئـ"  # the letters that join the next one
_LOOSE = re.compile(f"{_ZWNJ}(?={_ZWNJ})|(?<![{_JOINED}]){_ZWNJ}|{_ZWNJ}(?![^\\W\\d_])")
_PREFIX = re.compile(r"(?<!\S)(ن?می) (?=[^\W\d_])")
_SUFFIX = re.compile(r"(?<=[^\W\d_]) (?=(?:ها(?:ی|یی|یم|یت|یش|یمان|یتان|یشان)?|تر|ترین)(?!\S))")
_AFTER_HE = re.compile(r"(?<=ه) (?=(?:ای|ام|ات|اش|اند|ایم|اید|ی)(?!\S))")


def normalize(text: str) -> str:
    """`text` with one letter for each, and the non-joiner in its places only."""
    text = text.replace("ه\u0654", "ۀ").translate(_LETTERS)
    for rule in (_PREFIX, _SUFFIX, _AFTER_HE):
        text = rule.sub(lambda found: found.group().replace(" ", _ZWNJ), text)
    return _LOOSE.sub("", text)
