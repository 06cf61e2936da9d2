"""Choice of the translation engine of a language, and installation of its packages."""

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from polycap.errors import TranslationError
from polycap.language import Language, get_language
from polycap.language.registry import get_source
from polycap.language.settings import NO_ENGINES
from polycap.translation.chain import ChainTranslator
from polycap.translation.engine import Translator, load_engine, open_translator

__all__ = ["EngineChoice", "choose_engine", "choose_engine_from", "source_of"]


@dataclass(frozen=True)
class EngineChoice:
    """Engine and pair of languages.

    Attributes:
        engine: name of the engine.
        source: the engine's code of the source language.
        target: the engine's code of the target language.
        through: the engine's codes of languages between them, each translated into the next. (default: none)
    """

    engine: str
    source: str
    target: str
    through: tuple[str, ...] = ()

    @property
    def pairs(self) -> list[tuple[str, str]]:
        """Pairs of languages, in the order of the translation."""
        return list(pairwise((self.source, *self.through, self.target)))

    def open(self) -> Translator:
        """Load the engine, for each pair of languages.

        Raises:
            TranslationError: there is no such engine, or it or the pair is not installed; the message has the fix.
        """
        steps = [open_translator(self.engine, source, target) for source, target in self.pairs]
        return ChainTranslator(steps) if len(steps) > 1 else steps[0]

    def require(self) -> None:
        """Check that the engine is installed, if it has such a check.

        Raises:
            TranslationError: there is no such engine, or it is not installed; the message has the fix.
        """
        require = getattr(load_engine(self.engine), "require", None)
        if require is not None:
            require()

    def install_file(self, package: Path) -> None:
        """Install a package of the engine from a file.

        Raises:
            TranslationError: the engine has no packages, the file is no package, or it is of another pair.
        """
        self._installer("install_file")(package, (self.source, self.target))

    def install_pair(self) -> None:
        """Download and install the engine's packages for each pair.

        Raises:
            TranslationError: the engine has no packages, or none for the pair.
            DownloadError: a package can't be downloaded.
        """
        install = self._installer("install_pair")
        for source, target in self.pairs:
            install(source, target)

    def _installer(self, name: str) -> Any:
        """Return a method of the engine that installs packages."""
        installer = getattr(load_engine(self.engine), name, None)
        if installer is None:
            raise TranslationError(
                f"translation engine {self.engine!r}: installs no packages; leave out `package` and `install`"
            )
        return installer


def choose_engine(
    language: Language, engine: str | None = None, source: str | None = None, target: str | None = None
) -> EngineChoice:
    """Choose the engine of a language's folder, or another one.

    Args:
        language: target language.
        engine: name of the engine. (default: that of the folder)
        source: the engine's code of the source language; the folder's `through` holds for its own only. (default:
            that of the folder for this engine, or else the code of `source_of(language)`)
        target: the engine's code of the target language. (default: that of the folder for this engine, or else the
            language's code)

    Raises:
        TranslationError: the folder names no engine, and `engine` is None.
    """
    facts = language.translation
    if engine is None and facts.engine in NO_ENGINES:
        raise TranslationError(
            f'{language.folder / "language.toml"}:translation.engine: received "{facts.engine}", which translates '
            "nothing; name an engine there, or with `engine` NAME and `target` ITS-CODE"
        )
    through: tuple[str, ...] = ()
    if engine in (None, facts.engine):
        through = facts.through if source in (None, facts.source) else ()
        source, target = source or facts.source, target or facts.target
    return EngineChoice(engine or facts.engine, source or source_of(language).code, target or language.code, through)


def choose_engine_from(language: Language, source: Language) -> EngineChoice:
    """Choose the engine of a language's folder, to translate from any language.

    Args:
        language: target language.
        source: source language; the folder's `source` and `through` hold only for the one whose captions it
            translates.

    Raises:
        TranslationError: the folder names no engine.
    """
    return choose_engine(language, source=None if source.code == source_of(language).code else source.code)


def source_of(language: Language) -> Language:
    """Return the language whose captions a language's folder translates: `captions_of`, else `get_source()`.

    Raises:
        LanguageError: there is no such language, or its folder is broken.
    """
    code = language.translation.captions_of
    return get_source() if code is None else get_language(code)
