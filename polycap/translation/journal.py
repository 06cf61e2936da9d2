"""What an engine has translated so far, on disk: append-only, and gone on with after `kill -9` at any point.

::

    FOLDER/manifest.json   the engine's identity, how many captions, their hash, captions per line
    FOLDER/journal.jsonl   a line for each chunk of the sorted captions: [[text, score, unknown], …]
    FOLDER/.lock           keeps other processes out

A chunk is translated as a whole or again as a whole, so that an engine sees the same batches whether it was stopped or
not. A last line that was cut short is dropped.
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
from polycap.files import make_folder, read_json, write_json
from polycap.files.locks import exclusive
from polycap.translation.engine import Translation

__all__ = ["CAPTIONS_PER_CHUNK", "Journal"]

logger = logging.getLogger(__name__)

CAPTIONS_PER_CHUNK = 1024
"""Captions that are translated and written at once: 2 seconds of work of a fast engine, 20 of a slow one."""


class Journal:
    """The translations of sorted captions by one engine. Use it in a `with`: it keeps other processes out.

    Attributes:
        folder: where it lies.
        done: captions that are translated.
    """

    def __init__(self, folder: Path, identity: str, texts: Sequence[str], chunk: int = CAPTIONS_PER_CHUNK) -> None:
        """Open it, or begin it.

        Args:
            folder: it is made if need be.
            identity: the engine's.
            texts: what is to be translated, sorted, each once.
            chunk: captions per line of a journal that is begun now.

        Raises:
            TranslationError: the journal there is of another engine or other captions, or another process writes it.
        """
        self.folder, self._texts = folder, texts
        taken = TranslationError(f"{folder}: another translation is running here; wait for it, or end it")
        with ExitStack() as stack:
            stack.enter_context(exclusive(make_folder(folder) / ".lock", taken))
            self._file = stack.enter_context((folder / "journal.jsonl").open("a+b"))
            self._chunk = self._claim(identity, chunk)
            self._check()
            self._held = stack.pop_all()

    def __enter__(self) -> "Journal":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._held.close()

    def missing(self) -> Iterator[Sequence[str]]:
        """The chunks that are left; each must be appended before the next is asked for."""
        while self.done < len(self._texts):
            yield self._texts[self.done : self.done + self._chunk]

    def append(self, translations: Sequence[Translation]) -> None:
        """Write the translations of the next chunk; they are on disk when this returns."""
        row = [[_one_line(t.text), _finite(t.score), t.unknown] for t in translations]
        self._file.write(json.dumps(row, ensure_ascii=False, separators=(",", ":")).encode() + b"\n")
        self._file.flush()
        os.fsync(self._file.fileno())
        self.done += len(translations)

    def translations(self) -> Iterator[Translation]:
        """All that are done, in the order of the captions; one chunk at a time is in memory."""
        self._file.seek(0)
        for line in self._file:
            yield from (Translation(*values) for values in json.loads(line))

    def _claim(self, identity: str, chunk: int) -> int:
        """Write the manifest, or check that the one there is of the same work; returns its captions per line."""
        path = self.folder / "manifest.json"
        captions = hashlib.sha256("\n".join(self._texts).encode("utf-8", "surrogatepass")).hexdigest()
        work = {"schema": 1, "engine": identity, "captions": len(self._texts), "sha256": captions}
        if not path.is_file():
            self._file.truncate(0)  # without a manifest nothing says of what it is
            write_json(path, {**work, "chunk": chunk})
            return chunk
        found = read_json(path, TranslationError)
        for key, value in work.items():
            if found.get(key) != value:
                raise TranslationError(
                    f"{path}:{key}: this translation was begun with {found.get(key)}, not {value}; go on as it was "
                    f"begun, choose another `out`, or delete {self.folder} to begin anew"
                )
        kept = found.get("chunk")
        if type(kept) is not int or kept < 1:
            raise TranslationError(f"{path}:chunk: {kept!r}; expected a number above 0: delete {self.folder}")
        return kept

    def _check(self) -> None:
        """Count what is there, and cut off what is not whole."""
        self.done = end = 0
        self._file.seek(0)
        for line in self._file:
            expected = min(self._chunk, len(self._texts) - self.done)
            if not expected or not _is_chunk(line, expected):
                break
            self.done += expected
            end += len(line)
        size = self._file.seek(0, os.SEEK_END)
        if size > end:
            logger.info("%s: the last %d bytes are not whole, and are translated again", self.folder, size - end)
            self._file.truncate(end)


def _is_chunk(line: bytes, expected: int) -> bool:
    if not line.endswith(b"\n"):
        return False
    try:
        rows = json.loads(line)
    except (ValueError, RecursionError):
        return False
    return isinstance(rows, list) and len(rows) == expected and all(_is_translation(row) for row in rows)


def _is_translation(row: Any) -> bool:
    return (
        isinstance(row, list)
        and len(row) == 3
        and isinstance(row[0], str)
        and isinstance(row[1], float | int | None)
        and isinstance(row[2], int)
    )


def _one_line(text: str) -> str:
    """A caption is one line, and what UTF-8 can't write is no text."""
    return " ".join(text.encode("utf-8", "replace").decode().split())


def _finite(score: float | None) -> float | None:
    return round(float(score), 6) if score is not None and math.isfinite(score) else None
