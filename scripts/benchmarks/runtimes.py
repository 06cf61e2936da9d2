"""`scripts/bench runtimes`: comparison of the captions of the two runtimes."""

import os
import statistics
import time
from typing import Any

from benchmarks.material import dataset
from benchmarks.options import Options

__all__ = ["rows"]


def rows(options: Options) -> list[dict[str, Any]]:
    """Compare captions of `--photos` dev photos with those of OpenVINO in float32, and compute BLEU of each.

    The int8 encoder is included if `polycap quantize` has been run. With POLYCAP_PRECISION=f32 all others are in
    float32: a difference is then a fault.
    """
    import numpy as np

    import polycap
    from polycap.errors import PhotoError
    from polycap.metrics import corpus_bleu
    from polycap.photos.batches import decode_batches

    names = ["openvino_f32", "openvino", "keras"]  # the first is what the others are compared with
    if _has_int8():
        names.insert(2, "openvino_int8")
    named = {name: (name.partition("_")[0], name.partition("_")[2] or None) for name in names}
    captioners = {
        name: polycap.load(options.language, runtime=runtime, precision=precision)
        for name, (runtime, precision) in named.items()
    }
    language = captioners["keras"].language
    dev = dataset(options).split("dev")[: options.photos or None]
    captions: dict[str, list[str]] = {name: [] for name in names}
    references: list[list[str]] = []
    cosines: dict[str, list[float]] = {name: [] for name in names[1:]}
    seconds = dict.fromkeys((f"{name}_{part}" for name in names for part in ("encoder", "search")), 0.0)
    for batch in decode_batches([(photo, photo.path) for photo in dev], captioners["keras"].encoder.size):
        good = [(photo, pixels) for photo, pixels in batch if not isinstance(pixels, PhotoError)]
        references += [[language.normalize(c.text) for c in photo.captions] for photo, _ in good]
        grids = {}
        for name, captioner in captioners.items():
            start = time.perf_counter()
            grids[name] = captioner.encoder.grid(np.stack([pixels for _, pixels in good]))
            encoded = time.perf_counter()
            captions[name] += [found[0].text for found in captioner.decode(grids[name])]
            seconds[f"{name}_encoder"] += encoded - start
            seconds[f"{name}_search"] += time.perf_counter() - encoded
        flat = {name: grid.reshape(len(good), -1).astype(np.float32) for name, grid in grids.items()}
        flat = {name: grid / np.linalg.norm(grid, axis=1, keepdims=True) for name, grid in flat.items()}
        for name, alike in cosines.items():
            alike += np.sum(flat[names[0]] * flat[name], axis=1).tolist()
    tokenizer = language.evaluation.sacrebleu_tokenizer
    row = {
        "bench": "runtimes",
        "photos": len(references),
        **{f"{name}_precision": captioner.encoder.precision for name, captioner in captioners.items()},
        **{f"{name}_same_captions": sum(map(str.__eq__, captions[names[0]], captions[name])) for name in cosines},
        **{f"{name}_cosine": f"{statistics.mean(all_):.6f} (from {min(all_):.6f})" for name, all_ in cosines.items()},
        **{f"{name}_bleu4": round(corpus_bleu(captions[name], references, tokenizer=tokenizer), 2) for name in names},
        # the first batch, which compiles, included
        **{f"{key}_ms_per_photo": round(1000 * each / len(references)) for key, each in seconds.items()},
        "load": round(os.getloadavg()[0], 1),
    }
    return [row]


def _has_int8() -> bool:
    from polycap.encoder.artefact import open_encoder
    from polycap.runtime.encoder_graphs import EncoderGraphs

    return EncoderGraphs(open_encoder()).int8_folder.is_dir()
