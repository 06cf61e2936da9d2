"""Translation engines: protocols, and engines by name.

`language.toml` names an engine (`[translation] engine = "argos"`). Besides the built-in engines, a package adds one by
an entry point in the group `polycap.translators`: its name is the engine's, its value a class with the protocol
`Engine`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import entry_points
from typing import ClassVar, Protocol

from polycap.errors import TranslationError

__all__ = ["Engine", "Translation", "Translator", "available_engines", "load_engine", "open_translator"]

ENGINE_ENTRY_POINTS = "polycap.translators"

_BUILT_IN = {
    "apertium": "polycap.translation.apertium:ApertiumEngine",
    "argos": "polycap.translation.argos.engine:ArgosEngine",
    "opencc": "polycap.translation.opencc:OpenCCEngine",
}


@dataclass(frozen=True, slots=True)
class Translation:
    """Translation of one sentence.

    Attributes:
        text: the translation.
        score: mean log-probability of its tokens, nats; None if the engine has no scores. (default: None)
        unknown: number of words or tokens of the source that are unknown to the engine. (default: 0)
        unknown_words: those of them that stand in the text, as they stand there; `[translation.corrections]` may have
            them. (default: none)
    """

    text: str
    score: float | None = None
    unknown: int = 0
    unknown_words: tuple[str, ...] = ()


class Translator(Protocol):
    """Loaded engine for one pair of languages.

    Attributes:
        identity: engine, package and version, such as `argos/en_de@1.0`; part of the captions' origin.
    """

    identity: str

    def translate(self, texts: Sequence[str]) -> list[Translation]:
        """Translate sentences; return one translation per sentence, in the same order.

        Raises:
            TranslationError: the engine failed.
        """
        ...


class Engine(Protocol):
    """Translation engine, the class of an entry point.

    Optional methods: `require()` is called before any work and raises a TranslationError if a part is not installed;
    an engine with packages has `install_file(path, pair)` and `install_pair(source, target)`.

    Attributes:
        name: name in `language.toml`.
    """

    name: ClassVar[str]

    def pairs(self) -> list[tuple[str, str]]:
        """Return the pairs (source, target) that are installed, by the engine's own codes, sorted."""
        ...

    def open(self, source: str, target: str) -> Translator:
        """Load the engine for a pair of languages.

        Args:
            source: the engine's code of the source language.
            target: the engine's code of the target language.

        Raises:
            TranslationError: the pair or a part of the engine is not installed; the message has the command to install
                it.
        """
        ...


def available_engines() -> dict[str, str]:
    """Return the engines' classes, `module:class`, by name. No engine is loaded.

    Raises:
        TranslationError: two packages have an engine of the same name.
    """
    engines = dict(_BUILT_IN)
    for point in entry_points(group=ENGINE_ENTRY_POINTS):
        if engines.get(point.name, point.value) != point.value:
            raise TranslationError(
                f"translation engine {point.name!r} comes from both {engines[point.name]} and {point.value}; remove one"
            )
        engines[point.name] = point.value
    return dict(sorted(engines.items()))


def open_translator(engine: str, source: str, target: str) -> Translator:
    """Load an engine for a pair of languages.

    Args:
        engine: name of the engine.
        source: the engine's code of the source language.
        target: the engine's code of the target language.

    Raises:
        TranslationError: there is no such engine, or it or the pair is not installed; the message has the fix.
    """
    return load_engine(engine).open(source, target)


def load_engine(engine: str) -> Engine:
    """Return an engine by its name.

    Raises:
        TranslationError: there is no such engine, or its module can't be loaded.
    """
    known = available_engines()
    if engine not in known:
        raise TranslationError(f"no translation engine {engine!r}; there are {', '.join(known)}")
    module, _, name = known[engine].partition(":")
    try:
        kind: type[Engine] = getattr(import_module(module), name)
    except Exception as error:  # a plugin may raise anything
        reason = f"{type(error).__name__}: {error}"
        raise TranslationError(f"translation engine {engine!r}: {known[engine]} can't be loaded ({reason})") from error
    return kind()
