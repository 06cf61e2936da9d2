"""What the stages of one language's build share: its parts, each read once and only when it is asked for."""

from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import BaseModel

from polycap.dataset import CaptionSource, Dataset, load_dataset, read_captions, sources_of, with_sources
from polycap.errors import BuildError, DatasetError
from polycap.files import sha256_file
from polycap.files.hashes import HashCache
from polycap.language import Language, get_language
from polycap.language.settings import NO_ENGINES
from polycap.pack.card import CARD_JSON
from polycap.pipeline.arguments import BuildArguments
from polycap.training.settings import TrainingSettings, parse_settings
from polycap.translation.choose import choose_engine
from polycap.translation.engine import Translator

if TYPE_CHECKING:
    from polycap.encoder.protocol import PhotoEncoder

__all__ = ["CAPTIONS", "Job", "built_captions", "table"]

CAPTIONS = "captions.jsonl"


class Job:
    """One language, the arguments of its build, and what they name.

    Attributes:
        language: the language.
        arguments: what it is built from.
        work: the work folder of all languages.
        folder: this language's.
        progress: whether bars are drawn on stderr.
    """

    def __init__(
        self,
        language: Language,
        arguments: BuildArguments,
        work: Path,
        hashes: HashCache | None = None,
        *,
        progress: bool = True,
    ) -> None:
        self.language, self.arguments, self.work, self.progress = language, arguments, work, progress
        self.folder = work / language.code
        self.hashes = hashes or HashCache(work / "hashes.json")

    @cached_property
    def settings(self) -> TrainingSettings:
        """How to train."""
        return parse_settings([f"{name}={value}" for name, value in self.arguments.settings.items()], self.language)

    @cached_property
    def dataset(self) -> Dataset:
        """The dataset as its folder has it: all photos, splits, its own captions.

        Raises:
            DatasetError: it can't be read, or has no photo with captions in the train split or in the dev split.
        """
        dataset = load_dataset(self.arguments.data)
        _require_splits(dataset, f"{self.arguments.data}: no caption of")
        return dataset

    @property
    def translates(self) -> bool:
        """Whether the dataset's own captions, translated, are learned from, alone or among others."""
        if self.arguments.captions or self.language.captions:
            return not self.arguments.captions and any(source.translated for source in self.language.captions)
        return self.language.translation.engine not in NO_ENGINES

    @cached_property
    def files(self) -> list[CaptionSource]:
        """The files of captions to learn from: those of the arguments, or else those that the language's folder names.

        Raises:
            DatasetError: an argument is not understood, or a file that the folder names is not there.
        """
        if self.arguments.captions:
            return [CaptionSource.parse(source, self.arguments.origin) for source in self.arguments.captions]
        return sources_of(self.language.caption_files(self.arguments.data))

    @cached_property
    def translator(self) -> Translator:
        """What translates them.

        Raises:
            TranslationError: there is no such engine, or it lacks something.
        """
        return choose_engine(self.language).open()

    @cached_property
    def source(self) -> Dataset:
        """The dataset with the captions that the language is to learn, as they are given; without a translation.

        Raises:
            BuildError: the language needs captions of its own, and none are given.
            DatasetError: they can't be read, or none is of a photo of the train split or of the dev split.
        """
        if not self.files:
            if self.language.translation.engine != "none":
                raise BuildError(
                    f"{self.language.code}: captions in {self.language.native_name} are needed: "
                    "give `captions` FILE (image#i<TAB>caption, CSV or JSON Lines), or name files in language.toml"
                )
            return self.dataset
        first = f"; the first fault in the file: {self.given.faults[0]}" if self.given.faults else ""
        names = ", ".join(str(source.path) for source in self.files)
        _require_splits(self.given, f"{names}: no caption of", f" of {self.arguments.data}{first}")
        return self.given

    @cached_property
    def given(self) -> Dataset:
        """The dataset with the captions of `files`, whichever photos these are of.

        Raises:
            DatasetError: they can't be read.
        """
        return self.mix(self.files)

    def mix(self, sources: Sequence[CaptionSource]) -> Dataset:
        """The dataset with the captions of several files, and their faults."""
        dataset, faults = with_sources(self.dataset, sources)
        return replace(dataset, faults=faults)

    @cached_property
    def captioned(self) -> Dataset:
        """The same, from what the captions stage wrote."""
        captions, _ = read_captions(self.folder / CAPTIONS)
        return self.dataset.with_captions(captions)

    @property
    def start(self) -> Path | None:
        """The pack that training begins with.

        Raises:
            LanguageError: no such language.
            BuildError: it is this one, or it has no pack.
        """
        name = self.arguments.start
        if not name:
            return None
        folder = Path(name) if (Path(name) / CARD_JSON).is_file() else get_language(name).pack_folder
        if folder == self.language.pack_folder:
            raise BuildError(f"`start` {name}: {name} can't begin with what it will have become; name another language")
        if not (folder / CARD_JSON).is_file():
            raise BuildError(f"`start` {name}: {folder} has no pack: build that first, or give `start` ''")
        return folder

    @cached_property
    def encoder(self) -> "PhotoEncoder":
        """The encoder, loaded once for all stages; `POLYCAP_RUNTIME` and `POLYCAP_PRECISION` say what computes it."""
        from polycap.runtime.choose import open_runtime

        return open_runtime().encoder(self.arguments.encoder_weights)

    @property
    def text(self) -> dict[str, str]:
        """What decides the form of the language's text."""
        hooks = self.language.folder / "hooks.py"
        return {
            **table("text", self.language.text),
            "hooks.py": sha256_file(hooks) if hooks.is_file() else "none",
        }


def _require_splits(dataset: Dataset, message: str, more: str = "") -> None:
    for split in ("train", "dev"):
        if not dataset.split(split):
            raise DatasetError(f"{message} a photo in the {split} split{more}")


def built_captions(work: Path, code: str) -> Path:
    """Return the file of the captions that a language's build in `work` learns from; it may not be there yet."""
    return work / code / CAPTIONS


def table(name: str, settings: BaseModel) -> dict[str, str]:
    """A table of settings as inputs of a stage, by `[name] key`."""
    return {f"[{name}] {key}": str(value) for key, value in settings.model_dump().items()}
