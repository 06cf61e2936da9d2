"""Journal of a translation on disk: append-only, resumable after `kill -9` at any point.

::

    FOLDER/manifest.json   identity of the engine, number and hash of the captions, captions per line
    FOLDER/journal.jsonl   a line per chunk of the sorted captions: [[text, score, unknown, unknown words], …]
    FOLDER/.lock           lock against other processes

A chunk is always translated as a whole, so that an interrupted engine gets the same batches. An incomplete last line is
dropped.
"""

import hashlib
import json
import logging
import math
import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any

from polycap.errors import TranslationError
from polycap.files import make_folder, parse_json, read_json, write_json
from polycap.files.locks import exclusive
from polycap.translation.engine import Translation

__all__ = ["CAPTIONS_PER_CHUNK", "Journal"]

logger = logging.getLogger(__name__)

CAPTIONS_PER_CHUNK = 1024
"""Captions that are translated and written at once: 2 seconds for a fast engine, 20 for a slow one."""


class Journal:
    """Translations of sorted captions by one engine. A context manager: it holds a lock against other processes.

    Attributes:
        folder: folder of the journal.
        done: number of translated captions.
    """

    def __init__(self, folder: Path, identity: str, texts: Sequence[str], chunk: int = CAPTIONS_PER_CHUNK) -> None:
        """Open a journal, or create it.

        Args:
            folder: folder of the journal.
            identity: identity of the engine.
            texts: different captions, sorted.
            chunk: captions per line of a new journal. (default: 1024)

        Raises:
            TranslationError: the journal is of another engine or other captions, or another process writes it.
        """
        self.folder, self._texts = folder, texts
        taken = TranslationError(f"{folder}: another translation is running here; wait for it, or end it")
        with ExitStack() as stack:
            stack.enter_context(exclusive(make_folder(folder) / ".lock", taken))
            self._file = stack.enter_context((folder / "journal.jsonl").open("a+b"))
            self._chunk = self._start_or_check(identity, chunk)
            self._drop_incomplete()
            self._held = stack.pop_all()

    def __enter__(self) -> "Journal":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._held.close()

    def missing(self) -> Iterator[Sequence[str]]:
        """Yield the chunks without translations; append each before requesting the next."""
        while self.done < len(self._texts):
            yield self._texts[self.done : self.done + self._chunk]

    def append(self, translations: Sequence[Translation]) -> None:
        """Write the translations of the next chunk, and flush them to disk."""
        row = [
            [_clean_line(item.text), _finite(item.score), item.unknown, *([item.unknown_words] if item.unknown else [])]
            for item in translations
        ]
        self._file.write(json.dumps(row, ensure_ascii=False, separators=(",", ":")).encode() + b"\n")
        self._file.flush()
        os.fsync(self._file.fileno())
        self.done += len(translations)

    def translations(self) -> Iterator[Translation]:
        """Yield all translations, in the order of the captions; one chunk at a time is in memory."""
        self._file.seek(0)
        for line in self._file:
            for text, score, unknown, *words in parse_json(line):
                yield Translation(text, score, unknown, *map(tuple, words))

    def _start_or_check(self, identity: str, chunk: int) -> int:
        """Write the manifest, or check that the existing one is of the same captions; return its captions per line."""
        path = self.folder / "manifest.json"
        captions = hashlib.sha256("\n".join(self._texts).encode("utf-8", "surrogatepass")).hexdigest()
        work = {"schema": 1, "engine": identity, "captions": len(self._texts), "sha256": captions}
        if not path.is_file():
            self._file.truncate(0)  # a journal without a manifest is of unknown captions
            write_json(path, {**work, "chunk": chunk})
            return chunk
        manifest = read_json(path, TranslationError)
        for key, value in work.items():
            if manifest.get(key) != value:
                raise TranslationError(
                    f"{path}:{key}: this translation was started with {manifest.get(key)}, not {value}; continue as "
                    f"it was started, choose another `out`, or delete {self.folder} to start again"
                )
        size = manifest.get("chunk")
        if type(size) is not int or size < 1:
            raise TranslationError(f"{path}:chunk: {size!r}; expected a number above 0: delete {self.folder}")
        return size

    def _drop_incomplete(self) -> None:
        """Count the translated captions, and cut off an incomplete end."""
        self.done = end = 0
        self._file.seek(0)
        for line in self._file:
            expected = min(self._chunk, len(self._texts) - self.done)
            if not expected or not _is_chunk(line, expected):
                break
            self.done += expected
            end += len(line)
        length = self._file.seek(0, os.SEEK_END)
        if length > end:
            logger.info("%s: the last %d bytes are incomplete, and are translated again", self.folder, length - end)
            self._file.truncate(end)


def _is_chunk(line: bytes, expected: int) -> bool:
    if not line.endswith(b"\n"):
        return False
    try:
        rows = parse_json(line)
    except ValueError:
        return False
    return isinstance(rows, list) and len(rows) == expected and all(_is_translation(row) for row in rows)


def _is_translation(row: Any) -> bool:
    if not isinstance(row, list) or len(row) not in (3, 4):  # without unknown words
        return False
    words = row[3] if len(row) == 4 else []
    return (
        isinstance(row[0], str)
        and isinstance(row[1], float | int | None)
        and isinstance(row[2], int)
        and isinstance(words, list)
        and all(isinstance(word, str) for word in words)
    )


def _clean_line(text: str) -> str:
    """Return a text on one line, with surrogates replaced, which UTF-8 can't encode."""
    return " ".join(text.encode("utf-8", "replace").decode().split())


def _finite(score: float | None) -> float | None:
    return round(float(score), 6) if score is not None and math.isfinite(score) else None
