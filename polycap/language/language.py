"""A language: the facts of its folder, validated, and the normalisation of its text."""

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
"""File that marks the folder of a complete pack."""

_ONE_LINE = r"^[^\s\p{Cc}][^\p{Cc}\p{Zl}\p{Zp}]*$"


TRUSTED = {"trusted": True}
"""Validation context of built-in folders: skips the registries, which take long to load. A test checks the folders."""


def _canonical_code(code: str, info: ValidationInfo) -> str:
    """Return `code`; raise an error unless it is a registered BCP 47 tag in canonical spelling."""
    if info.context == TRUSTED:
        return code
    import langcodes

    if not code.isascii() or not langcodes.tag_is_valid(code):
        raise PydanticCustomError("code", "not a registered BCP 47 tag")
    canonical = langcodes.standardize_tag(langcodes.standardize_tag(code))  # twice: sgn-UK → sgn-GB → bfi
    if canonical != code:
        raise PydanticCustomError("code", "not canonical", {"fix": f'write "{canonical}"'})
    return code


def _registered_script(script: str, info: ValidationInfo) -> str:
    """Return `script`; raise an error unless it is a code of ISO 15924."""
    if info.context == TRUSTED:
        return script
    import langcodes

    if not script.isascii() or not langcodes.tag_is_valid(f"und-{script}"):
        raise PydanticCustomError("script", "not a script of ISO 15924")
    return script


class CaptionFile(NamedTuple):
    """Caption file that a language's folder names.

    Attributes:
        path: the file.
        origin: origin of captions whose file names none; None if the folder names none either.
        weight: sampling weight in training, relative to other files.
    """

    path: Path
    origin: str | None
    weight: float


class Language(Table):
    """Language of a folder. Load it with `polycap.language.load_language`."""

    # pydantic reserves the name `schema`, so the TOML key is an alias
    schema_version: Literal[1] = Field(alias="schema", description="1")
    code: Annotated[str, AfterValidator(_canonical_code)] = Field(
        description='a BCP 47 tag in its canonical spelling, such as "de", "pt-BR" or "zh-Hant"'
    )
    name: str = Field(pattern=_ONE_LINE, description="the language's English name")
    native_name: str = Field(pattern=_ONE_LINE, description="the language's name in itself")
    script: Annotated[str, AfterValidator(_registered_script)] = Field(
        pattern=r"^[A-Z][a-z]{3}$", description='an ISO 15924 code, such as "Latn" or "Deva"'
    )
    direction: Literal["ltr", "rtl", "ttb"] = Field(description='"ltr", "rtl" or, in columns from left to right, "ttb"')
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
        """Validate the facts of a folder; return the language.

        Args:
            facts: tables of `language.toml`.
            folder: folder of the language.
            samples: captions in the language. (default: none)
            trusted: whether to skip the look-up of code and script in the registries. (default: False)

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
        """Folder of the language."""
        return self._folder

    @property
    def samples(self) -> tuple[str, ...]:
        """Captions in this language, from `samples.toml`; empty if the folder has none."""
        return self._samples

    @property
    def installed_pack(self) -> Path | None:
        """Folder of the pack that `polycap install` installed; None without one. The registry sets it."""
        return self._installed_pack

    @property
    def own_pack_folder(self) -> Path:
        """Folder of the pack inside the language's folder, whether it exists or not."""
        return self._folder / "pack"

    @property
    def pack_folder(self) -> Path:
        """Folder of the trained pack, whether it exists or not: the installed pack, else `own_pack_folder`."""
        return self._installed_pack or self.own_pack_folder

    @property
    def status(self) -> Literal["trained", "untrained"]:
        """Whether the language has a trained pack."""
        return "trained" if (self.pack_folder / PACK_CARD).is_file() else "untrained"

    @property
    def html_direction(self) -> Literal["ltr", "rtl"]:
        """Value of HTML's attribute `dir`, which knows lines alone; columns are `writing_mode`'s."""
        return "ltr" if self.direction == "ttb" else self.direction

    @property
    def writing_mode(self) -> Literal["horizontal-tb", "vertical-lr"]:
        """Value of CSS' property `writing-mode`: lines, or columns from left to right."""
        return "vertical-lr" if self.direction == "ttb" else "horizontal-tb"

    @property
    def has_spaces(self) -> bool:
        """Whether the script separates words by spaces."""
        return has_spaces(self.script)

    def words(self, text: str) -> list[str]:
        """Return the words of a text; its letters, if the script has no spaces between words."""
        return words(text, self.script)

    def share_in_script(self, text: str) -> float:
        """Return the share of letters and marks in the language's script, 0 to 1."""
        return share_in_script(text, self.script)

    def caption_files(self, data: Path) -> list[CaptionFile]:
        """Return the caption files that the folder names in its `[[captions]]`, in their order.

        Args:
            data: folder of the dataset, which is searched after the language's folder.

        Raises:
            DatasetError: a file is in neither folder.
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

    def normalize(self, text: str, *, keep_case_and_punctuation: bool = False) -> str:
        """Normalise a text for training and scoring: the `[text]` settings, the hook if there is one, the settings.

        The settings are applied to the hook's output as well, so that it keeps them.

        Args:
            text: any text.
            keep_case_and_punctuation: whether to keep both, and skip the hook. (default: False)

        Raises:
            LanguageError: the folder's `hooks.py` can't be loaded or fails.
        """
        normal = normalize_text(text, self.text, keep_case_and_punctuation=keep_case_and_punctuation)
        hook = None if keep_case_and_punctuation else cached_hook(self._folder)
        return normal if hook is None else normalize_text(hook(normal), self.text)
