"""What `scripts/bench` runs: throughput and peak memory of a stage, over real photos. Prints a row, or JSON."""

import argparse
import json
import os
import resource
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

Row = dict[str, Any]


def main() -> None:
    """Parse, measure, print."""
    stages: dict[str, Callable[[argparse.Namespace], Row]] = {
        "features": bench_features,
        "train": bench_train,
        "caption": bench_caption,
    }
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("stage", choices=stages)
    parser.add_argument("--data", type=Path, required=True, help="a dataset's folder")
    parser.add_argument(
        "--features", type=Path, default=Path("features"), help="for train: what `polycap features` made"
    )
    parser.add_argument("--photos", type=int, default=512, help="photos to measure on; 0 means all")
    parser.add_argument("--language", default="en")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    start = time.perf_counter()
    row = stages[arguments.stage](arguments)
    row |= {
        "bench": arguments.stage,
        "whole_process_seconds": round(time.perf_counter() - start, 1),
        "peak_memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        "cores": os.cpu_count(),
    }
    print(json.dumps(row) if arguments.json else "  ".join(f"{key} {value}" for key, value in row.items()))


def bench_features(arguments: argparse.Namespace) -> Row:
    """Photos per second from file to stored feature, start-up apart."""
    from polycap.features.encoder import Encoder
    from polycap.features.extract import extract_features

    photos = [(photo.name, photo.path) for photo in _photos(arguments)]
    encoder = Encoder.load()
    with tempfile.TemporaryDirectory() as folder:
        extract_features(photos[:32], encoder, Path(folder) / "warm-up", progress=False)
        start = time.perf_counter()
        extract_features(photos, encoder, Path(folder) / "store", progress=False)
        seconds = time.perf_counter() - start
    return {"photos": len(photos), "photos_per_second": round(len(photos) / seconds, 2)}


def bench_train(arguments: argparse.Namespace) -> Row:
    """Caption tokens per second of one epoch over `--photos` train photos, after an epoch that compiles."""
    from dataclasses import replace

    from polycap.dataset import load_dataset
    from polycap.features.prepare import open_features
    from polycap.registry import get_language
    from polycap.training.run import TrainingInputs, train_decoder
    from polycap.training.settings import TrainingSettings

    dataset, opened = load_dataset(arguments.data), open_features(arguments.features)
    train = dataset.split("train")[: arguments.photos or None]
    dataset = replace(dataset, photos=(*train, *dataset.split("dev")[:16]))
    inputs = TrainingInputs(get_language(arguments.language), dataset, opened.stores, opened.pca)
    with tempfile.TemporaryDirectory() as folder:
        train_decoder(inputs, Path(folder), TrainingSettings(epochs=2), progress=False)
        header, *_, last = (Path(folder) / "log.csv").read_text(encoding="utf-8").splitlines()
    log = dict(zip(header.split(","), map(float, last.split(",")), strict=True))
    return {"photos": len(train), "tokens_per_second": round(log["tokens_per_second"])}


def bench_caption(arguments: argparse.Namespace) -> Row:
    """Captions per second from photo files, with the language's own search settings, start-up apart."""
    from polycap.captioning import Captioner, caption_photos

    paths = [photo.path for photo in _photos(arguments)]
    captioner = Captioner.load(arguments.language)
    list(caption_photos(paths[:32], [captioner]))
    start = time.perf_counter()
    done = sum(1 for _ in caption_photos(paths, [captioner]))
    return {"photos": done, "captions_per_second": round(done / (time.perf_counter() - start), 2)}


def _photos(arguments: argparse.Namespace) -> list[Any]:
    from polycap.dataset import load_dataset

    return list(load_dataset(arguments.data).photos[: arguments.photos or None])


if __name__ == "__main__":
    main()
