"""Packs: what is saved is what is loaded, and nothing that is broken or foreign gets through."""

import json
import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from encoders import CELLS, FEATURES, GRID, make_encoder
from packs import Parts, make_parts
from polycap.decoder.base import Decoder
from polycap.decoder.kinds import build_decoder
from polycap.decoder.merge import MergeDecoder
from polycap.decoder.search import Search
from polycap.decoder.settings import DecoderSettings
from polycap.decoder.shapes import photo_shapes, weight_shapes
from polycap.decoder.weights import assign_weights, named_weights
from polycap.encoder.int8 import from_int8, output_axes, to_int8
from polycap.errors import PackError
from polycap.files import sha256_file
from polycap.language.settings import DecodingSettings
from polycap.machine.backend import keras
from polycap.pack.card import read_card
from polycap.pack.pack import Pack, load_pack
from polycap.text.settings import TokenizerSettings
from polycap.text.tokenizer import Tokenizer
from tiny import KINDS, change_json, decoder_settings, make_features

pytest_plugins = ["tiny_fixtures"]


def found(decoder: Decoder, features: Any) -> Any:
    search = Search(decoder, DecodingSettings(beam_width=3, max_length=8))
    return search.find(features)


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_saved_is_what_is_loaded(kind: str, tiny_tokenizer: Tokenizer, tmp_path: Path) -> None:
    parts = make_parts(kind, tiny_tokenizer, tmp_path / "encoder")
    card = parts.save(tmp_path / "deep" / "pack")
    pack = load_pack(tmp_path / "deep" / "pack", parts.encoder)
    assert pack.card == card == read_card(pack.folder)
    assert pack.tokenizer.identity == parts.tokenizer.identity
    features = pack.pca(make_features(4, channels=GRID))
    rounded = build_decoder(parts.decoder.settings)
    assign_weights(rounded, from_int8(to_int8(parts.weights, output_axes(parts.weights))))
    before, after = found(rounded, features), found(pack.decoder, features)
    np.testing.assert_array_equal(after.token_ids, before.token_ids)
    np.testing.assert_array_equal(after.scores, before.scores)
    assert len({tuple(ids) for ids in before.token_ids[:, 0].tolist()}) > 1  # captions that depend on the photo


def test_the_files(saved: Path, parts: Parts) -> None:
    names = {"decoder.safetensors", "tokenizer.model", "card.json", "CARD.md"}
    assert {path.name for path in saved.iterdir()} == names
    types = {name: str(tensor.dtype) for name, tensor in load_file(saved / "decoder.safetensors").items()}
    assert not types.keys() & photo_shapes(parts.decoder.settings).keys()  # they are the encoder's
    kernels = {"token_gates/kernel", "state_gates/kernel", "query/kernel", "readout/kernel"}
    assert {name for name in types if types[name] == "int8"} == {"embedding/embeddings", *kernels}
    assert {types[name] for name in types if name.endswith((".scales", "bias"))} == {"float16"}
    card = json.loads((saved / "card.json").read_text(encoding="utf-8"))
    assert card["schema"] == 2
    assert card["encoder"] == parts.encoder.identity
    assert set(card["files"]) == names - {"card.json", "CARD.md"}
    for name, entry in card["files"].items():
        assert entry == {"size": (saved / name).stat().st_size, "sha256": sha256_file(saved / name)}
    assert card["decoder"] == parts.decoder.settings.model_dump()


def test_files_are_read_once(pack: Path, parts: Parts, monkeypatch: pytest.MonkeyPatch) -> None:
    """The decoder is built from the bytes that were checked, whatever happens to the file afterwards."""
    names = []
    read_bytes = Path.read_bytes

    def read(path: Path) -> bytes:
        names.append(path.name)
        return read_bytes(path)

    monkeypatch.setattr(Path, "read_bytes", read)
    loaded = load_pack(pack, parts.encoder)
    for name in read_card(pack).files:
        (pack / name).unlink()
    assert sorted(names) == ["decoder.safetensors", "tokenizer.model"]
    assert loaded.decoder.settings == loaded.card.decoder


def test_another_encoder_is_refused(saved: Path, parts: Parts, tmp_path: Path) -> None:
    other = make_encoder(tmp_path)
    message = (
        rf"is of encoder {parts.encoder.identity}, but the encoder in use is {other.identity} \({tmp_path}\); make"
    )
    with pytest.raises(PackError, match=f"{message} the pack anew with `polycap build qaa`"):
        load_pack(saved, other)
    pack = load_pack(saved, parts.encoder)
    pack.require_encoder(parts.encoder.features)
    with pytest.raises(PackError, match=f"cells of encoder {FEATURES}, but the one that was loaded is another"):
        pack.require_encoder("another")


