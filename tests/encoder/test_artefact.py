"""Tests of polycap/encoder/artefact.py and encoder_card.py."""

import json
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from polycap.encoder import artefact as module
from polycap.encoder.artefact import EncoderArtefact, load_artefact, round_tensors, save_artefact
from polycap.encoder.encoder_card import EncoderCard
from polycap.encoder.pca import FeaturePCA
from polycap.errors import EncoderError

SHAPES = ((3, 3, 2, 1), (1, 1, 2, 4), (4,))


@pytest.fixture
def artefact(monkeypatch: pytest.MonkeyPatch) -> EncoderArtefact:
    """An artefact of three tensors, as if Xception had no more."""
    monkeypatch.setattr(module, "SHAPES", SHAPES)
    generator = np.random.default_rng(0)
    tensors = [generator.normal(size=shape).astype(np.float32) for shape in SHAPES]
    tensors[1][..., 0] = 0  # a channel that is off
    basis = np.zeros((7, 4), dtype=np.float32)
    basis[:5, :3], basis[5:, 3:] = generator.normal(size=(5, 3)), generator.normal(size=(2, 1))
    pca = FeaturePCA(generator.normal(size=7).astype(np.float32), basis, 0.8, [(5, 3), (2, 1)])
    cells = generator.normal(size=(20, 4)).astype(np.float32)
    card = EncoderCard(data={"captions": 5}, terms=["made up"], training={"epochs": 1}, created="2020-02-02")
    covariance = np.cov(cells.T).astype(np.float32)
    return EncoderArtefact(tensors, pca, cells.mean(axis=0), covariance, card)


def test_what_is_saved_is_loaded(artefact: EncoderArtefact, tmp_path: Path) -> None:
    card = save_artefact(artefact, tmp_path)
    loaded = load_artefact(tmp_path)
    assert loaded.identity == card.identity == loaded.card.identity
    assert (loaded.card.terms, loaded.card.training) == (["made up"], {"epochs": 1})
    for ours, expected in zip(loaded.tensors, round_tensors(artefact.tensors), strict=True):
        np.testing.assert_array_equal(ours, expected)
    assert loaded.pca.identity == artefact.pca.identity
    assert (loaded.pca.blocks, loaded.pca.variance) == (artefact.pca.blocks, artefact.pca.variance)
    np.testing.assert_array_equal(loaded.mean, artefact.mean)
    np.testing.assert_allclose(loaded.covariance, artefact.covariance, rtol=1e-6)
    again = save_artefact(loaded, tmp_path / "again")  # rounded values stay as they are
    assert again.sha256 == card.sha256


def test_rounding(artefact: EncoderArtefact) -> None:
    depthwise, pointwise, norm = round_tensors(artefact.tensors)
    np.testing.assert_allclose(depthwise, artefact.tensors[0], rtol=1e-3)
    np.testing.assert_allclose(norm, artefact.tensors[2], rtol=1e-3)
    largest = np.abs(artefact.tensors[1]).max(axis=(0, 1, 2))
    assert (np.abs(pointwise - artefact.tensors[1]) <= largest / 127 * 0.51).all()
    assert not pointwise[..., 0].any()
    tiny: list[NDArray[np.float32]] = [artefact.tensors[0], artefact.tensors[1] * np.float32(1e-4), norm]
    assert np.abs(round_tensors(tiny)[1] - tiny[1]).max() <= np.abs(tiny[1]).max() / 127 * 0.52  # subnormal scales


def test_broken_artefacts(artefact: EncoderArtefact, tmp_path: Path) -> None:
    with pytest.raises(EncoderError, match=r"no encoder here .*make one with `polycap tune-encoder`"):
        load_artefact(tmp_path)
    save_artefact(artefact, tmp_path)
    path, card = tmp_path / "encoder.safetensors", tmp_path / "card.json"
    whole, facts = path.read_bytes(), json.loads(card.read_text())
    path.write_bytes(whole[:-1])
    with pytest.raises(EncoderError, match=r"encoder.safetensors: is .* bytes long; its card says .* bytes"):
        load_artefact(tmp_path)
    path.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    with pytest.raises(EncoderError, match="its bytes are not those that its card names"):
        load_artefact(tmp_path)
    path.write_bytes(whole)
    card.write_text(json.dumps({**facts, "identity": "0" * 16}))
    with pytest.raises(EncoderError, match=r"its card says 0{16}"):
        load_artefact(tmp_path)
    card.write_text(json.dumps({**facts, "schema": 2}))
    with pytest.raises(EncoderError, match="schema 2; this polycap reads 1: update polycap"):
        load_artefact(tmp_path)
    card.write_text(json.dumps({**facts, "more": 1}))
    with pytest.raises(EncoderError, match=r"card.json:more: Extra inputs are not permitted"):
        load_artefact(tmp_path)


def test_an_artefact_of_other_tensors(
    artefact: EncoderArtefact, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_artefact(artefact, tmp_path)
    monkeypatch.setattr(module, "SHAPES", (*SHAPES, (1,)))
    with pytest.raises(EncoderError, match=r"is no encoder of polycap's .*install the encoder again"):
        load_artefact(tmp_path)
