"""Engine Argos: translation by packages of Argos Translate, in batches.

Argos splits each text into sentences by a model and translates them one by one. Here a rule splits captions, nearly all
of which are one sentence, and they are translated directly by the package's CTranslate2 model, sorted by length, on all
cores. The rest is as in Argos: tokenizer, search (beam 4, length penalty 0.2), unknown words, and routes through other
languages.

Reference: `argostranslate.translate.apply_packaged_translation`, version 1.12.
"""

from collections.abc import Iterable, Sequence
from itertools import permutations
from pathlib import Path
from typing import ClassVar

from polycap.errors import TranslationError
from polycap.machine.extras import require_extra
from polycap.translation.argos.model import ArgosModel, PartialTranslation
from polycap.translation.argos.packages import (
    InstalledPackage,
    install_file,
    install_pair,
    installed_packages,
    read_package_index,
)
from polycap.translation.argos.sentences import split_sentences
from polycap.translation.engine import Translation

__all__ = ["ArgosEngine", "ArgosTranslator", "find_route"]

LanguagePair = tuple[str, str]


class ArgosEngine:
    """Argos Translate, with its installed packages."""

    name: ClassVar[str] = "argos"

    def pairs(self) -> list[LanguagePair]:
        """Return the pairs of installed packages, and those through other languages, by Argos' codes, sorted."""
        direct = [package.pair for package in installed_packages()]
        codes = sorted({code for pair in direct for code in pair})
        return [pair for pair in permutations(codes, 2) if find_route(direct, *pair)]

    def require(self) -> None:
        """Check that the extra `translate` is installed.

        Raises:
            TranslationError: it is not installed.
        """
        require_extra("translate", "Argos", error=TranslationError)

    def open(self, source: str, target: str) -> "ArgosTranslator":
        """Load the models of a pair.

        Raises:
            TranslationError: no installed packages translate from source to target, a package is broken, or
                CTranslate2 is not installed.
        """
        self.require()
        packages = {package.pair: package for package in installed_packages()}
        route = find_route(packages, source, target)
        if not route:
            raise TranslationError(
                f"no Argos package {source}→{target} is installed; `polycap translate CODE --install` downloads it, "
                "and `package` FILE.argosmodel installs a file"
            )
        return ArgosTranslator([packages[pair] for pair in route])

    def install_file(self, path: Path, pair: LanguagePair | None = None) -> InstalledPackage:
        """Install an `.argosmodel` file.

        Args:
            path: the file.
            pair: Argos' codes that it has to translate from and into. (default: any)

        Raises:
            TranslationError: the file is no package, is of another pair, or is not safe to unpack.
        """
        return install_file(path, pair)

    def install_pair(self, source: str, target: str, *, progress: bool | None = None) -> list[InstalledPackage]:
        """Download and install the missing packages of a pair: its own, or those of a route through other languages.

        Args:
            source: Argos' code of the source language.
            target: Argos' code of the target language.
            progress: whether to draw a progress bar on stderr. (default: if it is a terminal)

        Raises:
            DownloadError: the index or a package can't be downloaded.
            TranslationError: the index has no packages for the pair, or a package is broken.
        """
        installed = {package.pair for package in installed_packages()}
        route = [(source, target)]
        if route[0] not in installed:
            offered = {(package.from_code, package.to_code) for package in read_package_index()}
            route = find_route(installed | offered, source, target) or route
        return [install_pair(*pair, progress=progress) for pair in route]


def find_route(pairs: Iterable[LanguagePair], source: str, target: str) -> list[LanguagePair]:
    """Return the shortest chain of pairs from source to target; empty if there is none.

    Argos chains its packages likewise. Of chains of equal length, the first by alphabet is returned.
    """
    if source == target:
        return []
    pairs = sorted(pairs)
    routes: list[list[LanguagePair]] = [[pair] for pair in pairs if pair[0] == source]
    seen = {source}
    for route in routes:  # grows during the loop, so shorter chains come first
        end = route[-1][1]
        if end == target:
            return route
        if end not in seen:
            seen.add(end)
            routes.extend([*route, pair] for pair in pairs if pair[0] == end)
    return []


class ArgosTranslator:
    """Translator through one package, or several in a row.

    Attributes:
        identity: identity, such as `argos/en_de@1.9`, or `argos/es_en@1.0+en_de@1.9`.
    """

    def __init__(self, packages: Sequence[InstalledPackage]) -> None:
        """Load the packages' models.

        Raises:
            TranslationError: a package is broken, or CTranslate2 is not installed.
        """
        self.identity = "argos/" + "+".join(package.facts.identity for package in packages)
        self._models = [ArgosModel(package) for package in packages]

    def translate(self, texts: Sequence[str]) -> list[Translation]:
        """Translate captions, sentence by sentence, equal sentences once.

        The translation of an empty text is empty, without a score.

        Raises:
            TranslationError: CTranslate2 failed.
        """
        sentences = {text: split_sentences(text) for text in texts if text.strip()}
        translated = self._translate_sentences(sentence for found in sentences.values() for sentence in found)
        return [_joined([translated[sentence] for sentence in sentences.get(text, ())]) for text in texts]

    def _translate_sentences(self, sentences: Iterable[str]) -> dict[str, PartialTranslation]:
        """Translate sentences by each model in turn; return the translations by sentence."""
        unique = {sentence: PartialTranslation(sentence) for sentence in sentences}
        for model in self._models:
            translated = model.translate([partial.text for partial in unique.values()])
            unique = {
                text: PartialTranslation(
                    new.text,
                    old.log_probability + new.log_probability,
                    old.tokens + new.tokens,
                    old.unknown + new.unknown,
                )
                for (text, old), new in zip(unique.items(), translated, strict=True)
            }
        return unique


def _joined(parts: Sequence[PartialTranslation]) -> Translation:
    """Return the translation of a caption from those of its sentences."""
    tokens = sum(part.tokens for part in parts)
    score = round(sum(part.log_probability for part in parts) / tokens, 4) if tokens else None
    return Translation(" ".join(part.text for part in parts), score, sum(part.unknown for part in parts))
