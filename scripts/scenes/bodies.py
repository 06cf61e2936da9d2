"""Bodies and what grows on them: limbs fused into one skin, fur and grass as Blender's hair."""

from collections.abc import Sequence
from typing import Any

import bmesh
import bpy
from mathutils import Matrix, Vector

from scenes.stage import RGB, Point, link

__all__ = ["Limb", "blades", "body", "grow", "settle"]

Radius = float | tuple[float, float, float]
Limb = Sequence[tuple[Point, Radius]]
"""Balls (or ellipsoids) along a line; each and the next are wrapped in their convex hull."""


def body(limbs: Sequence[Limb], material: Any, voxel: float = 0.012, smooth: int = 8) -> Any:
    """Limbs as one object, fused by a voxel remesh and smoothed."""
    whole = bmesh.new()
    for limb in limbs:
        for ends in zip(limb, limb[1:] or limb, strict=False):
            mesh = _hull(ends)
            whole.from_mesh(mesh)
            bpy.data.meshes.remove(mesh)
    mesh = bpy.data.meshes.new("body")
    whole.to_mesh(mesh)
    mesh.materials.append(material)
    thing = link("body", mesh)
    fused = thing.modifiers.new("fused", "REMESH")
    fused.mode, fused.voxel_size, fused.use_smooth_shade = "VOXEL", voxel, True
    smoothed = thing.modifiers.new("smoothed", "SMOOTH")
    smoothed.iterations, smoothed.factor = smooth, 0.5
    return thing


def _hull(ends: Sequence[tuple[Point, Radius]]) -> Any:
    part = bmesh.new()
    for place, radius in ends:
        radii = radius if isinstance(radius, tuple) else (radius,) * 3
        shape = Matrix.Translation(Vector(place)) @ Matrix.Diagonal((*radii, 1))
        bmesh.ops.create_icosphere(part, subdivisions=3, radius=1, matrix=shape)
    hull = bmesh.ops.convex_hull(part, input=part.verts)
    bmesh.ops.delete(part, geom=list({*hull["geom_interior"], *hull["geom_unused"]}), context="VERTS")
    mesh = bpy.data.meshes.new("part")
    part.to_mesh(mesh)
    return mesh


def settle(thing: Any) -> None:
    """Make the object's modifiers its mesh, so that hair grows on what is seen."""
    bpy.context.view_layer.objects.active = thing
    for modifier in list(thing.modifiers):
        bpy.ops.object.modifier_apply(modifier=modifier.name)


def blades(root: RGB, tip: RGB) -> Any:
    """A material for hair or grass that goes from one colour to the other, each hair a little apart."""
    made = bpy.data.materials.new("blades")
    tree = made.node_tree
    hair, ramp = tree.nodes.new("ShaderNodeHairInfo"), tree.nodes.new("ShaderNodeValToRGB")
    ramp.color_ramp.elements[0].color, ramp.color_ramp.elements[1].color = (*root, 1), (*tip, 1)
    apart, total = tree.nodes.new("ShaderNodeMath"), tree.nodes.new("ShaderNodeMath")
    apart.operation, total.operation = "MULTIPLY_ADD", "ADD"
    apart.inputs[1].default_value, apart.inputs[2].default_value = 0.6, -0.3
    shader = tree.nodes["Principled BSDF"]
    shader.inputs["Roughness"].default_value = 0.6
    tree.links.new(hair.outputs["Random"], apart.inputs[0])
    tree.links.new(hair.outputs["Intercept"], total.inputs[0])
    tree.links.new(apart.outputs[0], total.inputs[1])
    tree.links.new(total.outputs[0], ramp.inputs["Fac"])
    tree.links.new(ramp.outputs["Color"], shader.inputs["Base Color"])
    return made


def grow(
    thing: Any,
    material: Any,
    count: int,
    length: float,
    root: float,
    tip: float,
    tangle: float,
    children: int = 0,
    comb: tuple[float, Point] | None = None,
) -> Any:
    """Hair of a material on an object: so many, so long, so thick; `comb`: how far outwards, and which way."""
    thing.data.materials.append(material)
    thing.modifiers.new("hair", "PARTICLE_SYSTEM")
    hair = thing.particle_systems[-1]
    hair.seed = 2
    made = hair.settings
    made.type, made.count, made.hair_length, made.hair_step = "HAIR", count, length, 4
    made.material, made.use_advanced_hair = len(thing.data.materials), True
    made.length_random, made.factor_random, made.brownian_factor = 0.5, 0.2 * length, tangle
    made.effector_weights.gravity = 0
    made.radius_scale, made.root_radius, made.tip_radius = 1, root, tip
    if children:
        made.child_type, made.child_percent, made.rendered_child_count = "INTERPOLATED", children, children
        made.clump_factor, made.roughness_1, made.roughness_endpoint = 0.3, 0.002, 0.002
    if comb:
        made.normal_factor, made.object_align_factor = comb
    return hair
