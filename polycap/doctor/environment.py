"""Examination of versions, the processor, the runtime and the extras."""

import os
import platform
from collections.abc import Iterator
from importlib import metadata

from polycap.doctor.finding import Finding, fault, note, works
from polycap.errors import PolycapError, reason_of
from polycap.machine.extras import EXTRAS, install_line, require_extra
from polycap.machine.processor import core_count, has_amx, has_avx2, has_bfloat16_products, processor
from polycap.machine.telemetry import import_openvino
from polycap.runtime.precision import PRECISION_VARIABLE, expected_precision

__all__ = ["extras", "processors", "runtimes", "versions"]

_BACKENDS = ("tensorflow", "jax", "torch", "openvino")
_PACKAGES = ("numpy", "pillow", "sentencepiece", "safetensors", "sacrebleu", "keras", "openvino", "tensorflow")


def versions() -> Iterator[Finding]:
    """Yield the versions of polycap, Python, the system, and the packages that decide captions."""
    from polycap import __version__

    yield works("version", "polycap", __version__)
    yield works("version", "Python", f"{platform.python_version()}, {platform.platform()}")
    for name in _PACKAGES:
        try:
            yield works("version", name, metadata.version(name))
        except metadata.PackageNotFoundError:
            if name in ("openvino", "tensorflow"):  # one of them computes; see `runtimes`
                yield note("version", name, "not installed")
            else:
                yield fault("version", name, "not installed, or without its metadata", f"pip install {name}")


def processors() -> Iterator[Finding]:
    """Yield the processor's model, cores and instruction sets, and the precision that captions are computed in."""
    known = {"AVX2": has_avx2(), "AMX": has_amx(), "bfloat16": has_bfloat16_products()}
    sets = ", ".join(name for name, has in known.items() if has) or "none of AVX2, AMX and bfloat16 known"
    yield works("processor", processor(), f"{core_count()} cores for this process; {sets}")
    try:
        yield works("processor", "precision", expected_precision())
    except PolycapError as error:
        yield fault("processor", "precision", error, f"correct {PRECISION_VARIABLE}, or unset it")


def runtimes() -> Iterator[Finding]:
    """Yield whether OpenVINO can be loaded, and whether the variables of runtimes name what exists."""
    try:
        yield works("runtime", "openvino", import_openvino().__version__)
    except (ImportError, OSError, AttributeError) as error:  # missing, of another system, or half removed
        yield _without_openvino(reason_of(error))
    chosen = os.environ.get("POLYCAP_RUNTIME") or "auto"
    if chosen not in ("auto", "openvino", "keras"):
        yield fault("runtime", chosen, "POLYCAP_RUNTIME names no runtime", "set it to openvino, keras or auto")
    backend = os.environ.get("KERAS_BACKEND")
    if backend and backend not in _BACKENDS:
        fix = f"set it to one of {', '.join(_BACKENDS)}, or unset it"
        yield fault("runtime", backend, "KERAS_BACKEND names no backend of Keras", fix)


def _without_openvino(reason: str) -> Finding:
    try:
        require_extra("train", "runtime keras")
    except PolycapError:
        return fault(
            "runtime", "openvino", f"can't be loaded ({reason}), and TensorFlow is missing", install_line("fast")
        )
    return note("runtime", "openvino", f"can't be loaded ({reason}); Keras computes, more slowly", install_line("fast"))


def extras() -> Iterator[Finding]:
    """Yield which extras are installed."""
    for name in EXTRAS:
        try:
            require_extra(name, f"the extra {name}")
            yield works("extra", name, "installed")
        except PolycapError:
            yield note("extra", name, "not installed", install_line(name))
