"""Optional packages: the extras of pyproject.toml, and the error if one is not installed."""

import os
import sys
from importlib.util import find_spec

from polycap.errors import PolycapError

__all__ = ["EXTRAS", "install_line", "missing_package", "require_extra", "require_keras"]

KERAS_BACKENDS = ("tensorflow", "jax", "torch", "openvino")
"""Backends of Keras, as `KERAS_BACKEND` names them."""

EXTRAS: dict[str, dict[str, str]] = {
    "demo": {"skimage": "scikit-image"},
    "fast": {"openvino": "openvino"},
    "int8": {"nncf": "nncf"},
    "jxl": {"pillow_jxl": "pillow-jxl-plugin"},
    "metrics": {"pycocoevalcap": "pycocoevalcap"},
    "opencc": {"opencc": "opencc"},
    "raw": {"rawpy": "rawpy"},
    "server": {"fastapi": "fastapi", "python_multipart": "python-multipart", "uvicorn": "uvicorn"},
    "train": {"tensorflow": "tensorflow"},
    "translate": {"argostranslate": "argos-translate-lt", "ctranslate2": "ctranslate2"},
}
"""By extra: the modules that its commands need, each with its package."""


def install_line(extra: str) -> str:
    """Return the command that installs an extra."""
    return f'pip install "polycap[{extra}]"'


def missing_package(needer: str, package: str, extra: str, reason: object = "not installed") -> str:
    """Return the sentence for an optional package that is needed.

    Args:
        needer: a command or a part of polycap, the subject of the sentence.
        package: the package's name.
        extra: the extra that installs it.
        reason: reason why it can't be used. (default: "not installed")
    """
    return f"{needer} needs {package}, which is {reason}: {install_line(extra)}"


def require_extra(extra: str, needer: str, *modules: str, error: type[PolycapError] = PolycapError) -> None:
    """Check that an extra's packages are installed. Imports none of them.

    Args:
        extra: its name, a key of `EXTRAS`.
        needer: a command or a part of polycap, the subject of the message.
        modules: names of the required modules. (default: all of the extra)
        error: type of the error. (default: PolycapError)

    Raises:
        PolycapError: a package is not installed; the message names the extra.
    """
    packages = EXTRAS[extra]
    for module in modules or packages:
        if not _is_installed(module):
            raise error(missing_package(needer, packages.get(module, module), extra))


def require_keras(needer: str, error: type[PolycapError] = PolycapError) -> None:
    """Check that the backend of Keras is installed: TensorFlow, or the one that `KERAS_BACKEND` names.

    Args:
        needer, error: as in `require_extra`.

    Raises:
        PolycapError: Keras knows no such backend; or a package is not installed, and the message names the extra.
    """
    backend = os.environ.get("KERAS_BACKEND") or "tensorflow"  # Keras names a backend as its module
    if backend not in KERAS_BACKENDS:
        raise error(f"KERAS_BACKEND={backend}: Keras has no such backend; unset it, or set {', '.join(KERAS_BACKENDS)}")
    require_extra("train", needer, backend, error=error)


def _is_installed(module: str) -> bool:
    if module in sys.modules:
        return sys.modules[module] is not None
    return find_spec(module) is not None
