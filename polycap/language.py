"""A language: the facts of one folder, each with what it allows, and the normalisation of its text."""

from collections.abc import Callable
from functools import lru_cache
from pathlib import Path, PureWindowsPath
from types import ModuleType
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, PrivateAttr, ValidationInfo
from pydantic_core import PydanticCustomError

from polycap.errors import LanguageError
from polycap.text import TextSettings, normalize_text

__all__ = [
    "NO_ENGINES",
    "TRUSTED",
    "CaptionSettings",
    "DecoderOverrides",
    "DecodingSettings",
    "EvaluationSettings",
    "GateSettings",
    "Language",
    "ProbeSettings",
    "TokenizerSettings",
    "TranslationSettings",
    "forget_hooks",
    "load_hook",
]


NO_ENGINES = frozenset({"none", "captions"})
"""What a folder says that has no translation engine: its captions are people's own, or brought."""

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


def _inside(file: str) -> str:
    """`file`, if it can't lead out of the folder that it is looked for in, on any system."""
    path = PureWindowsPath(file)  # knows both slashes, and drives
    if path.drive or path.root or ".." in path.parts or not file.isprintable():
        raise PydanticCustomError("file", "not inside", {"fix": "put the file there, and write its name alone"})
    return file


class _Table(BaseModel):
    """One table of `language.toml`: immutable, typed strictly, and without unknown keys."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


Dropout = Annotated[
    float | None, Field(default=None, ge=0.0, lt=1.0, allow_inf_nan=False, description="a share, 0 up to 1")
]


class GateSettings(_Table):
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


class TranslationSettings(_Table):
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


class CaptionSettings(_Table):
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


class TokenizerSettings(_Table):
    """The `[tokenizer]` table: what SentencePiece is trained with."""

    model_type: Literal["unigram", "bpe", "char", "word"] = Field(
        default="unigram", description='"unigram", "bpe", "char" or "word"'
    )
    vocab_size: int = Field(default=4000, ge=16, le=64000, description="a whole number of pieces, 16 to 64000")
    character_coverage: float = Field(
        default=1.0, ge=0.98, le=1.0, allow_inf_nan=False, description="a share of the characters, 0.98 to 1.0"
    )


class DecoderOverrides(_Table):
    """The `[decoder]` table: where this language's training departs from the recipe (`TrainingSettings`)."""

    kind: Literal["attention", "merge"] | None = Field(default=None, description='"attention" or "merge"')
    units: int | None = Field(default=None, ge=1, le=8192, description="a whole number of LSTM units, 1 to 8192")
    embedding: int | None = Field(default=None, ge=1, le=8192, description="a whole number of channels, 1 to 8192")
    feature_dropout: Dropout = None
    embedding_dropout: Dropout = None
    output_dropout: Dropout = None
    label_smoothing: Dropout = None
    epochs: int | None = Field(default=None, ge=1, description="a whole number, at least 1")
    max_tokens: int | None = Field(default=None, ge=1, le=512, description="a whole number of tokens, 1 to 512")

    def given(self) -> dict[str, str | int | float]:
        """What the folder says, by the name of the setting."""
        return self.model_dump(exclude_none=True)


class EvaluationSettings(_Table):
    """The `[evaluation]` table. The tokenizer decides the score, so the folder pins it."""

    sacrebleu_tokenizer: str = Field(
        default="13a",
        pattern=r"^[a-z0-9][a-z0-9_-]*$",
        description='a tokenizer of sacreBLEU, such as "13a" or "zh"',
    )


class DecodingSettings(_Table):
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


def _words(notions: Any) -> tuple[str, ...]:
    """A list of texts with a word in each, as a tuple. Its faults are the list's own, not an entry's."""
    if not isinstance(notions, list | tuple) or not all(isinstance(x, str) and x.split() for x in notions):
        raise PydanticCustomError("words", "not a list of words")
    return tuple(notions)


Notions = Annotated[tuple[str, ...], BeforeValidator(_words)]
_NOTIONS = 'a list; an entry has all forms of one word, such as ["red", "goose geese"]'


class ProbeSettings(_Table):
    """The `[probes]` table: the words by which a decoder's known failures are looked for, see `polycap.probes`.

    Each list has an entry for each notion: all of its forms, with spaces between.
    """

    counts: Notions = Field(default=(), description=_NOTIONS)
    colours: Notions = Field(default=(), description=_NOTIONS)
    men: Notions = Field(default=(), description=_NOTIONS)
    women: Notions = Field(default=(), description=_NOTIONS)
    dogs: Notions = Field(default=(), description=_NOTIONS)


class Language(_Table):
    """One language, as its folder describes it. Made by `polycap.language_folder.load_language`."""

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
        return "trained" if (self.pack_folder / "card.json").is_file() else "untrained"

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
        hook = None if raw else _kept_hook(self._folder)
        return normal if hook is None else normalize_text(hook(normal), self.text)


@lru_cache(maxsize=256)
def _kept_hook(folder: Path) -> Callable[[str], str] | None:
    return load_hook(folder)


def forget_hooks() -> None:
    """Load each folder's `hooks.py` again when it is next needed."""
    _kept_hook.cache_clear()


def load_hook(folder: Path) -> Callable[[str], str] | None:
    """The `normalize` of a folder's `hooks.py`, its failures made LanguageErrors; None without the file.

    Raises:
        LanguageError: the file can't be loaded, or has no such function.
    """
    path = folder / "hooks.py"
    if not path.is_file():
        return None
    module = ModuleType(f"polycap_hooks_{folder.name}")
    module.__file__ = str(path)
    try:  # run from source rather than imported: leaves no __pycache__ in a folder that is not ours
        exec(compile(path.read_bytes(), path, "exec"), module.__dict__)
    except (Exception, SystemExit) as error:  # whatever the folder's author wrote
        raise LanguageError(f"{path}: can't be loaded ({_on_one_line(error)})") from error
    hook = getattr(module, "normalize", None)
    if not callable(hook):
        raise LanguageError(f"{path}: has no function normalize(text); write one, or remove the file")

    def normalize(text: str) -> str:
        try:
            result = hook(text)
        except (Exception, SystemExit) as error:
            raise LanguageError(f"{path}: normalize({text!r}) failed ({_on_one_line(error)})") from error
        if not isinstance(result, str):
            raise LanguageError(f"{path}: normalize(text) returned a {type(result).__name__}; it must return a str")
        return result

    return normalize


def _on_one_line(error: BaseException) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())
