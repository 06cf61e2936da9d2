"""Tables of `language.toml`. A field's description is the allowed value, for messages."""

from pathlib import PureWindowsPath
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field
from pydantic_core import PydanticCustomError

from polycap.text.settings import Table

__all__ = [
    "NO_ENGINES",
    "CaptionSettings",
    "DecoderOverrides",
    "DecodingSettings",
    "EvaluationSettings",
    "GateSettings",
    "ProbeSettings",
    "TranslationSettings",
]

NO_ENGINES = frozenset({"none", "captions"})
"""Values of `engine` that mean "no translation": "none" (captions by people) and "captions" (caption files)."""


OptionalRate = Annotated[
    float | None, Field(default=None, ge=0.0, lt=1.0, allow_inf_nan=False, description="a share, 0 up to 1")
]


def _word_lists(entries: Any) -> tuple[str, ...]:
    """Return a list of non-empty texts as a tuple; a fault is of the whole list, not of an entry."""
    if not isinstance(entries, list | tuple) or not all(isinstance(entry, str) and entry.split() for entry in entries):
        raise PydanticCustomError("words", "not a list of words")
    return tuple(entries)


def _codes(entries: Any) -> tuple[str, ...]:
    """Return a list of non-empty texts without spaces as a tuple; a fault is of the whole list, not of an entry."""
    codes = _word_lists(entries)
    if any(len(code.split()) > 1 for code in codes):
        raise PydanticCustomError("codes", "not a list of codes")
    return codes


def _corrections(table: Any) -> dict[str, str]:
    """Return a table of words; a fault is of the whole table, not of an entry."""
    texts = [text for pair in table.items() for text in pair] if isinstance(table, dict) else [None]
    if not all(isinstance(text, str) and text == " ".join(text.split()) != "" for text in texts):
        raise PydanticCustomError("corrections", "not a table of words")
    return dict(table)


Codes = Annotated[tuple[str, ...], BeforeValidator(_codes)]
Corrections = Annotated[dict[str, str], BeforeValidator(_corrections)]
ConceptWords = Annotated[tuple[str, ...], BeforeValidator(_word_lists)]
_CONCEPT_WORDS = 'a list; each entry has all forms of a word, such as ["red", "goose geese"]'


def _inside(file: str) -> str:
    """Return `file`; raise an error if its path could leave the folder, on any system."""
    path = PureWindowsPath(file)  # parses both slashes, and drives
    if path.drive or path.root or ".." in path.parts or not file.isprintable():
        raise PydanticCustomError("file", "not inside", {"fix": "put the file there, and write its name alone"})
    return file


class GateSettings(Table):
    """The `[translation.gates]` table: filters of translations. With the defaults, captions by people pass."""

    min_script: float = Field(
        default=0.5, ge=0.0, le=1.0, allow_inf_nan=False, description="a share of the letters, 0 (off) to 1"
    )
    max_copied: float = Field(
        default=0.8, ge=0.0, le=1.0, allow_inf_nan=False, description="a share of the words, 0 to 1 (off)"
    )
    max_length_ratio: float = Field(
        default=3.5, ge=1.0, allow_inf_nan=False, description="a ratio to the usual length, at least 1"
    )
    max_repeats: int = Field(default=2, ge=1, description="a whole number of repetitions, at least 1")
    max_unknown: float = Field(
        default=0.15, ge=0.0, le=1.0, allow_inf_nan=False, description="a share of the words, 0 to 1 (off)"
    )
    drop_lowest: float = Field(
        default=0.0, ge=0.0, lt=1.0, allow_inf_nan=False, description="a share of the captions, 0 (off) up to 1"
    )


class TranslationSettings(Table):
    """The `[translation]` table: the captions that are translated, and engine and language codes for it."""

    engine: str = Field(
        default="none",
        pattern=r"^[a-z][a-z0-9_-]*$",
        description='an engine\'s name in small letters, or "none"',
    )
    captions_of: str | None = Field(
        default=None,
        pattern=r"^[A-Za-z0-9]+(-[A-Za-z0-9]+)*$",
        description='the code of another language, whose captions are translated, such as "es"',
    )
    source: str | None = Field(
        default=None, min_length=1, description="the engine's own code for the captions' language"
    )
    through: Codes = Field(
        default=(), description='a list of the engine\'s own codes of languages between source and target, ["ca"]'
    )
    target: str | None = Field(default=None, min_length=1, description="the engine's own code for this language")
    corrections: Corrections = Field(
        default_factory=dict, description='a table of words and what is written in their place, "wrong" = "right"'
    )
    gates: GateSettings = Field(default_factory=GateSettings, description="a table")


