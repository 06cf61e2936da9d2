"""Tokenizer of a language: SentencePiece with fixed special ids and without its own normalisation.

Text is normalised beforehand (`Language.normalize`). SentencePiece's default, NFKC, would silently change `１２３…！`
to `123…!`, and cost BLEU against references that keep the characters as written.
"""

import io
import logging
import unicodedata
from collections.abc import Iterable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from polycap.errors import TokenizerError, reason_of
from polycap.files import atomic_path, digest
from polycap.text.settings import TokenizerSettings

__all__ = ["BOS", "EOS", "PAD", "UNK", "Tokenizer"]

logger = logging.getLogger(__name__)

PAD: Final = 0
UNK: Final = 1
BOS: Final = 2
EOS: Final = 3
_SPECIALS = 4
_CONTROLS = frozenset({"Cc", "Zl", "Zp"})  # categories of Unicode
_SILENT = 2  # SentencePiece's log level for errors only, which are raised as exceptions, too


class Tokenizer:
    """Tokenizer, from text to token ids and back. Construct it by `train`, `from_bytes` or `load`.

    Reference: Kudo and Richardson, "SentencePiece" (2018), https://arxiv.org/abs/1808.06226
    """

    def __init__(self, processor: Any, model: bytes) -> None:
        self._processor = processor
        self._model = model

    @classmethod
    def train(cls, texts: Iterable[str], settings: TokenizerSettings) -> "Tokenizer":
        """Train a tokenizer; the same texts in the same order give the same pieces and scores.

        `settings.vocab_size` is an upper limit: a small corpus gives a smaller vocabulary.

        Args:
            texts: normalised texts; empty ones are left out.
            settings: the language's `[tokenizer]` table.

        Raises:
            TokenizerError: there is no text, or `vocab_size` is less than the number of different characters.
        """
        import sentencepiece

        sentences = [text for text in texts if text.strip()]
        if not sentences:
            raise TokenizerError("no text to train a tokenizer on: received 0 sentences that are not empty")
        model = io.BytesIO()
        try:
            sentencepiece.SentencePieceTrainer.train(
                sentence_iterator=iter(sentences), model_writer=model, **_trainer_options(settings)
            )
        except (RuntimeError, ValueError, OSError) as error:
            raise TokenizerError(_training_message(sentences, settings, error)) from error
        tokenizer = cls.from_bytes(model.getvalue())
        if settings.model_type in {"char", "word"}:  # others fail if vocab_size is too small for the characters
            tokenizer._warn_of_unknown(sentences)
        return tokenizer

    @classmethod
    def from_bytes(cls, model: bytes) -> "Tokenizer":
        """Load a tokenizer from the bytes of a SentencePiece model.

        Raises:
            TokenizerError: the bytes are no SentencePiece model, or one with other special ids, or with pieces that
                are bytes, no UTF-8, or hold control characters, which a terminal would obey.
        """
        import sentencepiece

        sentencepiece.set_min_log_level(_SILENT)
        processor = sentencepiece.SentencePieceProcessor()
        try:
            if not model:  # SentencePiece accepts empty bytes, and fails later
                raise ValueError("it is empty")
            processor.LoadFromSerializedProto(model)
        except (RuntimeError, ValueError, OSError) as error:
            message = f"these {len(model)} bytes are no SentencePiece model ({error})"
            raise TokenizerError(f"{message}; take a whole copy of the file") from error
        specials = [processor.pad_id(), processor.unk_id(), processor.bos_id(), processor.eos_id()]
        if specials != [PAD, UNK, BOS, EOS] or processor.get_piece_size() <= _SPECIALS:
            message = f"a SentencePiece model with pad, unk, bos, eos = {specials}; expected {[PAD, UNK, BOS, EOS]}"
            raise TokenizerError(f"{message} and pieces beside them: train it with polycap")
        _check_pieces(processor)
        return cls(processor, bytes(model))

    @classmethod
    def load(cls, path: Path) -> "Tokenizer":
        """The tokenizer in a file.

        Raises:
            TokenizerError: the file can't be read, or is no SentencePiece model with polycap's special ids.
        """
        try:
            return cls.from_bytes(path.read_bytes())
        except OSError as error:
            raise TokenizerError(f"{path}: can't be read ({error.strerror})") from error
        except TokenizerError as error:
            raise TokenizerError(f"{path}: {error}") from error

    def _warn_of_unknown(self, sentences: Sequence[str]) -> None:
        """Log the share of unknown tokens in the training text."""
        encoded = self.encode_batch(sentences)
        unknown, tokens = sum(ids.count(UNK) for ids in encoded), sum(map(len, encoded))
        if unknown:
            logger.warning(
                "the tokenizer's vocabulary of %d lacks %s of %s tokens (%.1f%%) of the text that it learned from; "
                "they are never written: a larger vocab_size has more",
                *(self.vocab_size, f"{unknown:,}", f"{tokens:,}", 100 * unknown / tokens),
            )

    def save(self, path: Path) -> None:
        """Write the SentencePiece model to `path`, atomically."""
        with atomic_path(path) as temporary:
            temporary.write_bytes(self._model)

    @property
    def vocab_size(self) -> int:
        """Number of ids, including the four special ones."""
        return int(self._processor.get_piece_size())

    @property
    def pieces(self) -> tuple[str, ...]:
        """All pieces, in the order of their ids."""
        return tuple(self._processor.id_to_piece(list(range(self.vocab_size))))

    @cached_property
    def identity(self) -> str:
        """Hash of pieces and scores. The bytes of the model file differ with thread count and paths."""
        scores = self._processor.get_score(list(range(self.vocab_size)))
        return digest([[piece, float(score).hex()] for piece, score in zip(self.pieces, scores, strict=True)])

    def encode(self, text: str) -> list[int]:
        """Return the token ids of a normalised text, without `<s>` and `</s>`."""
        return list(self._processor.encode(text, out_type=int))

    def encode_batch(self, texts: Sequence[str]) -> list[list[int]]:
        """Return the token ids of each normalised text, without `<s>` and `</s>`."""
        return [list(ids) for ids in self._processor.encode(list(texts), out_type=int, num_threads=1)]

    def decode(self, token_ids: Iterable[int]) -> str:
        """Return the text of `token_ids`, without special tokens.

        Raises:
            TokenizerError: an id is not in the vocabulary, or the text is no UTF-8.
        """
        ids = [int(token_id) for token_id in token_ids]
        size = self.vocab_size
        outside = [token_id for token_id in ids if not 0 <= token_id < size]
        if outside:
            raise TokenizerError(f"token id {outside[0]} is outside this tokenizer's 0 to {size - 1}")
        try:
            return str(self._processor.decode([token_id for token_id in ids if token_id >= _SPECIALS]))
        except UnicodeDecodeError as error:  # by a model's own rules of denormalisation
            raise TokenizerError(f"the tokenizer gives no UTF-8 ({error}); get its pack again") from error


