"""`scripts/bench translate`: captions translated per second, by polycap's Argos engine and by Argos itself."""

import os
import tempfile
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.material import captions, part
from benchmarks.options import BenchError, Options
from benchmarks.sides import Turn, compare

if TYPE_CHECKING:
    from polycap.dataset import Dataset

__all__ = ["ArgosTranslation", "DatasetTranslation", "OurTranslation", "rows"]


def rows(options: Options) -> list[dict[str, Any]]:
    """Compare both sides, with the same search, so that their texts should be the same. Return one row."""
    if options.package is None:
        raise BenchError("needs --package FILE.argosmodel")
    texts = captions(options)
    ours = partial(OurTranslation, options.package, texts)
    baseline = partial(ArgosTranslation, options.package, part(texts, options.baseline_captions))
    return [compare("translate", "captions/s", ours, baseline, options.repeats)]


class _Installed:
    """Install a package in a temporary place, without the user's packages and settings, which Argos reads on import."""

    def __init__(self, file: Path) -> None:
        self._place = tempfile.TemporaryDirectory()
        folder = self._place.name
        os.environ |= dict.fromkeys(("XDG_DATA_HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME"), folder)
        os.environ["ARGOS_PACKAGES_DIR"] = f"{folder}/packages"
        from polycap.translation.argos.engine import ArgosEngine

        self._package = ArgosEngine().install_file(file)


class OurTranslation(_Installed):
    """polycap's engine, with all captions in one call. See `Side`."""

    def __init__(self, file: Path, texts: Sequence[str]) -> None:
        super().__init__(file)
        from polycap.machine.processor import core_count
        from polycap.translation.argos.engine import ArgosEngine

        self._texts, self._translator = texts, ArgosEngine().open(*self._package.pair)
        self.about = f"polycap's Argos engine, {core_count()} workers of 1 thread, {self._package.facts.identity}"
        self.size = f"{len(texts)} captions"

    def warm_up(self) -> None:
        """Translate a few captions."""
        self._translator.translate(self._texts[:5])

    def turn(self) -> Turn:
        """Translate all captions."""
        start = time.perf_counter()
        found = self._translator.translate(self._texts)
        seconds = time.perf_counter() - start
        texts = (translation.text for translation in found)
        return Turn(len(self._texts), seconds, dict(zip(self._texts, texts, strict=True)))


class ArgosTranslation(_Installed):
    """Argos Translate's plain use: `translate(text, from, to)` for each caption. See `Side`."""

    def __init__(self, file: Path, texts: Sequence[str]) -> None:
        super().__init__(file)
        from argostranslate import settings, translate

        self._texts, self._translate = texts, translate.translate
        threads = f"{settings.inter_threads} × {settings.intra_threads or 'auto'} threads"
        self.about = f"a loop of argostranslate.translate, beam {settings.beam_size}, {threads}"
        self.size = f"{len(texts)} captions"

    def warm_up(self) -> None:
        """Load the models by a first call."""
        for text in self._texts[:5]:
            self._translate(text, *self._package.pair)

    def turn(self) -> Turn:
        """Translate all captions."""
        start = time.perf_counter()
        found = {text: self._translate(text, *self._package.pair) for text in self._texts}
        return Turn(len(self._texts), time.perf_counter() - start, found)


class DatasetTranslation(_Installed):
    """`polycap translate`: all captions of a dataset, kept as they come, then checked and written. See `Side`."""

    def __init__(self, file: Path, dataset: "Dataset", code: str) -> None:
        """Prepare the translation; the gates of the language `code` check the captions."""
        super().__init__(file)
        from polycap.language import get_language
        from polycap.translation.argos.engine import ArgosEngine

        self._dataset, self._language = dataset, get_language(code)
        self._translator = ArgosEngine().open(*self._package.pair)
        self.about = f"polycap's translate_captions, {self._package.facts.identity}"
        self.size = f"{sum(len(photo.captions) for photo in dataset.photos)} captions"

    def warm_up(self) -> None:
        """Do nothing: the models are loaded."""

    def turn(self) -> Turn:
        """Translate the whole dataset from the beginning."""
        from polycap.translation.translate import translate_captions

        with tempfile.TemporaryDirectory() as folder:
            start = time.perf_counter()
            out = Path(folder) / "captions.jsonl"
            translate_captions(self._dataset, self._language, self._translator, out, progress=False)
            return Turn(len(self._dataset.photos), time.perf_counter() - start)
