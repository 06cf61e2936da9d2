"""The tokenizer of a language: SentencePiece with fixed special ids and no normalisation of its own.

Text is normalised before it comes here (`Language.normalize`). SentencePiece's own default, NFKC, would turn
`１２３…！` into `123…!` behind our backs and cost BLEU against references that keep the letters as written.
"""

import io
import logging
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
_SILENT = 2  # SentencePiece's log level: errors only; they come as exceptions too


class Tokenizer:
    """Text to token ids and back. Made by `train`, `from_bytes` or `load`.

    Reference: Kudo and Richardson, "SentencePiece" (2018), https://arxiv.org/abs/1808.06226
    """

    def __init__(self, processor: Any, model: bytes) -> None:
        self._processor = processor
        self._model = model

    @classmethod
    def train(cls, texts: Iterable[str], settings: TokenizerSettings) -> "Tokenizer":
        """Learn pieces from `texts`; the same texts in the same order give the same pieces and scores.

        `settings.vocab_size` is an upper limit: texts too few to fill it give a smaller vocabulary.

        Args:
            texts: already normalised; empty ones are left out.
            settings: the language's `[tokenizer]` table.

        Raises:
            TokenizerError: there is no text, or more different characters than `vocab_size` has room for.
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
        if settings.model_type in {"char", "word"}:  # the others fail where a character finds no room
            tokenizer._tell_unknown(sentences)
        return tokenizer

    @classmethod
    def from_bytes(cls, model: bytes) -> "Tokenizer":
        """The tokenizer whose SentencePiece model is `model`.

        Raises:
            TokenizerError: the bytes are no such model, or one with other special ids.
        """
        import sentencepiece

        sentencepiece.set_min_log_level(_SILENT)
        processor = sentencepiece.SentencePieceProcessor()
        try:
            if not model:  # SentencePiece would take no bytes for no model and fail later
                raise ValueError("it is empty")
            processor.LoadFromSerializedProto(model)
        except (RuntimeError, ValueError, OSError) as error:
            message = f"these {len(model)} bytes are no SentencePiece model ({error})"
            raise TokenizerError(f"{message}; take a whole copy of the file") from error
        found = [processor.pad_id(), processor.unk_id(), processor.bos_id(), processor.eos_id()]
        if found != [PAD, UNK, BOS, EOS] or processor.get_piece_size() <= _SPECIALS:
            message = f"a SentencePiece model with pad, unk, bos, eos = {found}; expected {[PAD, UNK, BOS, EOS]}"
            raise TokenizerError(f"{message} and pieces beside them: train it with polycap")
        return cls(processor, bytes(model))

    @classmethod
    def load(cls, source: bytes | Path) -> "Tokenizer":
        """The tokenizer in a file, or in the bytes of one.

        Raises:
            TokenizerError: the file can't be read, or holds no such model.
        """
        if isinstance(source, bytes):
            return cls.from_bytes(source)
        try:
            return cls.from_bytes(source.read_bytes())
        except OSError as error:
            raise TokenizerError(f"{source}: can't be read ({error.strerror})") from error
        except TokenizerError as error:
            raise TokenizerError(f"{source}: {error}") from error

    def _tell_unknown(self, sentences: Sequence[str]) -> None:
        """Say how much of the text a vocabulary has no tokens for."""
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
        """The number of ids, the four special ones included."""
        return int(self._processor.get_piece_size())

    @property
    def pieces(self) -> tuple[str, ...]:
        """Every piece, in the order of its id."""
        return tuple(self._processor.id_to_piece(list(range(self.vocab_size))))

    @cached_property
    def identity(self) -> str:
        """A hash of pieces and scores. The model file itself differs with thread count and paths."""
        scores = self._processor.get_score(list(range(self.vocab_size)))
        return digest([[piece, float(score).hex()] for piece, score in zip(self.pieces, scores, strict=True)])

    def encode(self, text: str) -> list[int]:
        """The token ids of a normalised text, without begin and end."""
        return list(self._processor.encode(text, out_type=int))

    def encode_batch(self, texts: Sequence[str]) -> list[list[int]]:
        """The token ids of each text, without begin and end."""
        return [list(ids) for ids in self._processor.encode(list(texts), out_type=int, num_threads=1)]

    def decode(self, token_ids: Iterable[int]) -> str:
        """The text of `token_ids`; padding, unknown, begin and end are left out.

        Raises:
            TokenizerError: an id that this vocabulary does not have.
        """
        ids = [int(token_id) for token_id in token_ids]
        size = self.vocab_size
        outside = [token_id for token_id in ids if not 0 <= token_id < size]
        if outside:
            raise TokenizerError(f"token id {outside[0]} is outside this tokenizer's 0 to {size - 1}")
        return str(self._processor.decode([token_id for token_id in ids if token_id >= _SPECIALS]))


def _trainer_options(settings: TokenizerSettings) -> dict[str, Any]:
    """What SentencePiece is told; whatever is not the folder's to choose is fixed here."""
    return {
        "model_type": settings.model_type,
        "vocab_size": settings.vocab_size,
        "character_coverage": settings.character_coverage,
        "normalization_rule_name": "identity",
        "add_dummy_prefix": True,
        "byte_fallback": False,
        "hard_vocab_limit": False,  # a small corpus has fewer pieces than were asked for
        "pad_id": PAD,
        "unk_id": UNK,
        "bos_id": BOS,
        "eos_id": EOS,
        "num_threads": 1,  # more threads sum in another order: other scores
        "input_sentence_size": 0,  # every sentence, no sample
        "max_sentence_length": 1 << 20,  # bytes; longer ones would be left out without a word
        "minloglevel": _SILENT,
    }


def _training_message(sentences: list[str], settings: TokenizerSettings, error: Exception) -> str:
    """Why SentencePiece could not be trained, with the numbers that decide it."""
    characters = len(set("".join(sentences)))
    reason = reason_of(error)
    return (
        f"can't train a {settings.model_type} tokenizer with vocab_size {settings.vocab_size} "
        f"on {len(sentences)} sentences with {characters} different characters: {reason}; "
        f"vocab_size must be at least {characters + _SPECIALS}"
    )
