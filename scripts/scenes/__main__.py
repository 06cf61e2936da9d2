"""`python -m scenes skier|dog FILE.jpg [--width 500] [--samples 48]`."""

import argparse
from pathlib import Path

import bpy  # noqa: F401  bmesh and mathutils can be imported only after it

from scenes import dog, skier
from scenes.stage import empty_stage, render


def main() -> None:
    """Build the scene named and render it."""
    parser = argparse.ArgumentParser(prog="scenes", description="Render one of polycap's sample pictures.")
    parser.add_argument("scene", choices=("skier", "dog"))
    parser.add_argument("picture", type=Path)
    parser.add_argument("--width", type=int, default=500, help="pixels; the height is three quarters of it")
    parser.add_argument("--samples", type=int, default=48, help="light paths per pixel")
    options = parser.parse_args()
    empty_stage(options.width, options.width * 3 // 4, options.samples)
    {"skier": skier, "dog": dog}[options.scene].build()
    render(options.picture)


if __name__ == "__main__":
    main()
