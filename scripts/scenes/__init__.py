"""The scenes of polycap's own sample pictures, for Blender as a Python module (`pip install bpy`, Python 3.11).

    PYTHONPATH=scripts python -m scenes dog polycap/photos/pictures/dog.jpg

Everything is made here: shapes, colours and light; nothing is taken from a library of models or textures.
"""
