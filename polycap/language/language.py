"""A language: the facts of one folder, each with what it allows, and the normalisation of its text."""

from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import AfterValidator, Field, PrivateAttr, ValidationInfo
from pydantic_core import PydanticCustomError

from polycap.errors import DatasetError
from polycap.language.hooks import cached_hook
from polycap.language.settings import (
    CaptionSettings,
    DecoderOverrides,
    DecodingSettings,
    EvaluationSettings,
    ProbeSettings,
    TranslationSettings,
)
from polycap.text.normalize import normalize_text
from polycap.text.script import has_spaces, share_in_script, words
from polycap.text.settings import Table, TextSettings, TokenizerSettings

__all__ = ["PACK_CARD", "CaptionFile", "Language"]

PACK_CARD = "card.json"
"""The file that a pack's folder has and no other folder."""

_ONE_LINE = r"^[^\s\p{Cc}][^\p{Cc}\p{Zl}\p{Zp}]*$"


TRUSTED = {"trusted": True}
"""The context to validate a built-in folder in: a test holds it against the registries, which take long to load."""


def _canonical_code(code: str, info: ValidationInfo) -> str:
    """`code`, if it is a BCP 47 tag of registered parts in its canonical spelling."""
    if info.context == TRUSTED:
        return code
    import langcodes

    if not code.isascii() or not langcodes.tag_is_valid(code):
        raise PydanticCustomError("code", "not a registered BCP 47 tag")
    canonical = langcodes.standardize_tag(langcodes.standardize_tag(code))  # sgn-UK is sgn-GB is bfi
    if canonical != code:
        raise PydanticCustomError("code", "not canonical", {"fix": f'write "{canonical}"'})
    return code


def _registered_script(script: str, info: ValidationInfo) -> str:
    """`script`, if ISO 15924 has it."""
    if info.context == TRUSTED:
        return script
    import langcodes

    if not script.isascii() or not langcodes.tag_is_valid(f"und-{script}"):
        raise PydanticCustomError("script", "not a script of ISO 15924")
    return script


class CaptionFile(NamedTuple):
    """A file of captions that a language's folder names.

    Attributes:
        path: the file.
        origin: who wrote the captions of which the file does not say; None if the folder does not say either.
        weight: how often they are learned from, compared with others.
    """

    path: Path
    origin: str | None
    weight: float


class Language(Table):
    """One language, as its folder describes it. Made by `polycap.language.folder.load_language`."""

    # pydantic keeps the name `schema` for itself, so only the TOML key has it
    schema_version: Literal[1] = Field(alias="schema", description="1")
    code: Annotated[str, AfterValidator(_canonical_code)] = Field(
        description='a BCP 47 tag in its canonical spelling, such as "de", "pt-BR" or "zh-Hant"'
    )
    name: str = Field(pattern=_ONE_LINE, description="the language's English name")
    native_name: str = Field(pattern=_ONE_LINE, description="the language's name in itself")
    script: Annotated[str, AfterValidator(_registered_script)] = Field(
        pattern=r"^[A-Z][a-z]{3}$", description='an ISO 15924 code, such as "Latn" or "Deva"'
    )
    direction: Literal["ltr", "rtl"] = Field(description='"ltr" or "rtl"')
    translation: TranslationSettings = Field(default_factory=TranslationSettings, description="a table")
    captions: tuple[CaptionSettings, ...] = Field(default=(), strict=False, description="tables, [[captions]]")
    text: TextSettings = Field(default_factory=TextSettings, description="a table")
    tokenizer: TokenizerSettings = Field(default_factory=TokenizerSettings, description="a table")
    decoder: DecoderOverrides = Field(default_factory=DecoderOverrides, description="a table")
    evaluation: EvaluationSettings = Field(default_factory=EvaluationSettings, description="a table")
    decoding: DecodingSettings = Field(default_factory=DecodingSettings, description="a table")
    probes: ProbeSettings = Field(default_factory=ProbeSettings, description="a table")

    _folder: Path = PrivateAttr(default=Path())
    _samples: tuple[str, ...] = PrivateAttr(default=())
    _installed_pack: Path | None = PrivateAttr(default=None)

    @classmethod
    def from_facts(
        cls, facts: Any, folder: Path, samples: tuple[str, ...] = (), *, trusted: bool = False
    ) -> "Language":
        """Return the language of a folder's `language.toml`.

        Args:
            facts: the file's tables.
            folder: the language's.
            samples: captions in the language.
            trusted: take the word of a built-in folder that its code and script are registered ones.

        Raises:
            ValidationError: the facts have faults.
        """
        language = cls.model_validate(facts, context=TRUSTED if trusted else None)
        language._folder, language._samples = folder, samples
        return language

    def with_pack(self, folder: Path | None) -> "Language":
        """Return the same language with an installed pack, or without one."""
        language = self.model_copy()
        language._installed_pack = folder
        return language

    @property
    def folder(self) -> Path:
        """The folder that was read."""
        return self._folder

    @property
    def samples(self) -> tuple[str, ...]:
        """Captions in this language, from `samples.toml`; empty if the folder has none."""
        return self._samples

    @property
    def installed_pack(self) -> Path | None:
        """The pack that `polycap install` put beside the language's folder, if it did; the registry knows it."""
        return self._installed_pack

    @property
    def own_pack_folder(self) -> Path:
        """Where the folder's own pack lies, if there is one."""
        return self._folder / "pack"

    @property
    def pack_folder(self) -> Path:
        """Where the trained pack lies, if there is one: what the user installed goes before the folder's own."""
        return self._installed_pack or self.own_pack_folder

    @property
    def status(self) -> Literal["trained", "untrained"]:
        """Whether there is a trained pack."""
        return "trained" if (self.pack_folder / PACK_CARD).is_file() else "untrained"

    @property
    def has_spaces(self) -> bool:
        """Whether words are written apart."""
        return has_spaces(self.script)

    def words(self, text: str) -> list[str]:
        """Return the words of a text; its letters, where the script puts no space between words."""
        return words(text, self.script)

    def share_in_script(self, text: str) -> float:
        """Return the share of the letters and marks of a text that are of the language's script, 0 to 1."""
        return share_in_script(text, self.script)

    def caption_files(self, data: Path) -> list[CaptionFile]:
        """Return the caption files that the folder names in its `[[captions]]`, in their order.

        Args:
            data: the dataset's folder, which is looked in after the language's own.

        Raises:
            DatasetError: a file is in neither.
        """
        files = []
        for index, source in enumerate(self.captions):
            if source.file is None:
                continue
            paths = [folder / source.file for folder in (self._folder, data)]
            path = next((path for path in paths if path.is_file()), None)
            if path is None:
                raise DatasetError(
                    f"{self._folder / 'language.toml'}:captions[{index}].file: no file {source.file!r} in "
                    f"{self._folder} nor in {data}; put it there, or remove the table"
                )
            files.append(CaptionFile(path, source.origin, source.weight))
        return files

    def normalize(self, text: str, *, raw: bool = False) -> str:
        """`text` as this language is learned and scored: its `[text]` settings, then its `hooks.py`, if any.

        The settings are applied to what the hook returns as well, so that their promises hold.

        Args:
            text: any text.
            raw: keep case and punctuation; the hook is not asked.

        Raises:
            LanguageError: the folder's `hooks.py` can't be loaded or fails.
        """
        normal = normalize_text(text, self.text, raw=raw)
        hook = None if raw else cached_hook(self._folder)
        return normal if hook is None else normalize_text(hook(normal), self.text)
