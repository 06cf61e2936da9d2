"""Tables `[text]` and `[tokenizer]` of language.toml, and the base class of every table."""

import unicodedata
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

__all__ = ["APOSTROPHE", "APOSTROPHES", "Table", "TextSettings", "TokenizerSettings"]

APOSTROPHE, APOSTROPHES = "'", "’ʼ＇"  # the normalised apostrophe, and variants of it


class Table(BaseModel):
    """A table of `language.toml`: immutable, strictly typed, without unknown keys."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class TokenizerSettings(Table):
    """The `[tokenizer]` table: settings of SentencePiece's training."""

    model_type: Literal["unigram", "bpe", "char", "word"] = Field(
        default="unigram", description='"unigram", "bpe", "char" or "word"'
    )
    vocab_size: int = Field(default=3500, ge=16, le=3500, description="a whole number of pieces, 16 to 3500")
    character_coverage: float = Field(
        default=1.0, ge=0.98, le=1.0, allow_inf_nan=False, description="a share of the characters, 0.98 to 1.0"
    )


class TextSettings(BaseModel):
    """The `[text]` table of `language.toml`."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    unicode_form: Literal["NFC", "NFD", "NFKC", "NFKD"] = Field(
        default="NFC", description="NFC, NFD, NFKC or NFKD, in quotes"
    )
    lowercase: bool = Field(default=True, description="true or false")
    casing: Literal["default", "turkic"] = Field(
        default="default", description='"default", or "turkic" where I is the capital of ı and İ that of i'
    )
    strip_punctuation: bool = Field(default=True, description="true or false")
    keep_in_words: str = Field(
        default="", description="""the punctuation that spelling needs between two letters, such as "'" for l'eau"""
    )
    strip_tatweel: bool = Field(default=False, description="true or false")
    strip_vowel_points: bool = Field(default=False, description="true or false")
    digits: Literal["keep", "ascii"] = Field(default="keep", description='"keep", or "ascii" to write ٣ and ३ as 3')

    @field_validator("keep_in_words")
    @classmethod
    def _only_punctuation(cls, characters: str) -> str:
        if any(unicodedata.category(character)[0] not in "PS" for character in characters):
            raise ValueError("not only punctuation")
        return unicodedata.normalize("NFC", characters)  # as in normalised text: NFC maps a second middle dot

    @property
    def has_apostrophe(self) -> bool:
        """Whether an apostrophe of any form is kept in words. All forms are then written as `APOSTROPHE`."""
        return bool(set(self.keep_in_words) & {APOSTROPHE, *APOSTROPHES})
