"""Curves over the number of photos, drawn with Pillow, a dependency of polycap."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

__all__ = ["Panel", "draw_panels"]

SCALE = 2  # drawn larger, then made smaller: Pillow's lines have no smooth edges
WIDTH, HEIGHT = 520, 380
LEFT, RIGHT, TOP, BOTTOM = 70, 30, 45, 55
INK, PALE, PAPER = "#333333", "#dddddd", "white"
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")  # Okabe and Ito: told apart by all

Points = Sequence[tuple[float, float]]


@dataclass(frozen=True)
class Panel:
    """One diagram.

    Attributes:
        title: quantity of the y axis, with the unit.
        curves: points `(photos, y)` by the curve's name; both above 0.
        logarithmic: whether the y axis is logarithmic; else it begins with 0. The x axis is always logarithmic.
    """

    title: str
    curves: Mapping[str, Points]
    logarithmic: bool = False


def draw_panels(path: Path, panels: Sequence[Panel]) -> None:
    """Write the panels side by side, as a PNG; curves of one name have one colour."""
    names = list(dict.fromkeys(name for panel in panels for name in panel.curves))
    colours = {name: COLOURS[place % len(COLOURS)] for place, name in enumerate(names)}
    image = Image.new("RGB", (WIDTH * len(panels) * SCALE, (HEIGHT + 30) * SCALE), PAPER)
    pen = ImageDraw.Draw(image)
    for place, panel in enumerate(panels):
        _Diagram(pen, panel, place * WIDTH).draw(colours)
    for place, (name, colour) in enumerate(colours.items()):
        x, y = LEFT + 150 * place, HEIGHT + 10
        pen.line(_scaled((x, y), (x + 24, y)), fill=colour, width=3 * SCALE)
        _write(pen, (x + 32, y), name, "lm")
    image.resize((image.width // SCALE, image.height // SCALE), Image.Resampling.LANCZOS).save(path)


class _Diagram:
    def __init__(self, pen: ImageDraw.ImageDraw, panel: Panel, left: int) -> None:
        self._pen, self._panel, self._left = pen, panel, left
        points = [point for curve in panel.curves.values() for point in curve]
        self._sizes = sorted({x for x, _ in points})
        low, high = min(y for _, y in points), max(y for _, y in points)
        self._ticks = _decades(low, high) if panel.logarithmic else _steps(high)

    def draw(self, colours: Mapping[str, str]) -> None:
        bottom, top = self._ticks[0], self._ticks[-1]
        for x in self._sizes:
            self._pen.line(_scaled(self._place(x, bottom), self._place(x, top)), fill=PALE, width=SCALE)
            across, down = self._place(x, bottom)
            _write(self._pen, (across, down + 14), f"{x:,.0f}", "mm")
        for y in self._ticks:
            ends = self._place(self._sizes[0], y), self._place(self._sizes[-1], y)
            self._pen.line(_scaled(*ends), fill=PALE, width=SCALE)
            _write(self._pen, (ends[0][0] - 10, ends[0][1]), f"{y:,g}" if y < 1e6 else f"{y:.0e}", "rm")
        for name, curve in self._panel.curves.items():
            places = [self._place(*point) for point in sorted(curve)]
            self._pen.line(_scaled(*places), fill=colours[name], width=3 * SCALE, joint="curve")
            for x, y in places:
                self._pen.ellipse(_scaled((x - 4, y - 4), (x + 4, y + 4)), fill=colours[name])
        middle = self._left + (LEFT + WIDTH - RIGHT) / 2
        _write(self._pen, (middle, 20), self._panel.title, "mm", 16)
        _write(self._pen, (middle, HEIGHT - 14), "photos", "mm")

    def _place(self, x: float, y: float) -> tuple[float, float]:
        """Return the position of a point in the picture, before scaling."""
        across = _share(math.log(x), math.log(self._sizes[0]), math.log(self._sizes[-1]))
        low, high = self._ticks[0], self._ticks[-1]
        up = _share(math.log(y), math.log(low), math.log(high)) if self._panel.logarithmic else _share(y, low, high)
        width, height = WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM
        return self._left + LEFT + across * width, TOP + (1 - up) * height


def _share(value: float, low: float, high: float) -> float:
    return (value - low) / (high - low) if high > low else 0.5


def _decades(low: float, high: float) -> list[float]:
    first = math.floor(math.log10(low))
    return [10.0**power for power in range(first, max(first + 1, math.ceil(math.log10(high))) + 1)]


def _steps(high: float) -> list[float]:
    """Return about five round numbers from 0 to `high` or a little more."""
    rough = high / 5
    unit = 10.0 ** math.floor(math.log10(rough))
    step = next(unit * factor for factor in (1, 2, 5, 10) if unit * factor >= rough)
    return [step * count for count in range(math.ceil(high / step) + 1)]


def _scaled(*points: tuple[float, float]) -> list[tuple[float, float]]:
    return [(x * SCALE, y * SCALE) for x, y in points]


def _write(pen: ImageDraw.ImageDraw, place: tuple[float, float], text: str, anchor: str, size: int = 12) -> None:
    [scaled] = _scaled(place)
    pen.text(scaled, text, fill=INK, anchor=anchor, font=ImageFont.load_default(size * SCALE))
