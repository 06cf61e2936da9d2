"""What a run was computed on and how long it took, for its pack's card."""

from polycap.machine.processor import core_count, processor

__all__ = ["describe_machine"]


def describe_machine(*, bfloat16: bool) -> dict[str, str | int]:
    """Processor, cores that this process may use, accelerators, and what computes.

    Args:
        bfloat16: whether matrix products are computed so, as `allow_bfloat16` returned.
    """
    from polycap.machine.backend import keras  # here: who asks for the processor alone should not wait for it

    found: dict[str, str | int] = {"processor": processor(), "cores": core_count()}
    accelerators = _accelerators()
    if accelerators:
        found["accelerators"] = accelerators
    found["backend"] = keras.backend.backend() + (", bfloat16 matrix products" if bfloat16 else ", float32")
    return found


def _accelerators() -> str:
    """The GPUs and the like that Keras' backend sees; empty without any, or where it can't tell."""
    from polycap.machine.backend import keras

    try:
        devices = [name for kind in ("gpu", "tpu") for name in keras.distribution.list_devices(kind)]
    except (NotImplementedError, RuntimeError, ValueError):
        return ""
    return ", ".join(devices)
