"""Loaded package of Argos: tokenizer, vocabulary and CTranslate2 model.

Tokenizer, search (beam 4, length penalty 0.2), unknown words, prefix and spaces are as in Argos. Sentences are
translated in batches, in Argos one by one.

Reference: `argostranslate.translate.apply_packaged_translation`, version 1.12.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from polycap.errors import TranslationError
from polycap.files.strangers import parse_json
from polycap.machine.extras import missing_package
from polycap.machine.fork import keep_in_forks, require_same_process
from polycap.machine.processor import core_count
from polycap.translation.argos.archive import TOKENIZERS
from polycap.translation.argos.packages import InstalledPackage
from polycap.translation.argos.settings import argos_setting

__all__ = ["ArgosModel", "PartialTranslation"]

BEAM_SIZE = 4
LENGTH_PENALTY = 0.2
"""Argos' defaults."""

MAX_TOKENS = 200
"""Maximum tokens of a sentence. At 256, Argos' models fail for the whole batch; a caption has about fifteen."""

BATCH_TOKENS = 128
"""Tokens per batch, about nine captions. Larger batches exceed the processor's cache and took 1.3 times as long."""

COMPUTE_TYPE_VARIABLE = "ARGOS_COMPUTE_TYPE"
COMPUTE_TYPE = "int8"
"""Type of the numbers in Argos' packages. With `auto`, CTranslate2 has translated to garbage."""

_AGAIN = "delete that folder and install the package again"

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class PartialTranslation:
    """Translation of a sentence by one package, or by several in a row.

    Attributes:
        text: the translation.
        log_probability: sum over all tokens, nats. (default: 0)
        tokens: number of tokens, with the end of the sentence. (default: 0)
        unknown: number of source tokens that are unknown to the model. (default: 0)
    """

    text: str
    log_probability: float = 0.0
    tokens: int = 0
    unknown: int = 0


class ArgosModel:
    """Tokenizer, vocabulary and CTranslate2 model of a package."""

    def __init__(self, package: InstalledPackage) -> None:
        """Load the package.

        Raises:
            TranslationError: the package is broken, or CTranslate2 is not installed.
        """
        self._package = package
        self._prefix = package.facts.target_prefix
        self._tokenizer = _load_tokenizer(package)
        self._vocabulary = _source_vocabulary(package.path / "model")
        self._translator = keep_in_forks(_load_translator(package))

    def translate(self, texts: Sequence[str]) -> list[PartialTranslation]:
        """Translate sentences. Of a sentence of more than `MAX_TOKENS`, the translation is empty, with a warning.

        Raises:
            TranslationError: CTranslate2 failed.
            CaptionRuntimeError: this process was forked from one that had loaded CTranslate2.
        """
        require_same_process()
        sentences = [self._tokens(text) for text in texts]
        try:
            results = self._translator.translate_batch(
                sentences,
                target_prefix=[[self._prefix]] * len(sentences) if self._prefix else None,
                replace_unknowns=True,
                max_batch_size=BATCH_TOKENS,  # CTranslate2 sorts the sentences by length
                batch_type="tokens",
                beam_size=BEAM_SIZE,
                length_penalty=LENGTH_PENALTY,
                return_scores=True,
            )
        except (RuntimeError, ValueError) as error:
            raise TranslationError(f"{self._package.path}: CTranslate2 failed ({error})") from error
        return [self._partial(tokens, result) for tokens, result in zip(sentences, results, strict=True)]

    def _tokens(self, text: str) -> list[str]:
        tokens: list[str] = self._tokenizer.encode(text)
        if len(tokens) <= MAX_TOKENS:
            return tokens
        logger.warning(
            "%.40r… has %d tokens; at most %d are translated, so its translation is empty",
            *(text, len(tokens), MAX_TOKENS),
        )
        return []

    def _partial(self, source: list[str], result: Any) -> PartialTranslation:
        if not source:
            return PartialTranslation("")
        [tokens], [score] = result.hypotheses, result.scores
        length = len(tokens) + 1  # with the end of the sentence
        unknown = sum(token not in self._vocabulary for token in source) if self._vocabulary else 0
        return PartialTranslation(self._decode(tokens), score * length**LENGTH_PENALTY, length, unknown)

    def _decode(self, tokens: list[str]) -> str:
        text: str = self._tokenizer.decode(tokens)
        text = text.removeprefix(self._prefix)
        return text.removeprefix(" ")


def _missing(package: str, reason: object) -> TranslationError:
    return TranslationError(missing_package("Argos", package, "translate", f"not available ({reason})"))


def _load_tokenizer(package: InstalledPackage) -> Any:
    """Load Argos' tokenizer for the package: SentencePiece, or byte pairs of Moses' words."""
    try:
        from argostranslate.tokenizer import BPETokenizer, SentencePieceTokenizer
    except ImportError as error:
        raise TranslationError(_missing("argos-translate-lt", error)) from error
    sentencepiece, bpe = (package.path / name for name in TOKENIZERS)
    tokenizer = SentencePieceTokenizer(sentencepiece) if sentencepiece.is_file() else BPETokenizer(bpe, *package.pair)
    try:
        tokenizer.encode("a")  # it loads on first use
    except Exception as error:  # the libraries raise errors of many types on a broken file
        raise TranslationError(f"{package.path}: its tokenizer can't be loaded ({error}); {_AGAIN}") from error
    return tokenizer


def _load_translator(package: InstalledPackage) -> Any:
    require_same_process()
    try:
        import ctranslate2
    except ImportError as error:
        raise TranslationError(_missing("ctranslate2", error)) from error
    chosen = argos_setting(COMPUTE_TYPE_VARIABLE) or COMPUTE_TYPE
    known = sorted(ctranslate2.get_supported_compute_types("cpu"))
    if chosen not in ("auto", *known):
        raise TranslationError(
            f"{COMPUTE_TYPE_VARIABLE}: this processor can't compute in {chosen!r}; choose one of {', '.join(known)}"
        )
    try:
        return ctranslate2.Translator(
            str(package.path / "model"),
            device="cpu",
            compute_type="default" if chosen == "auto" else chosen,  # Argos' name of CTranslate2's default
            inter_threads=core_count(),  # one batch per core was 1.2 times as fast as one batch on all cores
            intra_threads=1,
        )
    except (RuntimeError, ValueError) as error:
        raise TranslationError(f"{package.path}: its model can't be loaded ({error}); {_AGAIN}") from error


def _source_vocabulary(folder: Path) -> frozenset[str]:
    """Return the source vocabulary of a CTranslate2 model; empty if its file has another format."""
    for name in ("shared_vocabulary", "source_vocabulary"):
        try:
            if (folder / f"{name}.json").is_file():
                return frozenset(map(str, parse_json((folder / f"{name}.json").read_bytes())))
            if (folder / f"{name}.txt").is_file():
                return frozenset((folder / f"{name}.txt").read_text(encoding="utf-8").split("\n"))
        except (OSError, ValueError, TypeError) as error:
            logger.warning("%s: can't be read (%s); unknown words are not counted", folder / name, error)
    return frozenset()
