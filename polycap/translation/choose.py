"""Which engine translates into a language, with which of its own codes, and how its packages are had."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from polycap.errors import TranslationError
from polycap.language import Language
from polycap.language.registry import get_source
from polycap.language.settings import NO_ENGINES
from polycap.translation.engine import Translator, load_engine, open_translator

__all__ = ["EngineChoice", "choose_engine"]


@dataclass(frozen=True)
class EngineChoice:
    """An engine by name, and the engine's own codes of both languages."""

    engine: str
    source: str
    target: str

    def open(self) -> Translator:
        """Make ready to translate.

        Raises:
            TranslationError: no such engine, or it can't be had; the message names the fix.
        """
        return open_translator(self.engine, self.source, self.target)

    def require(self) -> None:
        """Check, before any work, that the engine is installed, if it can tell.

        Raises:
            TranslationError: no such engine, or it is not installed; the message names the fix.
        """
        require = getattr(load_engine(self.engine), "require", None)
        if require is not None:
            require()

    def install_file(self, package: Path) -> None:
        """Install a package of the engine's from a file.

        Raises:
            TranslationError: the engine has no packages, or the file is none of them.
        """
        self._installer("install_file")(package)

    def install_pair(self) -> None:
        """Download and install what the engine needs for the two languages.

        Raises:
            TranslationError: the engine has no packages, or they can't be had.
        """
        self._installer("install_pair")(self.source, self.target)

    def _installer(self, name: str) -> Any:
        found = getattr(load_engine(self.engine), name, None)
        if found is None:
            raise TranslationError(
                f"translation engine {self.engine!r}: installs no packages; leave out `package` and `install`"
            )
        return found


def choose_engine(
    language: Language, engine: str | None = None, source: str | None = None, target: str | None = None
) -> EngineChoice:
    """The engine that a language's folder names, or another.

    Args:
        language: its `[translation]` table has what is not given.
        engine: an engine's name; the codes of the folder are not another engine's.
        source: the engine's code of the captions' language; without it and the folder's, `get_source`'s.
        target: the engine's code of this language; without it and the folder's, the language's own code.

    Raises:
        TranslationError: the folder names no engine, and none is given.
    """
    facts = language.translation
    if engine is None and facts.engine in NO_ENGINES:
        raise TranslationError(
            f'{language.folder / "language.toml"}:translation.engine: received "{facts.engine}", which translates '
            "nothing; name an engine there, or with `engine` NAME and `target` ITS-CODE"
        )
    if engine in (None, facts.engine):
        source, target = source or facts.source, target or facts.target
    return EngineChoice(engine or facts.engine, source or get_source().code, target or language.code)
