"""The tables of `language.toml`, each value with what it allows."""

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
"""What a folder says that has no translation engine: its captions are people's own, or brought."""


OptionalRate = Annotated[
    float | None, Field(default=None, ge=0.0, lt=1.0, allow_inf_nan=False, description="a share, 0 up to 1")
]


def _words(notions: Any) -> tuple[str, ...]:
    """A list of texts with a word in each, as a tuple. Its faults are the list's own, not an entry's."""
    if not isinstance(notions, list | tuple) or not all(isinstance(x, str) and x.split() for x in notions):
        raise PydanticCustomError("words", "not a list of words")
    return tuple(notions)


ConceptWords = Annotated[tuple[str, ...], BeforeValidator(_words)]
_NOTIONS = 'a list; an entry has all forms of one word, such as ["red", "goose geese"]'


def _inside(file: str) -> str:
    """`file`, if it can't lead out of the folder that it is looked for in, on any system."""
    path = PureWindowsPath(file)  # knows both slashes, and drives
    if path.drive or path.root or ".." in path.parts or not file.isprintable():
        raise PydanticCustomError("file", "not inside", {"fix": "put the file there, and write its name alone"})
    return file


class GateSettings(Table):
    """The `[translation.gates]` table: which translations are not learned. The defaults leave people's own alone."""

    min_script: float = Field(
        default=0.5, ge=0.0, le=1.0, allow_inf_nan=False, description="a share of the letters, 0 (off) to 1"
    )
    max_copied: float = Field(
        default=0.8, ge=0.0, le=1.0, allow_inf_nan=False, description="a share of the words, 0 to 1 (off)"
    )
    max_length_ratio: float = Field(
        default=3.5, ge=1.0, allow_inf_nan=False, description="how many times as long or as short as usual, at least 1"
    )
    max_repeats: int = Field(default=2, ge=1, description="how often the same words may stand, at least 1")
    max_unknown: float = Field(
        default=0.15, ge=0.0, le=1.0, allow_inf_nan=False, description="a share of the words, 0 to 1 (off)"
    )
    drop_lowest: float = Field(
        default=0.0, ge=0.0, lt=1.0, allow_inf_nan=False, description="a share of the captions, 0 (off) up to 1"
    )


class TranslationSettings(Table):
    """The `[translation]` table: how English captions become this language's, if they must."""

    engine: str = Field(
        default="none",
        pattern=r"^[a-z][a-z0-9_-]*$",
        description='an engine\'s name in small letters, or "none"',
    )
    source: str | None = Field(
        default=None, min_length=1, description="the engine's own code for the captions' language"
    )
    target: str | None = Field(default=None, min_length=1, description="the engine's own code for this language")
    gates: GateSettings = Field(default_factory=GateSettings, description="a table")


class CaptionSettings(Table):
    """A `[[captions]]` table: one source of the captions that are learned. Several are mixed."""

    file: Annotated[str, AfterValidator(_inside)] | None = Field(
        default=None, min_length=1, description='a caption file in this folder or in the dataset\'s, such as "de.txt"'
    )
    translated: bool = Field(
        default=False, description="true, in place of a file, for the dataset's captions by [translation]'s engine"
    )
    origin: str | None = Field(
        default=None,
        pattern=r"^[^\s\p{C},|]+$",
        description='who wrote those of which the file does not say, such as "human" or "mt:google"',
    )
    weight: float = Field(default=1.0, gt=0.0, allow_inf_nan=False, description="a number above 0")


class DecoderOverrides(Table):
    """The `[decoder]` table: where this language's training departs from the recipe (`TrainingSettings`)."""

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
        """What the folder says, by the name of the setting."""
        return self.model_dump(exclude_none=True)


class EvaluationSettings(Table):
    """The `[evaluation]` table. The tokenizer decides the score, so the folder pins it."""

    sacrebleu_tokenizer: str = Field(
        default="13a",
        pattern=r"^[a-z0-9][a-z0-9_-]*$",
        description='a tokenizer of sacreBLEU, such as "13a" or "zh"',
    )


class DecodingSettings(Table):
    """The `[decoding]` table: the search's defaults. Lengths are in tokens."""

    beam_width: int = Field(default=4, ge=1, le=64, description="a whole number of hypotheses, 1 to 64")
    length_penalty: float = Field(
        default=0.7, ge=0.0, le=5.0, allow_inf_nan=False, description="the exponent of the length, 0 to 5"
    )
    max_length: int = Field(default=24, ge=1, le=512, description="a whole number of tokens, 1 to 512")
    min_length: int = Field(default=3, ge=0, le=511, description="a whole number of tokens, 0 to 511")
    no_repeat_ngram: int = Field(default=3, ge=0, le=16, description="a whole number of tokens, 0 (off) to 16")
    no_repeat_token: bool = Field(default=True, description="true or false: whether a token may not follow itself")
    minimum_bayes_risk: bool = Field(
        default=False, description="true or false: whether the hypothesis most like all is said, not the likeliest"
    )


class ProbeSettings(Table):
    """The `[probes]` table: words of a decoder's known failures, see `polycap.evaluation.failures`.

    Each list has an entry for each notion: all of its forms, with spaces between.
    """

    counts: ConceptWords = Field(default=(), description=_NOTIONS)
    colours: ConceptWords = Field(default=(), description=_NOTIONS)
    men: ConceptWords = Field(default=(), description=_NOTIONS)
    women: ConceptWords = Field(default=(), description=_NOTIONS)
    dogs: ConceptWords = Field(default=(), description=_NOTIONS)
