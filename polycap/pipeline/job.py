"""Inputs of a build that its stages share, each read once, on first use."""

import logging
from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import BaseModel

from polycap.dataset import CaptionSource, Dataset, load_dataset, read_captions, sources_of, with_sources
from polycap.encoder.artefact import EncoderArtefact, open_encoder
from polycap.errors import BuildError, DatasetError
from polycap.files import sha256_file
from polycap.files.hashes import HashCache
from polycap.language import Language, get_language
from polycap.language.settings import NO_ENGINES
from polycap.pack.card import CARD_JSON, read_card
from polycap.pipeline.arguments import BuildArguments
from polycap.training.settings import TrainingSettings, parse_settings
from polycap.translation.choose import choose_engine
from polycap.translation.engine import Translator

if TYPE_CHECKING:
    from polycap.encoder.protocol import PhotoEncoder

__all__ = ["CAPTIONS", "Job", "built_captions", "captions_to_translate", "table"]

logger = logging.getLogger(__name__)

CAPTIONS = "captions.jsonl"


class Job:
    """Build of one language: its arguments, and the inputs that they name.

    Attributes:
        language: the language.
        arguments: arguments of the build.
        work: work folder of all languages.
        folder: work folder of this language.
        hashes: hashes of files.
        progress: whether to draw bars on stderr; None if it is a terminal.
    """

    def __init__(
        self,
        language: Language,
        arguments: BuildArguments,
        work: Path,
        hashes: HashCache | None = None,
        *,
        progress: bool | None = None,
    ) -> None:
        self.language, self.arguments, self.work, self.progress = language, arguments, work, progress
        self.folder = work / language.code
        self.hashes = hashes or HashCache(work / "hashes.json")

    @cached_property
    def settings(self) -> TrainingSettings:
        """Training settings."""
        return parse_settings([f"{name}={value}" for name, value in self.arguments.settings.items()], self.language)

    @cached_property
    def dataset(self) -> Dataset:
        """Dataset as in its folder: all photos, splits, its own captions.

        Raises:
            DatasetError: it can't be read, or the train split or the dev split has no photo with captions.
        """
        places = {"caption_file": self.arguments.caption_file, "photo_folder": self.arguments.photo_folder}
        dataset = load_dataset(self.arguments.data, **places)
        _require_splits(dataset, f"{self.arguments.data}: no caption of")
        return dataset

    @property
    def translates(self) -> bool:
        """Whether translations of captions are learned from, alone or with other captions."""
        if self.arguments.captions or self.language.captions:
            return not self.arguments.captions and any(source.translated for source in self.language.captions)
        return self.language.translation.engine not in NO_ENGINES

    @cached_property
    def files(self) -> list[CaptionSource]:
        """Caption files to learn from: those of the arguments, else those of the language's folder.

        Raises:
            DatasetError: an argument is not understood, or a file of the language's folder does not exist.
        """
        if self.arguments.captions:
            return [CaptionSource.parse(source, self.arguments.origin) for source in self.arguments.captions]
        return sources_of(self.language.caption_files(self.arguments.data))

    @cached_property
    def untranslated(self) -> Dataset:
        """Dataset with the captions that are translated: its own, or those of `[translation] captions_of`.

        Raises:
            BuildError: there are no captions of that language.
            DatasetError: they can't be read, or the train split or the dev split has none.
        """
        dataset = captions_to_translate(self.language, self.dataset, self.work)
        _require_splits(dataset, f"captions of {self.language.translation.captions_of}: none of")
        return dataset

    @cached_property
    def translator(self) -> Translator:
        """Translator of the captions of `untranslated`.

        Raises:
            TranslationError: there is no such engine, or its package is not installed.
        """
        return choose_engine(self.language).open()

    @cached_property
    def source(self) -> Dataset:
        """Dataset with the captions to learn from, where none are translated.

        Raises:
            BuildError: the language needs captions, and none are given.
            DatasetError: they can't be read, or the train split or the dev split has none.
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
        """Dataset with the captions of `files`.

        Raises:
            DatasetError: they can't be read.
        """
        return self.mix(self.files)

    def mix(self, sources: Sequence[CaptionSource]) -> Dataset:
        """Return the dataset with the captions and the faults of several files."""
        dataset, faults = with_sources(self.dataset, sources)
        return replace(dataset, faults=faults)

    @cached_property
    def captioned(self) -> Dataset:
        """Dataset with the output of the captions stage."""
        captions, _ = read_captions(self.folder / CAPTIONS)
        return self.dataset.with_captions(captions)

    @property
    def start(self) -> Path | None:
        """Folder of the pack whose weights training begins with; None without one.

        Raises:
            LanguageError: no such language.
            BuildError: it is this language, or it has no pack.
            PackError: the pack is of another encoder.
        """
        name = self.arguments.start
        if not name:
            return None
        folder = Path(name) if (Path(name) / CARD_JSON).is_file() else get_language(name).pack_folder
        if folder == self.language.pack_folder:
            raise BuildError(f"`start` {name}: is the pack that this build replaces; name another language")
        if not (folder / CARD_JSON).is_file():
            raise BuildError(f"`start` {name}: {folder} has no pack: build that first, or give `start` ''")
        read_card(folder).require_encoder(self.artefact, folder)
        return folder

    @cached_property
    def artefact(self) -> EncoderArtefact:
        """Artefact of the encoder.

        Raises:
            EncoderError: there is none, or it is broken.
        """
        return open_encoder(self.arguments.encoder)

    @cached_property
    def encoder(self) -> "PhotoEncoder":
        """Encoder, loaded once for all stages, in the runtime of `POLYCAP_RUNTIME` and `POLYCAP_PRECISION`."""
        from polycap.runtime.choose import open_runtime

        return open_runtime().encoder(self.artefact)

    @property
    def text(self) -> dict[str, str]:
        """Inputs that decide the form of the language's text."""
        hooks = self.language.folder / "hooks.py"
        return {
            **table("text", self.language.text),
            "hooks.py": sha256_file(hooks) if hooks.is_file() else "none",
        }


