"""Tests of polycap/encoder/artefact.py and encoder_card.py."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from polycap.encoder import artefact as module
from polycap.encoder.artefact import EncoderArtefact, encoder_folder, open_encoder, round_tensors, save_artefact
from polycap.encoder.encoder_card import EncoderCard
from polycap.encoder.pca import FeaturePCA
from polycap.errors import EncoderError

SHAPES = ((3, 3, 2, 1), (1, 1, 2, 4), (4,))
CARD = EncoderCard(data={"captions": 5}, terms=["made up"], training={"epochs": 1}, created="2020-02-02")


@dataclass(frozen=True)
class Parts:
    """What an artefact is made of, as if Xception had three tensors."""

    tensors: list[NDArray[np.float32]]
    pca: FeaturePCA
    photo_layers: dict[str, NDArray[np.float32]]
    distribution: tuple[NDArray[np.float32], NDArray[np.float32]]

    def save(self, folder: Path, **changed: Any) -> EncoderArtefact:
        parts: dict[str, Any] = {
            "pca": self.pca,
            "photo_layers": self.photo_layers,
            "distribution": self.distribution,
            **changed,
        }
        return save_artefact(folder, CARD, parts.pop("tensors", self.tensors), **parts)


@pytest.fixture
def parts(monkeypatch: pytest.MonkeyPatch) -> Parts:
    monkeypatch.setattr(module, "SHAPES", SHAPES)
    generator = np.random.default_rng(0)
    tensors = [generator.normal(size=shape).astype(np.float32) for shape in SHAPES]
    tensors[1][..., 0] = 0  # a channel that is off
    basis = np.zeros((7, 4), dtype=np.float32)
    basis[:5, :3], basis[5:, 3:] = generator.normal(size=(5, 3)), generator.normal(size=(2, 1))
    pca = FeaturePCA(generator.normal(size=7).astype(np.float32), basis, 0.8, [(5, 3), (2, 1)])
    shapes: dict[str, Any] = {"cell_projection/kernel": (4, 6), "cell_projection/bias": (6,), "place": (9, 6)}
    layers = {name: generator.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}
    cells = generator.normal(size=(20, 4)).astype(np.float32)
    return Parts(tensors, pca, layers, (cells.mean(axis=0), np.cov(cells.T).astype(np.float32)))


def test_what_is_saved_is_loaded(parts: Parts, tmp_path: Path) -> None:
    saved = parts.save(tmp_path)
    loaded = EncoderArtefact(saved.folder, saved.card)  # reads all parts anew
    assert (loaded.card.terms, loaded.card.training) == (["made up"], {"epochs": 1})
    for ours, expected in zip(loaded.tensors, round_tensors(parts.tensors), strict=True):
        np.testing.assert_array_equal(ours, expected)
    assert loaded.pca.identity == parts.pca.identity == saved.card.pca
    assert (loaded.pca.blocks, round(loaded.pca.variance, 6)) == (parts.pca.blocks, parts.pca.variance)
    assert loaded.photo_layers.keys() == parts.photo_layers.keys()
    for name, weight in parts.photo_layers.items():
        np.testing.assert_allclose(loaded.photo_layers[name], weight, atol=0.02)
    np.testing.assert_allclose(loaded.mean, parts.distribution[0], rtol=1e-3)
    np.testing.assert_allclose(loaded.covariance, parts.distribution[1], rtol=1e-3)
    layers = dict(loaded.photo_layers)
    again = parts.save(tmp_path / "again", tensors=loaded.tensors, photo_layers=layers)  # rounded values stay
    assert again.card == saved.card


def test_stored_types(parts: Parts, tmp_path: Path) -> None:
    from safetensors.numpy import load_file

    parts.save(tmp_path)
    types = {name: str(tensor.dtype) for name, tensor in load_file(tmp_path / "encoder.safetensors").items()}
    int8 = {name for name, kind in types.items() if kind == "int8"}
    assert int8 == {"xception.001", "photo_layers.cell_projection/kernel", "photo_layers.place"}
    assert types["photo_layers.cell_projection/bias"] == types["pca.basis1"] == "float16"


def test_identities_follow_from_the_parts(parts: Parts, tmp_path: Path) -> None:
    whole = parts.save(tmp_path / "whole")
    changed = [tensor.copy() for tensor in parts.tensors]
    changed[2][0] += 1
    others = {
        "tensors": parts.save(tmp_path / "tensors", tensors=changed),
        "layers": parts.save(tmp_path / "layers", photo_layers={**parts.photo_layers, "place": np.zeros((9, 6))}),
        "pca": parts.save(tmp_path / "pca", pca=FeaturePCA(parts.pca.mean + 1, parts.pca.basis, 0.8, [(5, 3), (2, 1)])),
    }
    assert len({whole.identity, *(other.identity for other in others.values())}) == 4
    assert [name for name, other in others.items() if other.features != whole.features] == ["tensors"]
    centre = (parts.distribution[0] + 1, parts.distribution[1])
    assert parts.save(tmp_path / "photos", distribution=centre).identity == whole.identity


def test_an_encoder_is_read_once_in_a_process_and_only_where_needed(
    parts: Parts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts.save(tmp_path)
    monkeypatch.setattr(EncoderArtefact, "_read", lambda *_: pytest.fail("identities need no tensors"))
    first = open_encoder(tmp_path)
    assert first.identity
    monkeypatch.setattr(module, "sha256_file", lambda _: pytest.fail("hashed again"))
    monkeypatch.setenv("POLYCAP_ENCODER", str(tmp_path))
    assert open_encoder() is first


def test_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("POLYCAP_ENCODER", raising=False)
    assert encoder_folder() == Path(module.__file__).parent / "shipped"
    monkeypatch.setenv("POLYCAP_ENCODER", str(tmp_path / "mine"))
    assert encoder_folder() == tmp_path / "mine"
    assert encoder_folder(tmp_path) == tmp_path


def test_an_unfinished_encoder(parts: Parts, tmp_path: Path) -> None:
    bare = parts.save(tmp_path, pca=None, photo_layers=None, distribution=None)
    assert bare.features
    with pytest.raises(EncoderError, match=r"unfinished \(no PCA yet\); let `polycap tune-encoder` finish it"):
        open_encoder(tmp_path)
    with_pca = parts.save(tmp_path, photo_layers=None, distribution=None)
    assert (with_pca.features, with_pca.pca.components) == (bare.features, 4)
    with pytest.raises(EncoderError, match=r"unfinished \(no photo layers yet\)"):
        open_encoder(tmp_path)
    with pytest.raises(EncoderError, match="no photo_layers"):
        _ = with_pca.photo_layers


def test_rounding(parts: Parts) -> None:
    depthwise, pointwise, norm = round_tensors(parts.tensors)
    np.testing.assert_allclose(depthwise, parts.tensors[0], rtol=1e-3)
    np.testing.assert_allclose(norm, parts.tensors[2], rtol=1e-3)
    largest = np.abs(parts.tensors[1]).max(axis=(0, 1, 2))
    assert (np.abs(pointwise - parts.tensors[1]) <= largest / 127 * 0.51).all()
    assert not pointwise[..., 0].any()
    tiny: list[NDArray[np.float32]] = [parts.tensors[0], parts.tensors[1] * np.float32(1e-4), norm]
    assert np.abs(round_tensors(tiny)[1] - tiny[1]).max() <= np.abs(tiny[1]).max() / 127 * 0.52  # subnormal scales


def test_broken_artefacts(parts: Parts, tmp_path: Path) -> None:
    with pytest.raises(EncoderError, match=r"no encoder here .*`polycap tune-encoder` made"):
        open_encoder(tmp_path)
    parts.save(tmp_path)
    path, card = tmp_path / "encoder.safetensors", tmp_path / "card.json"
    whole, facts = path.read_bytes(), json.loads(card.read_text())
    path.write_bytes(whole[:-1])
    with pytest.raises(EncoderError, match=r"encoder.safetensors: is .* bytes long; its card says .* bytes"):
        open_encoder(tmp_path)
    path.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    with pytest.raises(EncoderError, match="its bytes are not those that its card names"):
        open_encoder(tmp_path)
    path.write_bytes(whole)
    card.write_text(json.dumps({**facts, "schema": 2}))
    with pytest.raises(EncoderError, match="schema 2; this polycap reads 1: update polycap"):
        open_encoder(tmp_path)
    card.write_text(json.dumps({**facts, "more": 1}))
    with pytest.raises(EncoderError, match=r"card.json:more: Extra inputs are not permitted"):
        open_encoder(tmp_path)


def test_an_artefact_of_other_tensors(parts: Parts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    artefact = parts.save(tmp_path)
    monkeypatch.setattr(module, "SHAPES", (*SHAPES, (1,)))
    with pytest.raises(EncoderError, match=r"is no encoder of polycap's .*install the encoder again"):
        _ = artefact.tensors
