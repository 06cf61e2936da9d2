"""Tests of polycap/dataset/origins.py: whose captions are people's, and how a translation's origin is written."""

import pytest

from polycap.dataset import is_human, main_origin, translated_origin
from polycap.dataset.rows import is_origin
from translators import make_dataset

MACHINES = {
    "an engine": "mt:argos/en_de@1.0",
    "from people's captions": "mt:apertium/por-glg@0.9.3-1<human",
    "from revised captions": "mt:opencc/s2tw@1.4.2<human-revised",
    "from a person's translation": "mt:apertium/fra-oci@1.0.0-1<human-translation",
    "from an engine's captions": "mt:apertium/spa-cat@2.2.0-3<mt:nllb",
    "a chain from an engine's": "mt:apertium/cat-ita@0.2.2-1<mt:apertium/spa-cat@2.2.0-3<mt:nllb",
    "a chain from people's": "mt:apertium/cat-ita<mt:apertium/spa-cat<human",
    "a person's, from an engine's": "human-translation<mt:nllb",
    "one of both": "human+mt:apertium/spa-cat<human",
    "a Debian version with a plus": "mt:apertium/x-y@1+human<human",
}


@pytest.mark.parametrize("origin", MACHINES.values(), ids=MACHINES)
def test_such_an_origin_is_a_machines(origin: str) -> None:
    assert is_origin(origin)
    assert not is_human(origin)


@pytest.mark.parametrize("origin", ["human", "human-revised", "human-translation<human", "human+human-revised"])
def test_such_an_origin_is_peoples(origin: str) -> None:
    assert is_human(origin)


def test_the_whole_way_is_written() -> None:
    assert translated_origin("argos/en_de@1.0", "human", of_dataset=True) == "mt:argos/en_de@1.0"
    assert translated_origin("argos/en_de@1.0", "mt:x", of_dataset=True) == "mt:argos/en_de@1.0<mt:x"
    assert translated_origin("apertium/pt-gl@1", "human", of_dataset=False) == "mt:apertium/pt-gl@1<human"


def test_a_machines_origin_is_not_preferred() -> None:
    dataset = make_dataset([["a", "b", "c"], ["d"]])
    one, other = dataset.photos
    photos = [
        *dataset.with_captions({one.name: one.captions}, "human-translation<mt:nllb").photos,
        *dataset.with_captions({other.name: other.captions}, "human-revised").photos,
    ]
    assert main_origin(photos) == "human-revised"
