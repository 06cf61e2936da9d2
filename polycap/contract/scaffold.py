"""Scaffold of a language folder: known facts are filled in, unknown ones are marked.

Names, scripts and regions are CLDR's, from langcodes; the direction of a script is Unicode's; the translation code is
from Argos' index, if that can be reached.
"""

import json
import logging
from dataclasses import dataclass
from pathlib import Path

from polycap.contract.checks import MIN_SAMPLES
from polycap.errors import DownloadError, LanguageError
from polycap.files import make_folder, write_text
from polycap.language import Registry, read_language
from polycap.language.registry import BUILT_IN, LANGUAGES_VARIABLE
from polycap.text.script import direction_of, has_spaces, is_script
from polycap.translation.argos.index import find_target, read_index

__all__ = ["new_language"]

logger = logging.getLogger(__name__)

# Tokenizers of scripts without spaces between words; `char` if there is no better one.
_TOKENIZERS = {"Hans": "zh", "Hant": "zh", "Hani": "zh", "Jpan": "ja-mecab", "Kore": "ko-mecab", "Tibt": "tsheg"}
_DEFAULT_TOKENIZER = "13a"

_LANGUAGE = """\
schema = 1
code = {code}
name = {name}
native_name = {native_name}
script = {script}{script_note}
direction = {direction}

[translation]
{translation}

[text]                          # for training and scores; `polycap check {plain_code}` tries it on the samples
unicode_form = "NFC"
lowercase = true
# casing = "turkic"             # if I is the capital of ı, and İ that of i
strip_punctuation = true
# keep_in_words = "'"           # punctuation without which a word is misspelt, as in l'eau or м'яч

[tokenizer]
model_type = "unigram"
vocab_size = 3000               # an upper limit

[evaluation]
sacrebleu_tokenizer = {tokenizer}
"""

_SAMPLES = """\
# {count} captions of photos as {native_name} writes them, with capitals and punctuation. For example, in English:
#   "A tabby cat is asleep on a warm windowsill.",
samples = [
]
"""


@dataclass(frozen=True)
class _Facts:
    code: str
    name: str
    native_name: str
    script: str
    script_is_known: bool


def new_language(
    code: str,
    native_name: str | None = None,
    *,
    place: Path = Path(),
    argos_index: str | Path | None = None,
) -> Path:
    """Write a language folder that is complete but for its samples.

    Args:
        code: BCP 47 tag, such as "gsw".
        native_name: the language's name in the language itself. (default: CLDR's)
        place: parent folder of the language's folder. (default: the current folder)
        argos_index: file or URL of an index of Argos packages; a comment in the folder says if it can't be read.
            (default: Argos' own)

    Returns:
        The folder, `place / code`.

    Raises:
        LanguageError: the code is no canonical BCP 47 tag, CLDR has no native name and none is given, or the folder
            exists and is not empty.
    """
    facts = _facts(code, native_name)
    folder = place / code
    if folder.exists() and any(folder.iterdir()):
        raise LanguageError(f"{folder}: is there already; edit it, or remove it first")
    make_folder(folder)
    write_text(folder / "samples.toml", _SAMPLES.format(count=MIN_SAMPLES, native_name=facts.native_name))
    write_text(folder / "language.toml", _language_text(facts, _translation(facts, argos_index)))
    _, faults = read_language(folder)
    if faults:
        raise LanguageError(f"{folder}: " + " | ".join(map(str, faults)))
    if any(entry.code == code and entry.origin == BUILT_IN for entry in Registry.discover().entries):
        logger.info("%s: once on %s, it takes the place of the built-in folder", folder, LANGUAGES_VARIABLE)
    return folder


def _facts(code: str, native_name: str | None) -> _Facts:
    import langcodes

    if not code.isascii() or not langcodes.tag_is_valid(code):
        raise LanguageError(f"{code!r}: no BCP 47 tag of registered parts; allowed: such as de, pt-BR, gsw or qaa")
    canonical = langcodes.standardize_tag(code)
    if canonical != code:
        raise LanguageError(f"{code!r}: not the canonical spelling; write {canonical}")
    language = langcodes.get(code)
    script = language.maximize().script
    known = script is not None and is_script(script)
    native = (native_name or "").strip() or _native_name(code)
    return _Facts(
        code=code,
        name=language.display_name() if _names(code) else native,
        native_name=native,
        script=script if script is not None and known else "Latn",
        script_is_known=known,
    )


def _names(code: str) -> dict[str, str]:
    """Return CLDR's names of a language, by the language of the name."""
    import langcodes
    from language_data.names import code_to_names

    names: dict[str, str] = code_to_names(langcodes.get(code).language or "und")
    return names


def _native_name(code: str) -> str:
    """Return the language's name in the language itself, capitalised.

    Raises:
        LanguageError: CLDR has no native name.
    """
    import langcodes

    language = langcodes.get(code)
    if language.language not in _names(code):  # langcodes would fall back to English
        raise LanguageError(f'{code}: CLDR does not know its native name; give it: polycap new {code} "NAME"')
    maximized = language.maximize()
    name = language.display_name(f"{maximized.language}-{maximized.script}")  # autonym() ignores the script of zh-TW
    return str(name[:1].title() + name[1:])  # upper() would write Georgian in capitals, which begin no name


def _translation(facts: _Facts, argos_index: str | Path | None) -> str:
    """Return the `[translation]` table: Argos' code, if Argos has the language, else caption files."""
    try:
        package = find_target(read_index(argos_index), facts.code)
    except DownloadError as error:
        logger.warning("%s; it is not known whether Argos translates into %s", error, facts.name)
        return 'engine = "captions"             # NOT LOOKED UP: "argos" and its code as target, if Argos has it'
    if package is None:
        return 'engine = "captions"             # files of captions: Argos does not have this language'
    return f'engine = "argos"\ntarget = {_toml(package.to_code)}'


def _language_text(facts: _Facts, translation: str) -> str:
    tokenizer = _TOKENIZERS.get(facts.script, _DEFAULT_TOKENIZER if has_spaces(facts.script) else "char")
    return _LANGUAGE.format(
        code=_toml(facts.code),
        plain_code=facts.code,
        name=_toml(facts.name),
        native_name=_toml(facts.native_name),
        script=_toml(facts.script),
        script_note="" if facts.script_is_known else "                 # GUESSED: correct it, and direction",
        direction=_toml(direction_of(facts.script)),
        translation=translation,
        tokenizer=_toml(tokenizer),
    )


def _toml(text: str) -> str:
    """Return `text` as a TOML string: JSON's escapes are TOML's, except for DEL."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
