"""Engine OpenCC: Chinese from one script to another, simplified to traditional, word by word."""

import importlib
from collections.abc import Sequence
from importlib.metadata import version
from typing import Any, ClassVar

from polycap.errors import TranslationError
from polycap.machine.extras import require_extra
from polycap.translation.engine import Translation

__all__ = ["OpenCCEngine", "OpenCCTranslator"]

_STANDARDS = ("s", "t", "tw", "twp", "hk", "hkp", "jp")
"""OpenCC's codes: simplified, traditional, of Taiwan, of Hong Kong, Japanese; with p, its phrases, too."""


class OpenCCEngine:
    """OpenCC; the names of its configurations, such as `s2tw`, are source and target with a 2 between."""

    name: ClassVar[str] = "opencc"

    def pairs(self) -> list[tuple[str, str]]:
        """Return the pairs by OpenCC's codes, such as `("s", "tw")`; none if it is not installed."""
        try:
            self.require()
        except TranslationError:
            return []
        return sorted((source, target) for source in _STANDARDS for target in _STANDARDS if _converter(source, target))

    def require(self) -> None:
        """Check that OpenCC is installed.

        Raises:
            TranslationError: it is not installed.
        """
        require_extra("opencc", "translation by OpenCC", error=TranslationError)

    def open(self, source: str, target: str) -> "OpenCCTranslator":
        """Return a translator for a pair of OpenCC's codes, such as `s` and `tw`.

        Raises:
            TranslationError: OpenCC is not installed, or has no such pair.
        """
        self.require()
        converter = _converter(source, target)
        if converter is None:
            known = ", ".join("→".join(pair) for pair in self.pairs())
            raise TranslationError(f"OpenCC has no pair {source}→{target}; there are {known}")
        return OpenCCTranslator(f"{source}2{target}", converter)


class OpenCCTranslator:
    """Translator of one configuration.

    Attributes:
        identity: identity, such as `opencc/s2tw@1.1.9`.
    """

    def __init__(self, configuration: str, converter: Any) -> None:
        """Keep OpenCC's converter of a configuration."""
        self.identity = f"opencc/{configuration}@{version('opencc')}"
        self._converter = converter

    def translate(self, texts: Sequence[str]) -> list[Translation]:
        """Translate sentences. No word is unknown: what OpenCC does not list is written alike."""
        return [Translation(self._converter.convert(text)) for text in texts]


def _converter(source: str, target: str) -> Any:
    """Return OpenCC's converter of a pair; None if there is none."""
    if source not in _STANDARDS or target not in _STANDARDS:
        return None
    try:
        return importlib.import_module("opencc").OpenCC(f"{source}2{target}")
    except Exception:  # OpenCC's errors are of no stable type
        return None