def _check_pieces(processor: Any) -> None:
    """Raise a TokenizerError if a piece is a byte, is no UTF-8, or holds control characters or line ends."""
    for token_id in range(processor.get_piece_size()):
        try:
            piece = str(processor.id_to_piece(token_id))
        except UnicodeDecodeError as error:
            raise TokenizerError(f"a SentencePiece model whose piece {token_id} is no UTF-8 ({error})") from error
        if processor.is_byte(token_id) or any(unicodedata.category(letter) in _CONTROLS for letter in piece):
            kind = "a byte" if processor.is_byte(token_id) else f"{piece!r:.40}, with control characters"
            raise TokenizerError(f"a SentencePiece model whose piece {token_id} is {kind}: train it with polycap")


def _trainer_options(settings: TokenizerSettings) -> dict[str, Any]:
    """Return SentencePiece's options; those that are no settings of the language are fixed."""
    return {
        "model_type": settings.model_type,
        "vocab_size": settings.vocab_size,
        "character_coverage": settings.character_coverage,
        "normalization_rule_name": "identity",
        "add_dummy_prefix": True,
        "byte_fallback": False,
        "hard_vocab_limit": False,  # a small corpus gives fewer pieces than vocab_size
        "pad_id": PAD,
        "unk_id": UNK,
        "bos_id": BOS,
        "eos_id": EOS,
        "num_threads": 1,  # with more threads, the order of summation changes the scores
        "input_sentence_size": 0,  # all sentences, no sample
        "max_sentence_length": 1 << 20,  # bytes; SentencePiece silently leaves out longer sentences
        "minloglevel": _SILENT,
    }


def _training_message(sentences: list[str], settings: TokenizerSettings, error: Exception) -> str:
    """Return the message of a failed training, with the numbers that decide it."""
    characters = len(set("".join(sentences)))
    reason = reason_of(error)
    return (
        f"can't train a {settings.model_type} tokenizer with vocab_size {settings.vocab_size} "
        f"on {len(sentences)} sentences with {characters} different characters: {reason}; "
        f"vocab_size must be at least {characters + _SPECIALS}"
    )
