"""Tests of polycap/encoder/encoder.py."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from numpy.typing import NDArray

from polycap.photos.load import load_photo
from stores import cosine

if TYPE_CHECKING:
    from polycap.encoder.encoder import Encoder


@pytest.fixture(scope="module")
def pixels(photo_folder: Path) -> NDArray[np.uint8]:
    """The eight photos, `(8, 299, 299, 3) uint8`."""
    return np.stack([load_photo(path, 299) for path in sorted(photo_folder.iterdir())])


@pytest.fixture(scope="module")
def grid(encoder: "Encoder", pixels: NDArray[np.uint8]) -> NDArray[np.float16]:
    """Cells of the photos, `(8, 100, 2840) float16`."""
    return encoder.grid(pixels)


# --- the encoder ---


def test_grid(encoder: "Encoder", grid: NDArray[np.float16]) -> None:
    assert grid.dtype == np.float16
    assert grid.shape == (8, encoder.cells, sum(encoder.blocks)) == (8, 100, 2840)
    assert np.isfinite(grid).all()
    assert np.abs(grid[0] - grid[1]).mean() > 0.01
    assert len(encoder.identity) == 16


def test_frozen_network_agrees_with_keras(
    xception: Any, encoder: "Encoder", pixels: NDArray[np.uint8], grid: NDArray[np.float16]
) -> None:
    from polycap.machine.backend import keras

    deep = keras.Model(xception.input, [xception.output, xception.get_layer("block13_sepconv1_act").output])
    last, middle = map(np.asarray, deep(pixels[:2].astype(np.float32) / 127.5 - 1, training=False))
    assert (last.shape, middle.shape) == ((2, 10, 10, 2048), (2, 19, 19, 728))
    ours = np.split(grid[:2], np.cumsum(encoder.blocks)[:-1], axis=-1)
    assert cosine(ours[0], last.reshape(2, 100, 2048)) > 0.999  # row by row; bfloat16 may differ a little
    assert np.abs(ours[0].mean() / last.mean() - 1) < 0.01
    around = ours[1].reshape(2, 10, 10, 728)[:, 3, 7]
    assert cosine(around, middle[:, 5:8, 13:16].mean(axis=(1, 2))) > 0.999
    corner = ours[1].reshape(2, 10, 10, 728)[:, 0, 9]
    assert cosine(corner, middle[:, :2, 17:].mean(axis=(1, 2))) > 0.999  # of what is there


def test_the_middle_flow_and_the_exit_flow_make_the_last_cells(
    xception: Any, tensors: list[NDArray[np.float32]], pixels: NDArray[np.uint8]
) -> None:
    from polycap.encoder.encoder import MiddleFlow
    from polycap.encoder.exit_flow import ExitFlow

    middle_flow, exit_flow = MiddleFlow(tensors), ExitFlow(tensors)
    activations = middle_flow.grid(pixels[:2])
    assert activations.dtype == np.float16
    assert activations.shape == (2, middle_flow.cells, *middle_flow.blocks) == (2, 361, 728)
    last = np.asarray(xception(pixels[:2].astype(np.float32) / 127.5 - 1, training=False))
    ours = np.asarray(exit_flow(activations))
    assert ours.shape == last.shape == (2, 10, 10, 2048)
    assert cosine(ours, last) > 0.999
    assert np.abs(ours.mean() / last.mean() - 1) < 0.01


def test_a_tuned_exit_flow_goes_into_its_places(tensors: list[NDArray[np.float32]]) -> None:
    from polycap.encoder.exit_flow import ExitFlow

    exit_flow = ExitFlow(tensors)
    for kernel in exit_flow.kernels:
        kernel.assign(kernel + 1)
    changed = [
        place for place, (a, b) in enumerate(zip(exit_flow.tensors(tensors), tensors, strict=True)) if a is not b
    ]
    kinds = [tensors[place].ndim for place in changed]
    assert (len(changed), set(kinds)) == (9, {4})  # kernels, and no batch normalisation
    np.testing.assert_array_equal(exit_flow.tensors(tensors)[changed[-1]], tensors[changed[-1]] + 1)


def test_colours(encoder: "Encoder") -> None:
    """A pixel counts for the tones around its own: of 4 × 4 × 4, by how near they are."""
    photo = np.zeros((1, 299, 299, 3), dtype=np.uint8)  # black
    photo[:, :, 149:] = (255, 85, 0)  # the right half
    photo[:, 149:, :149] = (0, 0, 255 - 17)  # below left: four fifths of the way from tone 2 to tone 3 of blue
    colours = encoder.grid(photo)[0, :, -64:].reshape(10, 10, 4, 4, 4)
    np.testing.assert_allclose(colours.sum(axis=(2, 3, 4)), 1, rtol=1e-3)
    np.testing.assert_allclose(colours[:5, :5, 0, 0, 0], 1, rtol=1e-3)
    np.testing.assert_allclose(colours[:, 5:, 3, 1, 0], 1, rtol=1e-3)
    np.testing.assert_allclose(colours[5:, :5, 0, 0, 2:], np.broadcast_to([0.2, 0.8], (5, 5, 2)), rtol=1e-3)


def test_a_photo_alone_gives_what_it_gives_among_others(
    encoder: "Encoder", pixels: NDArray[np.uint8], grid: NDArray[np.float16]
) -> None:
    assert cosine(encoder.grid(pixels[3:4]), grid[3:4]) > 0.9999


def test_encoder_loads_from_an_artefact(
    encoder: "Encoder", encoder_folder: Path, tensors: list[NDArray[np.float32]], monkeypatch: pytest.MonkeyPatch
) -> None:
    from polycap.encoder import encoder as encoder_module
    from polycap.encoder.artefact import open_encoder

    monkeypatch.setattr(encoder_module, "_freeze", lambda tensors, _: tensors)
    artefact = open_encoder(encoder_folder)
    loaded: Any = encoder_module.Encoder.load(artefact)
    assert loaded.identity == artefact.features == encoder.identity
    assert loaded.artefact is artefact
    for ours, expected in zip(loaded._network, tensors, strict=True):
        np.testing.assert_array_equal(ours, expected)
