"""A world small enough to train in: twelve photos, a made-up language, features of random numbers, a tiny decoder.

What takes long is made once for all tests: `support/tiny_fixtures.py` has the fixtures.
"""

import contextlib
import io
import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw

# Before TensorFlow looks: whole float32, so that what should be equal is equal.
os.environ["ONEDNN_DEFAULT_FPMATH_MODE"] = "STRICT"

from encoders import CELLS as CELLS
from encoders import CHANNELS as CHANNELS
from encoders import FEATURES, make_encoder, make_pca
from polycap.decoder.base import Decoder
from polycap.decoder.kinds import DECODERS, build_decoder
from polycap.decoder.settings import DecoderSettings
from polycap.decoder.shapes import photo_shapes
from polycap.decoder.weights import named_weights
from polycap.encoder.artefact import EncoderArtefact
from polycap.encoder.pca import FeaturePCA
from polycap.features.store import FeatureStore, StoreWriter
from polycap.pack.card import Card
from polycap.text.tokenizer import Tokenizer
from polycap.training.settings import TrainingSettings

CODE, OTHER_CODE = "qaa", "qab"
KINDS = sorted(DECODERS)
COLOURS, SHAPES = ("red", "green", "blue", "black"), ("circle", "square", "bar")
TEMPLATES = ("A {0} {1} on white.", "the {1} is {0}", "One {0} {1}!", "here is a {0} {1}", "a {1}, {0} and small")

LANGUAGE = """
schema = 1
code = "{code}"
name = "Tiny"
native_name = "ynit"
script = "Latn"
direction = "{direction}"

[tokenizer]
vocab_size = 60

[decoding]
beam_width = 3
max_length = 12
length_penalty = 0.7
min_length = 3
minimum_bayes_risk = false
"""


