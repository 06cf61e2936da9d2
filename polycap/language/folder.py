"""Read a language folder, `language.toml` and `samples.toml`, and collect all of its faults."""

import difflib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from polycap.errors import LanguageError
from polycap.files.strangers import read_toml
from polycap.language.language import Language
from polycap.language.settings import NO_ENGINES

__all__ = ["LanguageFault", "folder_name", "load_language", "read_language"]


@dataclass(frozen=True)
class LanguageFault:
    """Fault of a language folder.

    Attributes:
        where: file and key, `path:key`.
        received: the value, shortened.
        allowed: description of the allowed values.
        fix: instruction for the author.
    """

    where: str
    received: str
    allowed: str
    fix: str

    def __str__(self) -> str:
        return f"{self.where}: received {self.received}; allowed: {self.allowed}; fix: {self.fix}"


def load_language(folder: Path) -> Language:
    """Load the language of a folder.

    Raises:
        LanguageError: the folder has faults; the message lists all of them.
    """
    language, faults = read_language(folder)
    if language is None:
        raise LanguageError(f"{folder}: " + " | ".join(map(str, faults)))
    return language


def read_language(
    folder: Path, *, code: str | None = None, trusted: bool = False
) -> tuple[Language | None, tuple[LanguageFault, ...]]:
    """Read a language folder; return the language, or None, and the faults. One of both is empty.

    Args:
        folder: folder with `language.toml` and, usually, `samples.toml`.
        code: code that the folder must declare; for an entry point its name, since no Python package can be called
            `pt-BR`. (default: the folder's name)
        trusted: whether to skip the look-up of code and script in the registries. (default: False)
    """
    path, samples_path = folder / "language.toml", folder / "samples.toml"
    facts, faults = _read_toml(path)
    samples, sample_faults = _read_samples(samples_path)
    faults += sample_faults
    language = None
    if facts is not None:
        try:
            language = Language.from_facts(facts, folder, samples, trusted=trusted)
        except ValidationError as error:
            faults += [_explain(path, fault) for fault in error.errors(include_url=False)]
        faults += _check_relations(path, facts, language, code or folder_name(folder))
    if language is None or faults:
        return None, tuple(faults)
    return language, ()


def folder_name(folder: Path) -> str:
    """Return the name of a folder; of a link, the link's name."""
    return Path(os.path.abspath(folder)).name  # noqa: PTH100


def _read_toml(path: Path) -> tuple[dict[str, Any] | None, list[LanguageFault]]:
    """Return the table in a TOML file and no fault, or None and the fault."""
    try:
        return read_toml(path), []
    except FileNotFoundError:
        return None, [LanguageFault(str(path), "no such file", "a TOML file", "write it")]
    except OSError as error:
        return None, [LanguageFault(str(path), f"{error.strerror}", "a readable file", "check its permissions")]
    except ValueError as error:  # not UTF-8, not TOML, or above the limits
        return None, [LanguageFault(str(path), _short(error), "TOML in UTF-8", "correct it there")]


def _check_relations(path: Path, facts: dict[str, Any], language: Language | None, code: str) -> list[LanguageFault]:
    """Check relations between keys: the code is the folder's, and `min_length` is at most `max_length`."""
    faults = []
    declared = facts.get("code")
    if isinstance(declared, str) and declared != code:
        fix = f'write code = "{code}", or rename the folder'
        faults.append(
            LanguageFault(f"{path}:code", _short(declared, quote=True), f'"{code}", the name of the folder', fix)
        )
    if language and language.decoding.min_length > language.decoding.max_length:
        where, allowed = f"{path}:decoding.min_length", f"at most max_length, {language.decoding.max_length}"
        received = str(language.decoding.min_length)
        faults.append(LanguageFault(where, received, allowed, "lower min_length or raise max_length"))
    if language:
        faults += _check_captions_of(path, language) + _check_captions(path, language)
    return faults


