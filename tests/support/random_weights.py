"""Helpers of the tests in tests."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

# --- a whole Xception whose weights are random ---


def random_tensors(model: Any, seed: int = 0) -> list[NDArray[np.float32]]:
    """Weights that keep the size of what flows through; Keras' own let it fade to less than float16 can hold."""
    generator = np.random.default_rng(seed)

    def tensor(name: str, shape: Sequence[int]) -> NDArray[np.float32]:
        if name.endswith("kernel"):
            fan_in = np.prod(shape[:2] if "depthwise" in name else shape[:3])
            return np.asarray(generator.standard_normal(shape, dtype=np.float32) / np.sqrt(fan_in), dtype=np.float32)
        middle, spread = (1.0, 0.1) if name in ("gamma", "moving_variance") else (0.0, 0.1)
        return np.asarray(middle + spread * generator.uniform(-1, 1, shape), dtype=np.float32)

    return [tensor(weight.path.rpartition("/")[2], tuple(weight.shape)) for weight in model.weights]
