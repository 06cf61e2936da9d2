"""A black dog runs over a meadow, trees behind."""

import math
import random
from typing import Any

from mathutils import Vector, noise

from scenes.bodies import Limb, blades, body, grow, settle
from scenes.stage import Point, ground, look, matte, sky

__all__ = ["build"]

HEAD = math.radians(30)
"""How far the head is turned to the camera."""
PAW = (0.055, 0.042, 0.03)


def build() -> None:
    """Put the scene on an empty stage."""
    random.seed(5)
    meadow = ground(7, 60, _meadow, matte((0.06, 0.08, 0.02), 0.95, grain=6, spread=0.3), y=2)
    grass = blades((0.035, 0.075, 0.012), (0.17, 0.26, 0.05))
    grow(meadow, grass, 150_000, length=0.13, root=0.0035, tip=0.0006, tangle=0.012)
    lawn = matte((0.10, 0.16, 0.035), 0.9, grain=1.5, spread=0.35)
    ground(70, 40, lambda _, y: 0.02 * max(0, y - 8) - 0.05, lawn, y=75)
    _trees()
    _dog()
    sky(elevation=42, rotation=215, strength=0.10, aerosols=1)
    look((-1.75, -2.35, 0.72), (-0.02, 0, 0.50), lens=50, f_stop=1.6, exposure=-0.1)


def _meadow(x: float, y: float) -> float:
    return float(0.10 * noise.noise(Vector((x * 0.15, y * 0.15, 0))))


def _trees() -> None:
    """A row of them, far and out of focus: leaves are balls in a ball's shell."""
    leaf = matte((0.03, 0.06, 0.018), grain=0.8, spread=0.7, bump=1)
    for i in range(40):
        x, y, r = i * 4 - 75 + random.uniform(-1, 1), 80 + random.uniform(-6, 10), random.uniform(3.5, 6.5)
        limbs: list[Limb] = [[((x, y, -1), 0.5), ((x, y, 4), 0.4)]]
        for _ in range(110):
            v = Vector([random.gauss(0, 1) for _ in range(3)]).normalized() * random.uniform(0.5, 1) * r
            limbs.append([((x + v.x, y + 0.6 * v.y, 3.2 + 0.7 * r + 0.9 * v.z), random.uniform(0.10, 0.22) * r)])
        body(limbs, leaf, voxel=0.35, smooth=0)


def _head(x: float, y: float, z: float) -> Point:
    """From the middle of the head, the way that it looks."""
    return x * math.cos(HEAD) - y * math.sin(HEAD) - 0.56, x * math.sin(HEAD) + y * math.cos(HEAD), z + 0.87


TRUNK = [
    ((-0.30, 0, 0.56), (0.15, 0.13, 0.17)),
    ((-0.12, 0, 0.535), (0.15, 0.135, 0.175)),
    ((0.12, 0, 0.55), (0.14, 0.115, 0.14)),
    ((0.34, 0, 0.56), (0.13, 0.12, 0.15)),
]
NECK = [((-0.34, 0, 0.62), 0.125), ((-0.47, 0, 0.76), 0.095), ((-0.52, 0, 0.83), 0.09)]
SKULL = [
    (_head(0.03, 0, 0.01), 0.10),
    (_head(-0.03, 0, 0.015), (0.10, 0.10, 0.095)),
    (_head(-0.10, 0, -0.02), 0.062),
    (_head(-0.19, 0, -0.04), (0.052, 0.05, 0.043)),
]
JAW = [(_head(-0.05, 0, -0.06), 0.045), (_head(-0.16, 0, -0.105), (0.035, 0.03, 0.018))]
TAIL = [((0.44, 0, 0.63), 0.05), ((0.58, 0.01, 0.74), 0.045), ((0.70, 0.03, 0.84), 0.04), ((0.78, 0.05, 0.93), 0.022)]
JOINTS = [
    (-1, 0.10, 0.06, [(-0.32, 0.50), (-0.37, 0.33), (-0.52, 0.22), (-0.60, 0.09), (-0.65, 0.06)]),
    (1, 0.10, 0.06, [(-0.30, 0.50), (-0.26, 0.32), (-0.27, 0.16), (-0.20, 0.05), (-0.24, 0.03)]),
    (-1, 0.125, 0.085, [(0.36, 0.52), (0.36, 0.36), (0.55, 0.25), (0.60, 0.10), (0.56, 0.04)]),
    (1, 0.125, 0.085, [(0.36, 0.52), (0.26, 0.36), (0.40, 0.22), (0.36, 0.06), (0.31, 0.03)]),
]
"""Of each leg: its side, its thickness at the top and in the middle, and `(x, z)` of its joints down to the paw."""
TONGUE = [
    (_head(-0.13, 0, -0.085), (0.03, 0.024, 0.010)),
    (_head(-0.205, 0, -0.105), (0.025, 0.026, 0.008)),
    (_head(-0.215, 0, -0.16), (0.010, 0.022, 0.025)),
]


def _dog() -> None:
    """At a run towards -x; y is from its left side to its right."""
    hide = matte((0.012, 0.011, 0.012))
    fur = blades((0.006, 0.006, 0.007), (0.035, 0.033, 0.034))
    legs: list[Limb] = [
        [((x, 0.10 * side, z), r) for (x, z), r in zip(joints, (top, middle, 0.043, 0.036, PAW), strict=True)]
        for side, top, middle, joints in JOINTS
    ]
    dog = body([TRUNK, NECK, SKULL, JAW, TAIL, *legs], hide, voxel=0.014, smooth=6)
    settle(dog)
    lengths = dog.vertex_groups.new(name="lengths")
    for vertex in dog.data.vertices:
        x, _, z = vertex.co
        short = (x < -0.50 and z > 0.68) or z < 0.38  # the head, and the legs
        lengths.add([vertex.index], 0.35 if short else 1.0, "REPLACE")
    coat = grow(dog, fur, 40_000, 0.03, 0.0013, 0.0003, 0.002, children=6, comb=(0.015, (0.013, 0, -0.007)))
    coat.vertex_group_length = lengths.name
    for side in (-1, 1):
        _ear(side, hide, fur)
        body([[(_head(-0.105, side * 0.045, 0.035), 0.017)]], matte((0.03, 0.012, 0.006), 0.05), voxel=0.004, smooth=1)
    body([[(_head(-0.245, 0, -0.028), (0.026, 0.032, 0.024))]], matte((0.012, 0.01, 0.01), 0.35), voxel=0.005, smooth=2)
    body([TONGUE], matte((0.62, 0.16, 0.18), 0.35), voxel=0.005, smooth=2)
    turns = [k * math.pi / 12 for k in range(25)]
    collar = [((0.09 * math.cos(t) - 0.46, 0.125 * math.sin(t), 0.74 - 0.06 * math.cos(t)), 0.018) for t in turns]
    body([collar], matte((0.5, 0.02, 0.03), 0.5), voxel=0.006, smooth=2)


def _ear(side: int, hide: Any, fur: Any) -> None:
    flap = [
        (_head(0.02, side * 0.085, 0.06), (0.035, 0.02, 0.03)),
        (_head(0.045, side * 0.125, -0.02), (0.045, 0.018, 0.05)),
        (_head(0.03, side * 0.125, -0.085), (0.03, 0.015, 0.035)),
    ]
    ear = body([flap], hide, voxel=0.008, smooth=4)
    settle(ear)
    grow(ear, fur, 1500, 0.02, 0.0012, 0.0003, 0.002, children=5, comb=(0.012, (0.006, 0, -0.014)))