def make_data(folder: Path) -> Path:
    """Twelve photos with five captions each, in Kaggle's layout, split 8, 2 and 2."""
    (folder / "Images").mkdir(parents=True)
    lines = ["image,caption"]
    names = []
    for number, (colour, shape) in enumerate((c, s) for s in SHAPES for c in COLOURS):
        name = f"p{number:02d}.jpg"
        names.append(name)
        photo = Image.new("RGB", (64, 48), "white")
        pen, box = ImageDraw.Draw(photo), (12, 8, 44, 40)
        pen.ellipse(box, colour) if shape == "circle" else pen.rectangle(
            box if shape == "square" else (0, 8, 63, 16), colour
        )
        photo.save(folder / "Images" / name)
        lines += [f'{name},"{template.format(colour, shape)}"' for template in TEMPLATES]
    (folder / "captions.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    order = names[::5] + [n for n in names if n not in names[::5]]  # 0, 5 and 10 first: each shape, three colours
    for split, chosen in (("test", order[:2]), ("dev", order[2:4]), ("train", order[4:])):
        text = "".join(f"{name}\n" for name in sorted(chosen))
        (folder / f"Flickr_8k.{split}Images.txt").write_text(text, encoding="utf-8")
    return folder


def make_language(place: Path, code: str = CODE, direction: str = "ltr") -> Path:
    """A language folder in `place`."""
    folder = place / code
    folder.mkdir(parents=True)
    (folder / "language.toml").write_text(LANGUAGE.format(code=code, direction=direction), encoding="utf-8")
    return folder


def make_store(folder: Path, names: list[str], *, seed: int = 0, mirrored: bool = False, **more: Any) -> FeatureStore:
    """A feature store of random numbers."""
    features = np.random.default_rng(seed).normal(size=(len(names), CELLS, CHANNELS)).astype(np.float16)
    options = {"encoder": FEATURES, "pca": make_pca().identity, **more}  # of the tiny artefact
    StoreWriter(folder, names, (CELLS, CHANNELS), mirrored=mirrored, **options).write(dict(enumerate(features)), {})
    return FeatureStore(folder)


def make_decoder(kind: str, *, seed: int = 0, scale: float = 3.0, **sizes: Any) -> Decoder:
    """A decoder with random weights; a `scale` above 1 makes it speak its mind."""
    decoder = build_decoder(decoder_settings(kind, **sizes))
    generator = np.random.default_rng(seed)
    # The photo layers' place comes first, whatever layer has it: tests are about the captions of these very weights.
    for weight in sorted(decoder.trainable_variables, key=lambda weight: str(weight.name) != "place"):
        fan_in = weight.shape[0] if len(weight.shape) > 1 else 4
        weight.assign(generator.normal(size=weight.shape, scale=scale / fan_in**0.5))
    return decoder


def decoder_settings(kind: str, **sizes: Any) -> DecoderSettings:
    """Sizes of a tiny decoder."""
    values = {"vocab_size": 30, "cells": CELLS, "channels": CHANNELS, "units": 16, "embedding": 12, **sizes}
    return DecoderSettings.model_validate({"kind": kind, **values})


def make_features(photos: int, *, seed: int = 0, cells: int = CELLS, channels: int = CHANNELS) -> Any:
    """Random features, `(photos, cells, channels) float32`."""
    return np.random.default_rng(seed).normal(size=(photos, cells, channels)).astype(np.float32)


def photo_layers_of(decoder: Decoder) -> dict[str, Any]:
    """The weights of a decoder's photo layers; none of a kind without them."""
    weights = named_weights(decoder)
    return {name: np.asarray(weights[name]) for name in photo_shapes(decoder.settings)}


def encoder_of(folder: Path, decoder: Decoder, pca: FeaturePCA | None = None) -> EncoderArtefact:
    """An artefact that has a decoder's photo layers."""
    return make_encoder(folder, pca=pca, photo_layers=photo_layers_of(decoder), cells=decoder.settings.cells)


def make_card(decoder: Decoder, tokenizer: Tokenizer, encoder: EncoderArtefact | str = "tiny") -> Card:
    """A card for a pack of these parts."""
    return Card(
        language=CODE,
        decoder=decoder.settings,
        encoder=encoder if isinstance(encoder, str) else encoder.identity,
        tokenizer=tokenizer.identity,
        data={"name": "twelve photos"},
        terms=["made up: use it as you like"],
        training={"epochs": 0},
        created="2020-02-02",
        versions={"polycap": "0"},
    )


def training_settings(**values: Any) -> TrainingSettings:
    """A recipe that takes a second. The step of training is traced token by token: captions are short."""
    recipe = {"units": 16, "embedding": 12, "epochs": 3, "photos_per_batch": 4, "learning_rate": 0.02, "seed": 5}
    recipe |= {"self_critical_epochs": 0, "max_tokens": 8}
    return TrainingSettings.model_validate({**recipe, **values})


RECIPE = training_settings(
    kind="merge",  # the one that learns fastest
    units=32,
    embedding=16,
    photos_per_batch=2,
    max_tokens=30,
    epochs=20,
    ema_decay=0.8,
    label_smoothing=0.0,
    feature_dropout=0.0,
    embedding_dropout=0.0,
    output_dropout=0.0,
)
"""A recipe after which captions are sentences."""


def change_json(path: Path, **values: Any) -> None:
    """Set keys of the JSON object in `path`."""
    path.write_text(json.dumps({**json.loads(path.read_text(encoding="utf-8")), **values}), encoding="utf-8")


# --- the command line, in this process ---


@dataclass(frozen=True)
class Finished:
    """What a command left: its exit status and what it printed."""

    status: int
    out: str
    err: str

    @property
    def rows(self) -> list[dict[str, Any]]:
        """The JSON Lines of its output."""
        return [json.loads(line) for line in self.out.splitlines()]

    def fault(self) -> str:
        """The one line that it printed as it failed, checked to be one."""
        assert self.status == 1, self
        assert "Traceback" not in self.err
        [line] = self.err.splitlines()
        assert line.startswith("polycap: ")
        return line


def run_polycap(*arguments: object) -> Finished:
    """`polycap ARGUMENTS…` by the entry point that the console script calls."""
    from polycap.cli import main

    out, err = io.StringIO(), io.StringIO()
    status: Any = 0
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        patch.setattr(sys, "argv", ["polycap", *map(str, arguments)])
        try:
            main()
        except SystemExit as stop:
            status = stop.code or 0
    if isinstance(status, str):  # the interpreter prints it and exits with 1
        err.write(f"{status}\n")
        status = 1
    return Finished(status, out.getvalue(), err.getvalue())


@dataclass(frozen=True)
class World:
    """What the commands `features` and `train` left behind, from twelve photos and a random Xception.

    Attributes:
        data: the dataset's folder: the twelve photos and `corrupt.jpg` of the train split, which is no photo.
        places: what `POLYCAP_LANGUAGES` is set to: `qaa` is trained, `qab` (right to left) is not.
        encoder: folder of the encoder's artefact.
        features: what `polycap features` made.
        run: the run's folder.
        pack: the run's pack, which `qaa` has too.
        printed: what the two commands printed.
    """

    data: Path
    places: Path
    encoder: Path
    features: Path
    run: Path
    pack: Path
    printed: tuple[Finished, Finished]
