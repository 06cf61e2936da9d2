"""What any scene needs: the renderer, a sky, a camera, materials. Lengths are metres, colours linear RGB."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import bmesh
import bpy
from mathutils import Vector

__all__ = ["RGB", "Point", "empty_stage", "ground", "link", "look", "matte", "render", "sky"]

RGB = tuple[float, float, float]
Point = tuple[float, float, float]


def empty_stage(width: int, height: int, samples: int) -> None:
    """Nothing but Cycles' settings; the seed is fixed, so that a machine renders the same picture again."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    scene = bpy.context.scene
    scene.render.engine = "CYCLES"
    scene.cycles.device, scene.cycles.samples = "CPU", samples
    scene.cycles.use_denoising, scene.cycles.seed = True, 1
    scene.render.resolution_x, scene.render.resolution_y = width, height
    scene.view_settings.view_transform = "AgX"
    scene.view_settings.look = "AgX - Medium High Contrast"
    scene.render.image_settings.file_format = "JPEG"
    scene.render.image_settings.quality = 88


def link(name: str, mesh: Any) -> Any:
    """The mesh as an object of the scene."""
    thing = bpy.data.objects.new(name, mesh)
    bpy.context.collection.objects.link(thing)
    return thing


def matte(
    color: RGB, roughness: float = 0.8, grain: float = 0, spread: float = 0, bump: float = 0, **more: float
) -> Any:
    """A material of one colour; `grain` is the scale of a noise that varies it by `spread` and its relief by `bump`.

    `more`: inputs of Blender's principled shader, `_` for their spaces.
    """
    made = bpy.data.materials.new("matte")
    tree = made.node_tree
    shader = tree.nodes["Principled BSDF"]
    for name, value in {"Base_Color": (*color, 1), "Roughness": roughness, **more}.items():
        shader.inputs[name.replace("_", " ")].default_value = value
    if not grain:
        return made
    noise, place = tree.nodes.new("ShaderNodeTexNoise"), tree.nodes.new("ShaderNodeTexCoord")
    noise.inputs["Scale"].default_value, noise.inputs["Detail"].default_value = grain, 8
    tree.links.new(place.outputs["Object"], noise.inputs["Vector"])
    mix = tree.nodes.new("ShaderNodeMix")
    mix.data_type = "RGBA"
    mix.inputs["A"].default_value = (*(v * (1 - spread) for v in color), 1)
    mix.inputs["B"].default_value = (*(min(1, v * (1 + spread)) for v in color), 1)
    relief = tree.nodes.new("ShaderNodeBump")
    relief.inputs["Strength"].default_value, relief.inputs["Distance"].default_value = bump, 0.05
    tree.links.new(noise.outputs["Fac"], mix.inputs["Factor"])
    tree.links.new(mix.outputs["Result"], shader.inputs["Base Color"])
    tree.links.new(noise.outputs["Fac"], relief.inputs["Height"])
    tree.links.new(relief.outputs["Normal"], shader.inputs["Normal"])
    return made


def ground(
    size: float, cells: int, height: Callable[[float, float], float], material: Any, y: float = 0, name: str = "ground"
) -> Any:
    """A square of land, `2 · size` wide about `(0, y)`, as high as `height(x, y)`."""
    land = bmesh.new()
    bmesh.ops.create_grid(land, x_segments=cells, y_segments=cells, size=size)
    for vertex in land.verts:
        vertex.co.y += y
        vertex.co.z = height(vertex.co.x, vertex.co.y)
    mesh = bpy.data.meshes.new(name)
    land.to_mesh(mesh)
    for face in mesh.polygons:
        face.use_smooth = True
    mesh.materials.append(material)
    return link(name, mesh)


def sky(elevation: float, rotation: float, strength: float, aerosols: float) -> None:
    """A clear sky and its sun; degrees."""
    bpy.context.scene.world = world = bpy.data.worlds.new("world")
    tree = world.node_tree
    air = tree.nodes.new("ShaderNodeTexSky")
    air.sky_type = "MULTIPLE_SCATTERING"
    air.sun_elevation, air.sun_rotation = math.radians(elevation), math.radians(rotation)
    air.sun_size, air.aerosol_density = math.radians(0.6), aerosols
    tree.nodes["Background"].inputs["Strength"].default_value = strength
    tree.links.new(air.outputs["Color"], tree.nodes["Background"].inputs["Color"])


def look(place: Point, at: Point, lens: float, f_stop: float, exposure: float) -> None:
    """The camera: a lens of so many millimetres, sharp at `at`."""
    camera = bpy.data.cameras.new("camera")
    seen = Vector(at) - Vector(place)
    holder = link("camera", camera)
    holder.location, holder.rotation_euler = place, seen.to_track_quat("-Z", "Y").to_euler()
    camera.lens, camera.clip_end = lens, 5000
    camera.dof.use_dof, camera.dof.focus_distance, camera.dof.aperture_fstop = True, seen.length, f_stop
    bpy.context.scene.camera = holder
    bpy.context.scene.view_settings.exposure = exposure


def render(picture: Path) -> None:
    """Write the scene as a JPEG."""
    bpy.context.scene.render.filepath = str(picture.resolve())
    bpy.ops.render.render(write_still=True)
