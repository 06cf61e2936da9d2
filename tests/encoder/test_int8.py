"""Tests of polycap/encoder/int8.py."""

from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from polycap.encoder.int8 import dequantize, load_int8, quantize, save_int8
from polycap.errors import EncoderError


@pytest.mark.parametrize(
    ("shape", "axis", "scales"), [((30, 8), -1, (1, 8)), ((30, 8), 0, (30, 1)), ((1, 1, 5, 7), 3, (1, 1, 1, 7))]
)
def test_a_weight_is_at_most_half_a_scale_from_what_is_read_back(
    shape: tuple[int, ...], axis: int, scales: tuple[int, ...]
) -> None:
    """Also where one channel is a thousand times as large as another."""
    generator = np.random.default_rng(0)
    weight = generator.normal(size=shape) * 10.0 ** generator.uniform(-3, 1, scales)
    values, found = quantize(weight, axis)
    assert (values.shape, found.shape) == (shape, scales)
    assert (str(values.dtype), str(found.dtype)) == ("int8", "float16")
    assert (np.abs(dequantize(values, found) - weight) <= found.astype(np.float32) * 0.5001).all()
    assert np.abs(values).max(axis=tuple(i for i in range(len(shape)) if scales[i] == 1)).min() >= 126


def test_a_channel_of_zeros() -> None:
    weight = np.array([[0.0, 1.0], [0.0, -2.0]])
    values, scales = quantize(weight)
    assert values[:, 0].tolist() == [0, 0]
    assert values[1, 1] == -127
    np.testing.assert_array_equal(dequantize(values, scales)[:, 0], 0)


def test_rounding_again_changes_nothing() -> None:
    values, scales = quantize(np.random.default_rng(0).normal(size=(50, 20)))
    again, same = quantize(dequantize(values, scales))
    np.testing.assert_array_equal(again, values)
    np.testing.assert_array_equal(same, scales)


def test_a_file_has_int8_scales_and_float16(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    weights = {name: generator.normal(size=shape) for name, shape in {"e": (9, 4), "k": (4, 6), "b": (6,)}.items()}
    save_int8(tmp_path / "w.safetensors", weights, {"e": 0, "k": -1})
    stored = load_file(tmp_path / "w.safetensors")
    assert {name: (str(t.dtype), t.shape) for name, t in stored.items()} == {
        "e": ("int8", (9, 4)),
        "e.scales": ("float16", (9, 1)),
        "k": ("int8", (4, 6)),
        "k.scales": ("float16", (1, 6)),
        "b": ("float16", (6,)),
    }
    read = load_int8(tmp_path / "w.safetensors")
    assert read.keys() == weights.keys()
    for name, weight in weights.items():
        assert read[name].dtype == np.float32
        np.testing.assert_allclose(read[name], weight, atol=0.02)


@pytest.mark.parametrize(
    "scales", [{}, {"k.scales": np.ones((1, 5), np.float16)}, {"k.scales": np.ones(6, np.float16)}]
)
def test_int8_without_scales_that_fit(scales: dict[str, np.ndarray], tmp_path: Path) -> None:
    save_file({"k": np.ones((4, 6), np.int8), **scales}, tmp_path / "w.safetensors")
    with pytest.raises(EncoderError, match="int8 tensor 'k' has no scales that fit it"):
        load_int8(tmp_path / "w.safetensors")


def test_a_broken_file(tmp_path: Path) -> None:
    (tmp_path / "w.safetensors").write_bytes(b"no tensors")
    for name in ("w.safetensors", "missing.safetensors"):
        with pytest.raises(EncoderError, match=f"{name}: is broken"):
            load_int8(tmp_path / name)
