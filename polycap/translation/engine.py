"""Translation engines: what one is, and how it is found.

An engine is named in `language.toml` (`[translation] engine = "argos"`). polycap brings some; a package adds one by an
entry point in the group `polycap.translators`, whose name is the engine's and whose value is a class like those here.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import entry_points
from typing import ClassVar, Protocol

from polycap.errors import TranslationError

__all__ = ["Engine", "Translation", "Translator", "available_engines", "load_engine", "open_translator"]

ENTRY_POINT_GROUP = "polycap.translators"

_BUILT_IN = {
    "apertium": "polycap.translation.apertium:ApertiumEngine",
    "argos": "polycap.translation.argos:ArgosEngine",
}


@dataclass(frozen=True, slots=True)
class Translation:
    """One translated sentence.

    Attributes:
        text: the translation.
        score: the mean log-probability of its tokens, nats; None where the engine gives none.
        unknown: how many words or tokens the engine could not translate.
    """

    text: str
    score: float | None = None
    unknown: int = 0


class Translator(Protocol):
    """An engine that is ready to translate from one language into another.

    Attributes:
        identity: engine, package and version, such as `argos/en_de@1.0`: it becomes the captions' origin.
    """

    identity: str

    def translate(self, texts: Sequence[str]) -> list[Translation]:
        """Translate single sentences; as many come back as went in, in the same order.

        Raises:
            TranslationError: the engine failed.
        """
        ...


class Engine(Protocol):
    """What a package offers as an entry point.

    It may also have `require()`, which is called before any work and raises a TranslationError if something is not
    installed, and `install_file(path)` and `install_pair(source, target)`, if it has packages.

    Attributes:
        name: as `language.toml` has it.
    """

    name: ClassVar[str]

    def pairs(self) -> list[tuple[str, str]]:
        """The (source, target) that it can translate here and now, by its own codes, sorted."""
        ...

    def open(self, source: str, target: str) -> Translator:
        """Make ready to translate.

        Raises:
            TranslationError: it has no such pair, with the command that gets it; or something is not installed.
        """
        ...


def available_engines() -> dict[str, str]:
    """Every engine's name, and where it comes from; nothing of it is loaded.

    Raises:
        TranslationError: two packages offer an engine of the same name.
    """
    found = dict(_BUILT_IN)
    for point in entry_points(group=ENTRY_POINT_GROUP):
        if found.get(point.name, point.value) != point.value:
            raise TranslationError(
                f"translation engine {point.name!r} comes from both {found[point.name]} and {point.value}; remove one"
            )
        found[point.name] = point.value
    return dict(sorted(found.items()))


def open_translator(engine: str, source: str, target: str) -> Translator:
    """A translator by an engine's name and its own codes.

    Raises:
        TranslationError: no such engine, or it can't be had; the message names the fix.
    """
    return load_engine(engine).open(source, target)


def load_engine(engine: str) -> Engine:
    """An engine by its name.

    Raises:
        TranslationError: no such engine, or its module can't be loaded.
    """
    known = available_engines()
    if engine not in known:
        raise TranslationError(f"no translation engine {engine!r}; there are {', '.join(known)}")
    module, _, name = known[engine].partition(":")
    try:
        kind: type[Engine] = getattr(import_module(module), name)
    except Exception as error:  # a stranger's module may raise anything
        reason = f"{type(error).__name__}: {error}"
        raise TranslationError(f"translation engine {engine!r}: {known[engine]} can't be loaded ({reason})") from error
    return kind()
