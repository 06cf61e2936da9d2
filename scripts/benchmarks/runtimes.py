"""`scripts/bench runtimes`: how alike the captions of the two runtimes are."""

import os
import statistics
import time
from typing import Any

from benchmarks.material import dataset
from benchmarks.options import Options

__all__ = ["rows"]


def rows(options: Options) -> list[dict[str, Any]]:
    """How alike captions of `--photos` dev photos are by OpenVINO and by Keras: both from the photos, BLEU of each."""
    import numpy as np

    from polycap.captioning import Captioner
    from polycap.errors import PhotoError
    from polycap.features.extract import decode_batches
    from polycap.metrics import bleu

    names = ("openvino", "keras")
    captioners = {name: Captioner.load(options.language, runtime=name) for name in names}
    language = captioners["keras"].language
    dev = dataset(options).split("dev")[: options.photos or None]
    captions: dict[str, list[str]] = {name: [] for name in names}
    references, cosines = [], []
    seconds = dict.fromkeys((f"{name}_{part}" for name in names for part in ("encoder", "search")), 0.0)
    for batch in decode_batches([(photo, photo.path) for photo in dev], captioners["keras"].encoder.size):
        good = [(photo, pixels) for photo, pixels in batch if not isinstance(pixels, PhotoError)]
        references += [[language.normalize(c.text) for c in photo.captions] for photo, _ in good]
        grids = {}
        for name, captioner in captioners.items():
            start = time.perf_counter()
            grids[name] = captioner.encoder.grid(np.stack([pixels for _, pixels in good]))
            encoded = time.perf_counter()
            captions[name] += [found[0].caption for found in captioner.decode(grids[name])]
            seconds[f"{name}_encoder"] += encoded - start
            seconds[f"{name}_search"] += time.perf_counter() - encoded
        one, other = (grids[name].reshape(len(good), -1) for name in names)
        norms = np.linalg.norm(one, axis=1) * np.linalg.norm(other, axis=1)
        cosines += (np.sum(one * other, axis=1) / norms).tolist()
    tokenizer = language.evaluation.sacrebleu_tokenizer
    row = {
        "bench": "runtimes",
        "photos": len(references),
        "same_captions": sum(one == other for one, other in zip(*captions.values(), strict=True)),
        "cosine": f"{statistics.mean(cosines):.6f} (from {min(cosines):.6f})",
        **{f"{name}_bleu4": round(bleu(captions[name], references, tokenizer=tokenizer), 2) for name in names},
        # the first batch, which compiles, included
        **{f"{key}_ms_per_photo": round(1000 * each / len(references)) for key, each in seconds.items()},
        "load": round(os.getloadavg()[0], 1),
    }
    return [row]