def _check_captions_of(path: Path, language: Language) -> list[LanguageFault]:
    """Check that the captions of another language are translated by an engine."""
    facts, where = language.translation, f"{path}:translation.captions_of"
    if facts.captions_of is None:
        return []
    if facts.captions_of == language.code:
        fix = "write the language whose captions are translated, or remove it"
        return [LanguageFault(where, _short(facts.captions_of, quote=True), "the code of another language", fix)]
    if facts.engine in NO_ENGINES:
        received = f'captions_of with engine = "{facts.engine}"'
        return [LanguageFault(where, received, "a translation by an engine", "name an engine, or remove captions_of")]
    return []


def _check_captions(path: Path, language: Language) -> list[LanguageFault]:
    """Check that each source of captions is a file or the translation, and that one source at most is translated."""
    faults = []
    translated = 0
    for index, source in enumerate(language.captions):
        where = f"{path}:captions[{index}]"
        translated += source.translated
        if source.translated == (source.file is not None):
            received = "file and translated" if source.translated else "neither file nor translated"
            faults.append(LanguageFault(where, received, "one of them", 'write file = "…" or translated = true'))
        elif source.translated and language.translation.engine in NO_ENGINES:
            received = f'translated = true with [translation] engine = "{language.translation.engine}"'
            faults.append(LanguageFault(where, received, "a translation by an engine", "name an engine, or a file"))
        elif source.translated and (source.origin is not None or translated > 1):
            received = "translated = true a second time" if translated > 1 else "an origin of translated captions"
            fix = "remove this table" if translated > 1 else "remove origin"
            faults.append(LanguageFault(where, received, "one translation, whose origin is its engine", fix))
    return faults


def _read_samples(path: Path) -> tuple[tuple[str, ...], list[LanguageFault]]:
    """Return the samples of `samples.toml`, none without the file, and the faults."""
    if not path.exists():
        return (), []
    table, faults = _read_toml(path)
    if table is None:
        return (), faults
    faults = [
        LanguageFault(f"{path}:{_short(key)}", "an unknown key", "samples", "remove it")
        for key in table
        if key != "samples"
    ]
    samples = table.get("samples")
    if not isinstance(samples, list):
        received = "nothing" if samples is None else _short(samples, quote=True)
        allowed, fix = "a list of captions", 'write samples = ["a caption", …]'
        return (), [*faults, LanguageFault(f"{path}:samples", received, allowed, fix)]
    faults += [
        LanguageFault(f"{path}:samples[{index}]", _short(sample, quote=True), "a caption", "write one or remove it")
        for index, sample in enumerate(samples)
        if not isinstance(sample, str) or not sample.strip()
    ]
    return (() if faults else tuple(samples)), faults


def _explain(path: Path, error: Any) -> LanguageFault:
    """Return pydantic's error as a fault; `allowed` is the description of the key's field."""
    *parents, key = [part for part in error["loc"] if not isinstance(part, int)]
    steps = [f"[{part}]" if isinstance(part, int) else f".{_short(part)}" for part in error["loc"]]
    where = f"{path}:{''.join(steps).removeprefix('.')}"
    model: type[BaseModel] = Language
    for parent in parents:
        annotation: Any = model.model_fields[parent].annotation
        model = (*get_args(annotation), annotation)[0]  # a table, or the type of an array of tables
    fields = {field.alias or name: field for name, field in model.model_fields.items()}
    if error["type"] == "extra_forbidden":
        close = difflib.get_close_matches(key, fields, n=1)
        fix = f"write {close[0]}, or remove it" if close else "remove it"
        return LanguageFault(where, "an unknown key", ", ".join(fields), fix)
    allowed = fields[key].description or ""
    if error["type"] == "missing":
        return LanguageFault(where, "nothing", allowed, f"add {key} = …")
    fix = error.get("ctx", {}).get("fix") or f"change {key}"
    return LanguageFault(where, _short(error["input"], quote=True), allowed, str(fix))


def _short(value: object, *, quote: bool = False) -> str:
    """Return `value` on one line of at most 80 characters, for a message."""
    try:
        text = repr(value) if quote else str(value)
    except ValueError:  # an integer of too many digits
        text = f"a {type(value).__name__} too long to write"
    text = " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())
    return text if len(text) <= 80 else text[:79] + "…"
