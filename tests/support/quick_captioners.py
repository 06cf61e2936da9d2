"""Captioners that compute quickly, by OpenVINO: for many calls, and for processes that must not load Keras."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

import polycap
from polycap.captioning.captioner import Captioner
from polycap.captioning.group import CaptionerGroup
from polycap.encoder.artefact import open_encoder
from polycap.encoder.identity import CELLS, CHANNELS, SIZE
from polycap.language.settings import DecodingSettings
from polycap.machine.telemetry import import_openvino
from polycap.runtime.openvino_runtime import ExportedEncoder, OpenVINORuntime

__all__ = ["caption_some", "load_two", "write_quick_graph"]


def write_quick_graph(path: Path) -> None:
    """Write a graph for use in place of the encoder's: a pixel of each of 10 × 10 cells, times random numbers."""
    openvino = import_openvino()
    opset = openvino.opset13
    photos = opset.parameter([-1, SIZE, SIZE, 3], np.uint8)
    pixels = np.arange(15, SIZE, 30)
    rows = opset.gather(photos, opset.constant(pixels), opset.constant(1))
    cells = opset.gather(rows, opset.constant(pixels), opset.constant(2))
    cells = opset.reshape(opset.convert(cells, "f32"), opset.constant([-1, CELLS, 3]), special_zero=False)
    colours = np.random.default_rng(0).normal(size=(3, CHANNELS)).astype(np.float32) / 255
    grid = opset.convert(opset.matmul(cells, opset.constant(colours), False, False), "f16")
    openvino.save_model(openvino.Model([opset.result(grid)], [photos]), path, compress_to_fp16=False)


def load_two(codes: Sequence[str], pack: Path, graph: Path) -> list[Captioner]:
    """Two languages' captioners over one encoder, with one pack and two searches."""
    artefact = open_encoder()
    encoder = ExportedEncoder(artefact.features, "f32", graph, "f32", artefact)
    runtime, narrow = OpenVINORuntime("f32"), DecodingSettings(beam_width=1, max_length=5)
    first = polycap.load(codes[0], pack=pack, encoder=encoder, runtime=runtime)
    return [first, polycap.load(codes[1], pack=pack, encoder=encoder, runtime=runtime, decoding=narrow)]


def caption_some(captioners: list[Captioner], photos: Sequence[Any], size: int, start: int) -> list[list[str]]:
    """The captions of `size` photos, the first by `start`, with their scores."""
    chosen = [photos[(7 * start + number) % len(photos)] for number in range(size)]
    captions = CaptionerGroup(captioners)(chosen)
    return [[f"{caption.text} {caption.score}" for caption in by_code.values()] for by_code in captions]
