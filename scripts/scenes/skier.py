"""A skier in a red jacket comes down a snowy slope under a mountain."""

import random
from typing import Any

import bmesh
import bpy
from mathutils import Matrix, Vector, noise

from scenes.bodies import body
from scenes.stage import Point, ground, link, look, matte, sky

__all__ = ["build"]


def build() -> None:
    """Put the scene on an empty stage."""
    random.seed(3)
    ground(60, 400, slope, matte((0.85, 0.88, 0.93), 0.6, grain=2.5, spread=0.03, bump=0.35))
    ground(600, 500, _mountain, _rock_and_snow(), y=650)
    _skier()
    _powder()
    sky(elevation=28, rotation=200, strength=0.11, aerosols=0.5)
    look((-3.6, -4.6, slope(-3.6, -4.6) + 0.75), (0, 0, slope(0, 0) + 0.88), lens=44, f_stop=4, exposure=-0.4)


def slope(x: float, y: float) -> float:
    """How high the snow lies."""
    return float(0.35 * noise.fractal(Vector((x * 0.08, y * 0.08, 0.3)), 1.0, 2.0, 5) + 0.144 * x + 0.02 * y)


def _mountain(x: float, y: float) -> float:
    ridges = noise.ridged_multi_fractal(Vector((x * 0.0035, y * 0.0035, 1.7)), 1.0, 2.1, 8, 1.0, 2.0)
    return float(-60 + 330 * max(0, y - 250) / 400 * (0.35 + 0.4 * abs(ridges)))


def _rock_and_snow() -> Any:
    """Snow where it is flat, rock where it is steep."""
    made = matte((0.5, 0.5, 0.5), 0.9)
    tree = made.node_tree
    nodes = [tree.nodes.new(f"ShaderNode{kind}") for kind in ("NewGeometry", "SeparateXYZ", "TexCoord", "TexNoise")]
    shape, axes, place, grain = nodes
    grain.inputs["Scale"].default_value, grain.inputs["Detail"].default_value = 0.03, 10
    total, ramp = tree.nodes.new("ShaderNodeMath"), tree.nodes.new("ShaderNodeValToRGB")
    rock, snow = ramp.color_ramp.elements
    rock.position, rock.color = 0.99, (0.09, 0.09, 0.10, 1)
    snow.position, snow.color = 1.0, (0.8, 0.84, 0.9, 1)
    tree.links.new(shape.outputs["Normal"], axes.inputs[0])
    tree.links.new(place.outputs["Object"], grain.inputs["Vector"])
    tree.links.new(axes.outputs["Z"], total.inputs[0])
    tree.links.new(grain.outputs["Fac"], total.inputs[1])
    tree.links.new(total.outputs[0], ramp.inputs["Fac"])
    tree.links.new(ramp.outputs["Color"], tree.nodes["Principled BSDF"].inputs["Base Color"])
    return made


def _at(x: float, y: float, z: float) -> Point:
    """A place above where the skier stands."""
    return x, y, z + slope(0, 0) + 0.03


ANKLES = _at(-0.02, -0.18, 0.12), _at(0.04, 0.18, 0.14)
KNEES = _at(-0.20, -0.17, 0.47), _at(-0.17, 0.16, 0.50)
HANDS = _at(-0.62, -0.42, 1.12), _at(-0.60, 0.44, 1.10)
ELBOWS = _at(-0.38, -0.40, 1.10), _at(-0.36, 0.42, 1.12)
SIDES = (-1, 1)


def _skier() -> None:
    """Comes down towards -x, knees bent; y is from the right hand to the left."""
    dark = matte((0.02, 0.02, 0.025), 0.2)
    _trousers_and_jacket()
    boots = [[(ankle, 0.09), ((ankle[0], ankle[1], _at(0, 0, 0.06)[2]), (0.15, 0.07, 0.06))] for ankle in ANKLES]
    body(boots, dark)
    body([[(hand, 0.065), ((hand[0] - 0.06, *hand[1:]), 0.06)] for hand in HANDS], dark)
    face = [(_at(-0.28, 0, 1.42), 0.06), (_at(-0.33, 0, 1.50), (0.10, 0.085, 0.115))]
    body([face], matte((0.6, 0.36, 0.26), 0.5))
    body([[(_at(-0.30, 0, 1.55), (0.135, 0.115, 0.12))]], dark)
    body([[(_at(-0.405, 0, 1.53), (0.04, 0.08, 0.04))]], matte((0.9, 0.35, 0.03), 0.1, Metallic=0.8))
    for side, hand in zip(SIDES, HANDS, strict=True):
        _ski(0.18 * side)
        _pole(hand, 0.64 * side)


def _trousers_and_jacket() -> None:
    seat, chest = (_at(0.03, 0, 0.84), (0.15, 0.18, 0.12)), _at(-0.18, 0, 1.22)
    legs = [
        [seat, (_at(0.02, 0.12 * side, 0.78), 0.12), (knee, 0.095), (ankle, 0.085)]
        for side, knee, ankle in zip(SIDES, KNEES, ANKLES, strict=True)
    ]
    body(legs, matte((0.015, 0.016, 0.02), 0.7))
    trunk = [
        (_at(0.02, 0, 0.82), (0.16, 0.20, 0.12)),
        (_at(-0.08, 0, 1.02), (0.15, 0.19, 0.12)),
        (chest, (0.16, 0.22, 0.16)),
        (_at(-0.24, 0, 1.36), (0.10, 0.12, 0.08)),
    ]
    arms = [
        [(chest, 0.15), (_at(-0.22, 0.20 * side, 1.33), 0.098), (elbow, 0.075), (hand, 0.06)]
        for side, elbow, hand in zip(SIDES, ELBOWS, HANDS, strict=True)
    ]
    body([trunk, *arms], matte((0.55, 0.02, 0.02), 0.6, grain=30, spread=0.1, bump=0.2))


def _ski(y: float) -> None:
    steps = (-1.1, -1.0, -0.9, -0.7, -0.3, 0.2, 0.75)
    line = [((x, y, slope(x, y) + 0.035 + 0.6 * max(0, -x - 0.85) ** 1.5), (0.05, 0.045, 0.012)) for x in steps]
    body([line], matte((0.75, 0.7, 0.05), 0.3), voxel=0.008, smooth=2)


def _pole(hand: Point, y: float) -> None:
    tip = Vector((0.30, y, slope(0.30, y) + 0.25))
    grip = Vector(hand) + (Vector(hand) - tip).normalized() * 0.06
    metal = matte((0.3, 0.3, 0.32), 0.3, Metallic=0.8)
    body([[(tuple(grip), 0.012), (tuple(tip), 0.009)]], metal, voxel=0.005, smooth=1)


def _powder() -> None:
    """Snow thrown up behind the skis."""
    cloud = bmesh.new()
    for _ in range(700):
        back = random.random() ** 0.7
        x = 0.1 + 1.1 * back + random.gauss(0, 0.08)
        y = random.choice((-0.18, 0.18)) + random.gauss(0, 0.10 + 0.18 * back)
        place = Matrix.Translation((x, y, slope(x, y) + abs(random.gauss(0, 0.10 + 0.14 * back))))
        bmesh.ops.create_icosphere(cloud, subdivisions=1, radius=random.uniform(0.006, 0.028), matrix=place)
    mesh = bpy.data.meshes.new("powder")
    cloud.to_mesh(mesh)
    mesh.materials.append(matte((0.95, 0.96, 1.0), 0.9))
    link("powder", mesh)
