"""Helpers of the tests in tests/translation."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from polycap.dataset import Dataset, Photo, ReferenceCaption
from polycap.errors import TranslationError
from polycap.language import Language
from polycap.translation.engine import Translation
from polycap.translation.translate import TranslationReport, translate_captions


def make_dataset(texts: list[list[str]]) -> Dataset:
    photos = tuple(
        Photo(
            f"p{n:03d}.jpg",
            Path(f"p{n:03d}.jpg"),
            "train",
            tuple(ReferenceCaption(i, t) for i, t in enumerate(captions)),
        )
        for n, captions in enumerate(texts)
    )
    return Dataset("made up", Path(), photos, (), "none")


SMALL = make_dataset([["a dog runs", "two cats sleep"], ["a dog runs", "a\nbird  flies away"], ["the sea"]])


class Fake:
    """An engine that writes words backwards, and fails on purpose where a caption asks for it."""

    identity = "fake/en_xx@1.0"

    def __init__(self, fails_after: int = 10**9) -> None:
        self.asked: list[list[str]] = []
        self._fails_after = fails_after

    def translate(self, texts: Sequence[str]) -> list[Translation]:
        if len(self.asked) >= self._fails_after:
            raise TranslationError("the engine broke")
        self.asked.append(list(texts))
        return [Translation(" ".join(w[::-1] for w in text.split()), -len(text) / 100) for text in texts]


class Book:
    """An engine that looks translations up."""

    identity = "book/1"

    def __init__(self, answers: dict[str, Translation]) -> None:
        self._answers = answers

    def translate(self, texts: Sequence[str]) -> list[Translation]:
        return [self._answers[text] for text in texts]


def rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def translate(language: Language, out: Path, translator: Any = None, dataset: Dataset = SMALL) -> TranslationReport:
    return translate_captions(dataset, language, translator or Fake(), out, chunk=2)
