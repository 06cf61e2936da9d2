"""Tests of polycap/encoder/int8.py."""

from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save

from polycap.encoder.int8 import dequantize, load_int8, output_axes, quantize, save_int8


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
    read = load_int8((tmp_path / "w.safetensors").read_bytes())
    assert read.keys() == weights.keys()
    for name, weight in weights.items():
        assert read[name].dtype == np.float32
        np.testing.assert_allclose(read[name], weight, atol=0.02)


@pytest.mark.parametrize(
    "scales", [{}, {"k.scales": np.ones((1, 5), np.float16)}, {"k.scales": np.ones(6, np.float16)}]
)
def test_int8_without_scales_that_fit(scales: dict[str, np.ndarray]) -> None:
    with pytest.raises(ValueError, match="int8 tensor 'k' has no scales that fit it"):
        load_int8(save({"k": np.ones((4, 6), np.int8), **scales}))


def test_scales_of_nothing() -> None:
    with pytest.raises(ValueError, match=r"tensor 'k.scales' is scales of no int8 tensor"):
        load_int8(save({"k": np.ones((4, 6), np.float16), "k.scales": np.ones((1, 6), np.float16)}))


def test_the_axes_of_a_decoders_weights() -> None:
    names = ["embedding/embeddings", "query/kernel", "query/bias", "place", "output_bias"]
    assert output_axes(names) == {"embedding/embeddings": 0, "query/kernel": -1, "place": -1}