class CaptionSettings(Table):
    """A `[[captions]]` table: one source of the training captions. Several sources are mixed."""

    file: Annotated[str, AfterValidator(_inside)] | None = Field(
        default=None, min_length=1, description='a caption file in this folder or in the dataset\'s, such as "de.txt"'
    )
    translated: bool = Field(
        default=False, description="true, in place of a file, for the dataset's captions by [translation]'s engine"
    )
    origin: str | None = Field(
        default=None,
        pattern=r"^[^\s\p{C},|]+$",
        description='the origin of captions whose file names none, such as "human" or "mt:google"',
    )
    weight: float = Field(default=1.0, gt=0.0, allow_inf_nan=False, description="a number above 0")


class DecoderOverrides(Table):
    """The `[decoder]` table: training settings that differ from the defaults of `TrainingSettings`."""

    kind: Literal["attention", "merge"] | None = Field(default=None, description='"attention" or "merge"')
    units: int | None = Field(default=None, ge=1, le=8192, description="a whole number of LSTM units, 1 to 8192")
    embedding: int | None = Field(default=None, ge=1, le=8192, description="a whole number of channels, 1 to 8192")
    feature_dropout: OptionalRate = None
    embedding_dropout: OptionalRate = None
    output_dropout: OptionalRate = None
    label_smoothing: OptionalRate = None
    epochs: int | None = Field(default=None, ge=1, description="a whole number, at least 1")
    max_tokens: int | None = Field(default=None, ge=1, le=512, description="a whole number of tokens, 1 to 512")

    def given(self) -> dict[str, str | int | float]:
        """Return the settings that the folder names, by their names."""
        return self.model_dump(exclude_none=True)


class EvaluationSettings(Table):
    """The `[evaluation]` table: the tokenizer of sacreBLEU, which changes the score."""

    sacrebleu_tokenizer: str = Field(
        default="13a",
        pattern=r"^[a-z0-9][a-z0-9_-]*$",
        description='a tokenizer of sacreBLEU, such as "13a" or "zh", or "tsheg"',
    )


class DecodingSettings(Table):
    """The `[decoding]` table: settings of the search. A score is log-probability / length ** length_penalty."""

    beam_width: int = Field(default=4, ge=1, le=64, description="a whole number of hypotheses, 1 to 64")
    length_penalty: float = Field(
        default=0.7, ge=0.0, le=5.0, allow_inf_nan=False, description="the exponent of the length, 0 to 5"
    )
    max_length: int = Field(default=24, ge=1, le=512, description="a whole number of tokens, 1 to 512")
    min_length: int = Field(default=3, ge=0, le=511, description="a whole number of tokens, 0 to 511")
    no_repeat_ngram: int = Field(default=3, ge=0, le=16, description="a whole number of tokens, 0 (off) to 16")
    no_repeat_token: bool = Field(default=True, description="true or false: whether a token may not follow itself")
    minimum_bayes_risk: bool = Field(
        default=False, description="true or false: whether hypotheses are reranked by minimum Bayes risk"
    )

    @property
    def left_open(self) -> tuple[str, ...]:
        """Keys that the folder does not set, of those that `polycap build` can choose on the dev split."""
        keys = ("length_penalty", "min_length", "minimum_bayes_risk")
        return tuple(key for key in keys if key not in self.model_fields_set)


class ProbeSettings(Table):
    """The `[probes]` table: concept words, see `polycap.evaluation.concepts`.

    Each entry of a list has all forms of one word, separated by spaces. Boys and girls are children, not men or women.
    Entries of counts and of colours stand in the same order in every language: languages are compared by place.
    """

    counts: ConceptWords = Field(default=(), description=_CONCEPT_WORDS)
    colours: ConceptWords = Field(default=(), description=_CONCEPT_WORDS)
    men: ConceptWords = Field(default=(), description=_CONCEPT_WORDS)
    women: ConceptWords = Field(default=(), description=_CONCEPT_WORDS)
    children: ConceptWords = Field(default=(), description=_CONCEPT_WORDS)
    dogs: ConceptWords = Field(default=(), description=_CONCEPT_WORDS)
