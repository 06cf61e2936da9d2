"""Description of the machine of a training run, for the pack's card."""

from polycap.machine.processor import core_count, processor

__all__ = ["describe_machine"]


def describe_machine(*, bfloat16: bool) -> dict[str, str | int]:
    """Return processor, cores that this process may use, accelerators (if any), and Keras backend.

    Args:
        bfloat16: whether matrix products are computed in bfloat16, as `allow_bfloat16` returned.
    """
    from polycap.machine.backend import keras

    description: dict[str, str | int] = {"processor": processor(), "cores": core_count()}
    accelerators = _accelerators()
    if accelerators:
        description["accelerators"] = accelerators
    description["backend"] = keras.backend.backend() + (", bfloat16 matrix products" if bfloat16 else ", float32")
    return description


def _accelerators() -> str:
    """Return the GPUs and TPUs of Keras' backend; empty without any, or if the backend can't list them."""
    from polycap.machine.backend import keras

    try:
        devices = [name for kind in ("gpu", "tpu") for name in keras.distribution.list_devices(kind)]
    except (NotImplementedError, RuntimeError, ValueError):
        return ""
    return ", ".join(devices)
