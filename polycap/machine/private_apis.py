"""Private parts of other libraries that polycap uses, for want of a public name that does the same.

Each stands behind one function here, which names the version that it was written for and does no harm where the part is
gone. A test names the part then, and another one finds private parts that are used elsewhere.
"""

import contextlib
from importlib import import_module

__all__ = ["pillow_webp_extension", "replace_keras_home"]


def replace_keras_home(old: str, new: str) -> None:
    """Replace the folder of Keras' downloads, which Keras reads from KERAS_HOME when it is imported, and never again.

    Written for Keras 3.15: `keras.src.backend.config._KERAS_DIR`, which has no public setter.
    """
    with contextlib.suppress(ImportError):
        config = import_module("keras.src.backend.config")
        if getattr(config, "_KERAS_DIR", None) == old:
            config._KERAS_DIR = new  # type: ignore[attr-defined]


def pillow_webp_extension() -> str | None:
    """Return the file of Pillow's extension for WebP, which is linked with libwebp; None without one.

    Written for Pillow 13.0: `PIL._webp`. Pillow has no public way to decode a WebP but as an animation.
    """
    with contextlib.suppress(ImportError):
        return import_module("PIL._webp").__file__
    return None
