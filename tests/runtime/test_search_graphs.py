"""A search is traced once, and filled for each language; its weights are kept once."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from polycap.decoder.search import Search
from polycap.decoder.weights import named_weights
from polycap.errors import CaptionRuntimeError
from polycap.language.settings import DecodingSettings
from polycap.pack.pack import Pack, load_pack, save_pack
from polycap.runtime import graphs
from polycap.runtime.openvino_runtime import OpenVINORuntime, _core
from polycap.runtime.search_graphs import SearchGraphs
from polycap.text.settings import TokenizerSettings
from polycap.text.tokenizer import Tokenizer
from tiny import encoder_of, make_card, make_decoder, make_features

pytest_plugins = ["tiny_fixtures"]

FIRST = DecodingSettings(beam_width=3, min_length=1, max_length=10, no_repeat_ngram=2)
OTHER = FIRST.model_copy(update={"min_length": 4, "length_penalty": 1.2, "minimum_bayes_risk": True})


@pytest.fixture
def cache(cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of its own: in the shared one a search may be compiled already."""
    own = tmp_path / "cache"
    assert own != cache
    monkeypatch.setenv("POLYCAP_CACHE", str(own))
    return own


@pytest.fixture
def packs(tmp_path: Path, tiny_tokenizer: Tokenizer) -> list[Pack]:
    """Two packs of decoders of the same sizes, but for the vocabulary."""
    small = Tokenizer.train(["a b c d e f g h i j k"] * 20, TokenizerSettings(vocab_size=24))
    found = []
    for seed, tokenizer in enumerate((tiny_tokenizer, small)):
        decoder, folder = make_decoder("attention", seed=seed, vocab_size=tokenizer.vocab_size), tmp_path / str(seed)
        encoder = encoder_of(folder / "encoder", decoder)
        weights = {name: np.asarray(value) for name, value in named_weights(decoder).items()}
        save_pack(folder, make_card(decoder, tokenizer, encoder), weights, tokenizer)
        found.append(load_pack(folder, encoder))
    assert len({pack.card.decoder.vocab_size for pack in found}) == 2
    return found


def same(search: Any, pack: Pack, settings: DecodingSettings) -> None:
    """The search finds what Keras finds."""
    from polycap.decoder.rerank import rerank

    features = make_features(3, seed=7)
    found, expected = search.find(features), rerank(Search(pack.decoder, settings).find(features), settings)
    assert (found.token_ids == expected.token_ids).all()
    np.testing.assert_allclose(found.scores, expected.scores, rtol=1e-4)


@pytest.mark.usefixtures("cache")
def test_one_trace_for_all_languages(packs: list[Pack], monkeypatch: pytest.MonkeyPatch) -> None:
    traced = []
    trace = graphs._trace

    def spy(job: dict[str, Any]) -> None:
        traced.append(job["kind"])
        trace(job)

    monkeypatch.setattr(graphs, "_trace", spy)
    runtime = OpenVINORuntime()
    for pack, settings in zip(packs, (FIRST, OTHER), strict=True):
        same(runtime.search(pack, settings), pack, settings)
    assert sorted(traced) == ["photo_layers", "photo_layers", "search"]  # these encoders have other photo layers


@pytest.mark.usefixtures("cache")
def test_weights_are_kept_once(packs: list[Pack], monkeypatch: pytest.MonkeyPatch) -> None:
    """A compiled search has them; without it, or for another precision, they are written anew."""
    pack = packs[0]
    model = SearchGraphs(pack, FIRST, _core).find()
    assert model.with_suffix(".bin").is_file()
    same(OpenVINORuntime().search(pack, FIRST), pack, FIRST)
    assert not model.with_suffix(".bin").is_file()
    [compiled] = (model.parent / "compiled").iterdir()
    with monkeypatch.context() as patch:
        patch.setattr(SearchGraphs, "fill", lambda _: pytest.fail("it is compiled already"))
        OpenVINORuntime().search(pack, FIRST)
    compiled.unlink()
    same(OpenVINORuntime().search(pack, FIRST), pack, FIRST)
    assert compiled.is_file()
    assert not model.with_suffix(".bin").is_file()
    shutil.rmtree(model.parent / "compiled")
    monkeypatch.setattr("polycap.runtime.openvino_runtime.os.access", lambda *_: False)  # another user's cache
    same(OpenVINORuntime().search(pack, FIRST), pack, FIRST)


@pytest.mark.usefixtures("cache")
def test_a_constant_without_an_array_is_told(packs: list[Pack], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("polycap.runtime.search_graphs.search_constants", lambda *_: {})
    with pytest.raises(CaptionRuntimeError, match="can't be filled"):
        OpenVINORuntime().search(packs[0], FIRST)