def test_the_encoder_in_use(saved: Path, parts: Parts, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POLYCAP_ENCODER", str(parts.encoder.folder))
    assert load_pack(saved).encoder.identity == parts.encoder.identity


def test_photo_layers_that_do_not_fit(pack: Path, parts: Parts, tmp_path: Path) -> None:
    encoder = make_encoder(tmp_path / "encoder", units=9)
    change_json(pack / "card.json", encoder=encoder.identity)
    with pytest.raises(PackError, match="encoder: its tensors are not those of the decoder"):
        _ = load_pack(pack, encoder).weights
    assert load_pack(pack, encoder).own_weights.keys() < parts.weights.keys()


def test_the_grid_must_fit(saved: Path, parts: Parts) -> None:
    pack = load_pack(saved, parts.encoder)
    pack.require_grid(CELLS, GRID)
    with pytest.raises(PackError, match=f"reads {CELLS} cells of {GRID} channels; the encoder gives"):
        pack.require_grid(CELLS, GRID + 1)


@pytest.mark.parametrize("kind", KINDS)
def test_the_shapes_are_those_that_keras_makes(kind: str) -> None:
    """Each size another number, so that none can stand for another."""
    settings = decoder_settings(kind, vocab_size=23, cells=5, channels=7, units=11, embedding=13)
    made = {name: tuple(variable.shape) for name, variable in named_weights(build_decoder(settings)).items()}
    assert weight_shapes(settings) == made


@pytest.mark.parametrize("kind", KINDS)
def test_the_names_do_not_depend_on_those_of_keras(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    decoder = build_decoder(decoder_settings(kind))
    for attribute in ("name", "path"):
        monkeypatch.setattr(keras.Variable, attribute, "renamed")
    assert list(named_weights(decoder)) == list(weight_shapes(decoder.settings))


def test_the_shipped_packs() -> None:
    """They are of the shipped encoder, their weights are those of their decoders, and they are small."""
    folders = [path.parent for path in (Path(__file__).parent.parent.parent / "languages").glob("*/pack/card.json")]
    assert len(folders) >= 7
    for folder in folders:
        assert load_pack(folder).weights
        assert sum(path.stat().st_size for path in folder.iterdir()) <= 3_100_000, folder


# --- what is broken ---


def rewrite(pack: Path, name: str, content: bytes) -> None:
    """Replace a file and make the card agree, as an attacker or a careless person would."""
    (pack / name).write_bytes(content)
    card = json.loads((pack / "card.json").read_text(encoding="utf-8"))
    entry = {"size": len(content), "sha256": sha256_file(pack / name)}
    change_json(pack / "card.json", files={**card["files"], name: entry})


def truncate(name: str) -> Callable[[Path], None]:
    return lambda pack: os.truncate(pack / name, (pack / name).stat().st_size - 7)


def remove(name: str) -> Callable[[Path], None]:
    return lambda pack: (pack / name).unlink()


def flip(name: str) -> Callable[[Path], None]:
    def break_it(pack: Path) -> None:
        content = bytearray((pack / name).read_bytes())
        content[-5] ^= 1
        (pack / name).write_bytes(content)

    return break_it


def change(**values: Any) -> Callable[[Path], None]:
    return lambda pack: change_json(pack / "card.json", **values)


def write_card(content: bytes) -> Callable[[Path], None]:
    def break_it(pack: Path) -> None:
        (pack / "card.json").write_bytes(content)

    return break_it


def decoder_of_other_sizes(pack: Path) -> None:
    card = json.loads((pack / "card.json").read_text(encoding="utf-8"))
    change_json(pack / "card.json", decoder={**card["decoder"], "units": 17})


def tensor_missing(pack: Path) -> None:
    tensors = load_file(pack / "decoder.safetensors")
    del tensors["output_bias"]
    save_file(tensors, pack / "other")
    rewrite(pack, "decoder.safetensors", (pack / "other").read_bytes())


def another_tokenizer(pack: Path) -> None:
    texts = ["some other text", "with other words"]
    Tokenizer.train(texts, TokenizerSettings(vocab_size=24)).save(pack / "other")
    rewrite(pack, "tokenizer.model", (pack / "other").read_bytes())


def file_not_named(name: str) -> Callable[[Path], None]:
    def break_it(pack: Path) -> None:
        card = json.loads((pack / "card.json").read_text(encoding="utf-8"))
        del card["files"][name]
        change_json(pack / "card.json", files=card["files"])
        (pack / name).unlink()

    return break_it


FAULTS: dict[str, tuple[Callable[[Path], None], str]] = {
    "no card": (remove("card.json"), "no trained pack here"),
    "no decoder": (remove("decoder.safetensors"), "decoder.safetensors: is missing"),
    "no tokenizer": (remove("tokenizer.model"), "tokenizer.model: is missing"),
    "decoder truncated": (truncate("decoder.safetensors"), "bytes long; its card says"),
    "tokenizer truncated": (truncate("tokenizer.model"), "bytes long; its card says"),
    "decoder changed": (flip("decoder.safetensors"), "its bytes are not those"),
    "tokenizer changed": (flip("tokenizer.model"), "its bytes are not those"),
    "card truncated": (truncate("card.json"), "card.json: is not JSON"),
    "card empty": (write_card(b""), "card.json: is not JSON"),
    "card not text": (write_card(b"\xff\xfe\x00"), "card.json: is not JSON"),
    "card a list": (write_card(b"[]"), "expected a JSON object"),
    "card without keys": (write_card(b'{"schema": 2}'), "card.json:language: "),
    "unknown key": (change(surprise=1), "card.json:surprise: "),
    "former schema": (change(schema=1, pca=None), "reads 2: install the language's new pack, or make it anew with"),
    "later schema": (change(schema=3), "schema 3; this polycap reads 2: update polycap"),
    "later schema, other keys": (change(schema=3, surprise=1), "schema 3; this polycap reads 2: update polycap"),
    "unknown decoder": (change(decoder={"kind": "other", "vocab_size": 9}), "card.json:decoder.kind: "),
    "decoder of other sizes": (decoder_of_other_sizes, "its tensors are not those of the decoder"),
    "a tensor missing": (tensor_missing, "its tensors are not those of the decoder"),
    "no safetensors": (lambda pack: rewrite(pack, "decoder.safetensors", b"x" * 99), "decoder.safetensors: is broken"),
    "no SentencePiece": (lambda pack: rewrite(pack, "tokenizer.model", b"x" * 99), "no SentencePiece model"),
    "another tokenizer": (another_tokenizer, "is not the one that card.json names"),
    "decoder not named": (file_not_named("decoder.safetensors"), "decoder.safetensors"),
    "tokenizer not named": (file_not_named("tokenizer.model"), "tokenizer.model"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_broken_pack_is_refused_with_one_line(fault: str, pack: Path, parts: Parts) -> None:
    break_it, message = FAULTS[fault]
    break_it(pack)
    with pytest.raises(PackError) as caught:
        load_pack(pack, parts.encoder)
    assert message in str(caught.value)
    assert str(pack) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_pack_that_is_half_written_is_none(pack: Path, parts: Parts, monkeypatch: pytest.MonkeyPatch) -> None:
    """A killed `save_pack` over an older pack must not leave a mixture that loads."""

    def killed(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Tokenizer, "save", killed)
    with pytest.raises(KeyboardInterrupt):
        parts.save(pack)
    with pytest.raises(PackError, match="no trained pack here"):
        load_pack(pack, parts.encoder)


class Bomb:
    """Runs when it is unpickled."""

    def __reduce__(self) -> Any:
        return exec, ("raise SystemExit('unpickled')",)


@pytest.mark.parametrize("name", ["decoder.safetensors", "tokenizer.model"])
def test_nothing_in_a_pack_is_executed(name: str, pack: Path, parts: Parts) -> None:
    for other in ("hooks.py", "__init__.py", "decoder.py", "sitecustomize.py"):
        (pack / other).write_text("raise SystemExit('executed')")
    assert isinstance(load_pack(pack, parts.encoder), Pack)
    rewrite(pack, name, pickle.dumps([Bomb()] * 3))
    with pytest.raises(PackError):
        load_pack(pack, parts.encoder)


class Twins(MergeDecoder):
    """A kind whose author forgot a layer in the table of names."""

    def __init__(self, settings: DecoderSettings) -> None:
        super().__init__(settings)
        self.twin = keras.layers.Dense(settings.units, name="hidden")

    def logits(self, outputs: Any, training: bool = False, types: Any = None) -> Any:
        return super().logits(self.twin(outputs), training, types)


def test_weights_without_a_name_are_refused() -> None:
    decoder = Twins(decoder_settings("merge"))
    decoder.build_weights()
    with pytest.raises(ValueError, match="decoder merge: 2 of its weights have no name"):
        named_weights(decoder)