def _require_splits(dataset: Dataset, message: str, more: str = "") -> None:
    for split in ("train", "dev"):
        if not dataset.split(split):
            raise DatasetError(f"{message} a photo in the {split} split{more}")


def captions_to_translate(
    language: Language, dataset: Dataset, work: Path, sources: Sequence[CaptionSource] = ()
) -> Dataset:
    """Return the dataset with the captions that are translated into a language.

    They are the first of: those of `sources`, the dataset's own if the language's folder has no `captions_of`, the
    captions that the build of that other language in `work` learns from, and the files that its folder names.

    Raises:
        LanguageError: there is no such other language.
        BuildError: there are none.
        DatasetError: a caption file can't be read.
    """
    code = language.translation.captions_of
    if not sources and code is None:
        return dataset
    if not sources and code is not None:
        built = built_captions(work, code)
        files = [CaptionSource(built)] if built.is_file() else None
        sources = files or sources_of(get_language(code).caption_files(dataset.folder))
        if not sources:
            raise BuildError(
                f"{language.code}: translated from captions of {code}, of which there are none in {built}: "
                f"build {code} with this `work` first, or give `captions` to `polycap translate {language.code}`"
            )
    captioned, faults = with_sources(dataset, sources)
    for fault in faults[:3]:
        logger.warning("captions to translate: %s", fault)
    return captioned


def built_captions(work: Path, code: str) -> Path:
    """Return the file of the captions that a language's build in `work` learns from; it may not exist yet."""
    return work / code / CAPTIONS


def table(name: str, settings: BaseModel) -> dict[str, str]:
    """Return a table of settings as inputs of a stage, by `[name] key`."""
    return {f"[{name}] {key}": str(value) for key, value in settings.model_dump().items()}
