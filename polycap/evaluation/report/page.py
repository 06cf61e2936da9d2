"""HTML report in one file, without external resources."""

import base64
import io
from dataclasses import dataclass
from math import isqrt
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from polycap.captioning.attention import AttentionMap
from polycap.errors import PhotoError
from polycap.evaluation.compare import Comparison
from polycap.evaluation.examples import Examples, ShownExample
from polycap.evaluation.report import notes
from polycap.evaluation.report.view import group_by_references, percent, view_concordance
from polycap.language import Language
from polycap.metrics import METRICS
from polycap.pages.template import write_template
from polycap.photos.thumbnail import Thumbnail, thumbnail

__all__ = ["write_comparison_page"]

MAX_OPACITY = 0.8
"""Opacity of the overlay on a cell without attention, 0 to 1."""


@dataclass(frozen=True)
class _Tile:
    """Token and its attention overlay (PNG data URI), transparent where the attention is high."""

    token: str
    overlay: str


@dataclass(frozen=True)
class _Shown:
    """Example, as the template reads it; `photo` is None if it can't be read."""

    number: str
    name: str
    photo: Thumbnail | None
    caption: str
    references: list[str]
    score: str
    tiles: list[_Tile]


@dataclass(frozen=True)
class _Section:
    """Examples of a language, as the template reads them; `ends` has the titles and examples of best and worst."""

    language: Language
    facts: dict[str, str]
    metric: str
    ends: list[tuple[str, list[_Shown]]]
    attends: bool
    attention_fault: str


def write_comparison_page(path: Path, comparison: Comparison) -> None:
    """Write the page to `path`, atomically.

    Raises:
        PolycapError: `path` can't be written.
    """
    groups = group_by_references(comparison)
    views = [view for _, members in groups for view in members]
    sections = [_section(view.language, view.facts, comparison.examples[view.language.code]) for view in views]
    write_template(
        path,
        "comparison.html",
        comparison=comparison,
        groups=groups,
        views=views,
        sections=sections,
        concordance=view_concordance(comparison),
        percent=percent,
        metrics=METRICS.values(),
        notes=notes,
    )


def _section(language: Language, facts: dict[str, str], examples: Examples) -> _Section:
    """Return the section of a language."""
    worst = "Worst"
    if 0 < len(examples.worst) < examples.lowest:
        worst = f"Worst: {len(examples.worst)} of the {examples.lowest} that score {examples.worst[0].score:.1f}"
    ends = [("Best", examples.best), (worst, examples.worst)]
    shown = [
        (title, [_show(f"{language.code}-{title[:1]}{index}", example) for index, example in enumerate(members)])
        for title, members in ends
        if members
    ]
    attends = any(example.attention_maps for _, members in ends for example in members)
    return _Section(language, facts, examples.metric, shown, attends, examples.attention_fault)


def _show(number: str, example: ShownExample) -> _Shown:
    """Return an example for the template; `number` is its id in the page."""
    try:
        photo = thumbnail(example.photo.name, example.photo.path)
    except PhotoError:
        photo = None
    tiles = [
        _Tile(attention_map.token.strip() or "␣", overlay)
        for attention_map in example.attention_maps
        if photo and (overlay := _overlay(attention_map))
    ]
    name, score = example.photo.name, f"{example.score:.1f}"
    return _Shown(number, name, photo, example.caption, example.references, score, tiles)


def _overlay(attention_map: AttentionMap) -> str:
    """Return a black PNG, more transparent where the attention is higher; empty if the cells form no square."""
    weights = attention_map.weights
    side = isqrt(len(weights))
    if side * side != len(weights):
        return ""
    pixels: NDArray[np.uint8] = np.zeros((side, side, 2), dtype=np.uint8)
    light = np.sqrt(weights / weights.max())  # perceived brightness is not proportional to light
    pixels[..., 1] = np.round(255 * MAX_OPACITY * (1 - light)).reshape(side, side)
    buffer = io.BytesIO()
    Image.fromarray(pixels, "LA").save(buffer, "PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")
