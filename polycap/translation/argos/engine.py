"""Translation by Argos packages, a whole batch at a time.

Argos itself splits each text into sentences with a model of its own and translates them one by one. A caption is one
sentence: here captions go straight to the package's CTranslate2 model, sorted by length, on all cores. What happens to
a sentence's text is Argos' own: its tokenizer, its search (beam 4, length penalty 0.2), its unknown words, its pivots.

Reference: `argostranslate.translate.apply_packaged_translation`, version 1.12.
"""

from collections.abc import Iterable, Sequence
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
from polycap.translation.engine import Translation

__all__ = ["ArgosEngine", "ArgosTranslator", "find_route"]

LanguagePair = tuple[str, str]


class ArgosEngine:
    """Neural translation with the packages of Argos Translate that are on this machine."""

    name: ClassVar[str] = "argos"

    def pairs(self) -> list[LanguagePair]:
        """What the installed packages translate, directly or by way of other languages, by Argos' codes, sorted."""
        direct = [package.pair for package in installed_packages()]
        codes = sorted({code for pair in direct for code in pair})
        return [(a, b) for a in codes for b in codes if a != b and find_route(direct, a, b)]

    def require(self) -> None:
        """Check that what computes Argos' models is installed.

        Raises:
            TranslationError: it is not.
        """
        require_extra("translate", "Argos", error=TranslationError)

    def open(self, source: str, target: str) -> "ArgosTranslator":
        """Load the models of a pair.

        Raises:
            TranslationError: no installed package leads from source to target, one is broken, or CTranslate2 is not
                installed.
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

    def install_file(self, path: Path) -> InstalledPackage:
        """Install an `.argosmodel` file.

        Raises:
            TranslationError: it is no package, or is not safe to unpack.
        """
        return install_file(path)

    def install_pair(self, source: str, target: str, *, progress: bool | None = None) -> list[InstalledPackage]:
        """Download what a pair needs and is not installed: its package, or those of the way by another language.

        Raises:
            DownloadError: the index or a package can't be had.
            TranslationError: the index leads by no way from source to target, or a package is broken.
        """
        installed = {package.pair for package in installed_packages()}
        route = [(source, target)]
        if route[0] not in installed:
            offered = {(package.from_code, package.to_code) for package in read_package_index()}
            route = find_route(installed | offered, source, target) or route
        return [install_pair(*pair, progress=progress) for pair in route]


def find_route(pairs: Iterable[LanguagePair], source: str, target: str) -> list[LanguagePair]:
    """The shortest chain of pairs that leads from source to target; empty if there is none.

    Argos chains its packages in the same way; of chains of one length it takes any, here the alphabet decides.
    """
    if source == target:
        return []
    pairs = sorted(pairs)
    routes: list[list[LanguagePair]] = [[pair] for pair in pairs if pair[0] == source]
    seen = {source}
    for route in routes:  # grows while it is walked: shorter chains come first
        end = route[-1][1]
        if end == target:
            return route
        if end not in seen:
            seen.add(end)
            routes.extend([*route, pair] for pair in pairs if pair[0] == end)
    return []


class ArgosTranslator:
    """Translates through one package, or through several one after the other.

    Attributes:
        identity: such as `argos/en_de@1.9`, or `argos/es_en@1.0+en_de@1.9`.
    """

    def __init__(self, packages: Sequence[InstalledPackage]) -> None:
        """Load the packages' models.

        Raises:
            TranslationError: one is broken, or CTranslate2 is not installed.
        """
        self.identity = "argos/" + "+".join(package.facts.identity for package in packages)
        self._models = [ArgosModel(package) for package in packages]

    def translate(self, texts: Sequence[str]) -> list[Translation]:
        """Translate single sentences; equal texts get equal answers, an empty text an empty one without a score.

        Raises:
            TranslationError: CTranslate2 failed.
        """
        unique = {text: PartialTranslation(text) for text in texts if text.strip()}
        for model in self._models:
            steps = model.translate([step.text for step in unique.values()])
            unique = {
                text: PartialTranslation(
                    new.text,
                    old.log_probability + new.log_probability,
                    old.tokens + new.tokens,
                    old.unknown + new.unknown,
                )
                for (text, old), new in zip(unique.items(), steps, strict=True)
            }
        return [_translation(unique[text]) if text in unique else Translation("") for text in texts]


def _translation(step: PartialTranslation) -> Translation:
    score = round(step.log_probability / step.tokens, 4) if step.tokens else None
    return Translation(step.text, score, step.unknown)
