"""What `scripts/bench` runs: throughput and peak memory of a stage, over real photos. Prints a row, or JSON."""

import argparse
import json
import os
import random
import resource
import shutil
import statistics
import subprocess
import sys
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
        "translate": bench_translate,
        "killed": bench_killed,
        "startup": bench_startup,
        "runtimes": bench_runtimes,
    }
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("stage", choices=stages)
    parser.add_argument("--data", type=Path, help="a dataset's folder; startup needs none")
    parser.add_argument(
        "--features", type=Path, default=Path("features"), help="for train: what `polycap features` made"
    )
    parser.add_argument("--photos", type=int, default=512, help="photos to measure on; 0 means all")
    parser.add_argument("--language", default="en")
    parser.add_argument("--package", type=Path, help="for translate and killed: an .argosmodel file")
    parser.add_argument("--captions", type=int, default=500, help="for translate: how many, from all over the dataset")
    parser.add_argument("--repeats", type=int, default=5, help="for translate: times that each side has its turn")
    parser.add_argument("--kills", type=int, default=20, help="for killed: how often")
    parser.add_argument("--seconds", type=float, default=11.0, help="for killed: how long a run lives at most")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    if arguments.data is None and arguments.stage != "startup":
        parser.error(f"{arguments.stage} needs --data")
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


def bench_translate(arguments: argparse.Namespace) -> Row:
    """Captions per second of polycap's Argos engine and of Argos itself, in turns; models are loaded before."""
    if not arguments.package:
        raise SystemExit("scripts/bench translate needs --package FILE.argosmodel")
    texts = _captions(arguments)
    with tempfile.TemporaryDirectory() as folder:
        # nobody's packages and settings; Argos reads this when it is imported
        os.environ |= dict.fromkeys(("XDG_DATA_HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME"), folder)
        os.environ["ARGOS_PACKAGES_DIR"] = f"{folder}/packages"
        from polycap.translation.argos import ArgosEngine
        from polycap.translation.argos_model import worker_count

        package = ArgosEngine().install_file(arguments.package)
        ours = ArgosEngine().open(*package.pair)
        from argostranslate import settings, translate

        sides: dict[str, Callable[[list[str]], list[str]]] = {
            "polycap": lambda some: [translation.text for translation in ours.translate(some)],
            "argos": lambda some: [translate.translate(text, *package.pair) for text in some],
        }
        seconds, found = _in_turns(sides, texts, arguments.repeats)
    ratios = [theirs / own for own, theirs in zip(seconds["polycap"], seconds["argos"], strict=True)]
    return {
        **{"package": package.facts.identity, "captions": len(texts), "repeats": arguments.repeats},
        **{f"{side}_captions_per_second": _spread([len(texts) / each for each in seconds[side]]) for side in sides},
        "times_as_fast": _spread(ratios),
        "different_texts": sum(one != other for one, other in zip(*found.values(), strict=True)),
        "beam": settings.beam_size,
        "polycap_threads": f"{worker_count()}x1",
        "argos_threads": f"{settings.inter_threads}x{settings.intra_threads or 'auto'}",
        "load": round(os.getloadavg()[0], 1),
    }


def bench_killed(arguments: argparse.Namespace) -> Row:
    """All captions translated twice, once with `kill -9` again and again: are the files the same to the byte?"""
    if not arguments.package:
        raise SystemExit(
            "scripts/bench killed needs --package FILE.argosmodel and the --language that it translates to"
        )
    code, chance = arguments.language, random.Random(0)
    with tempfile.TemporaryDirectory() as place:
        environment = {**os.environ, "ARGOS_PACKAGES_DIR": f"{place}/packages"}

        def start(folder: str, *more: str) -> subprocess.Popen[bytes]:
            out = f"{place}/{folder}/{code}.jsonl"
            command = [sys.executable, "-m", "polycap", "translate", code, "--data", str(arguments.data), "--out", out]
            return subprocess.Popen([*command, *more], env=environment, stdout=subprocess.DEVNULL)

        begun = time.perf_counter()
        if start("whole", "--package", str(arguments.package)).wait():
            raise SystemExit("the undisturbed run failed")
        whole = time.perf_counter() - begun
        kills, status = 0, None
        while status is None:
            run = start("killed")
            try:  # after a kill too many the rest is left in peace
                status = run.wait(chance.uniform(0.4, 1.0) * arguments.seconds if kills < arguments.kills else None)
            except subprocess.TimeoutExpired:
                run.kill()
                run.wait()
                kills += 1
        names = [f"{code}.jsonl", f"{code}.dropped.jsonl"]
        files = [[Path(place, folder, name).read_bytes() for name in names] for folder in ("whole", "killed")]
        return {
            "kills": kills,
            "same_bytes": files[0] == files[1],
            "captions": files[0][0].count(b"\n"),
            "whole_seconds": round(whole, 1),
            "child_peak_memory_mb": resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024,
        }


def bench_runtimes(arguments: argparse.Namespace) -> Row:
    """How alike captions of `--photos` dev photos are to those of OpenVINO in whole float32, and BLEU of each.

    With POLYCAP_PRECISION=f32 all three are in float32: what then differs is a fault.
    """
    import numpy as np

    from polycap.captioning import Captioner
    from polycap.dataset import load_dataset
    from polycap.errors import PhotoError
    from polycap.features.extract import decode_batches
    from polycap.metrics import bleu

    names = ("openvino_f32", "openvino", "keras")  # the first is what the others are compared with
    named = {name: (name.partition("_")[0], name.partition("_")[2] or None) for name in names}
    captioners = {
        name: Captioner.load(arguments.language, runtime=runtime, precision=precision)
        for name, (runtime, precision) in named.items()
    }
    language = captioners["keras"].language
    dev = load_dataset(arguments.data).split("dev")[: arguments.photos or None]
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
            captions[name] += [found[0].caption for found in captioner.decode(grids[name])]
            seconds[f"{name}_encoder"] += encoded - start
            seconds[f"{name}_search"] += time.perf_counter() - encoded
        flat = {name: grid.reshape(len(good), -1) for name, grid in grids.items()}
        flat = {name: grid / np.linalg.norm(grid, axis=1, keepdims=True) for name, grid in flat.items()}
        for name, found in cosines.items():
            found += np.sum(flat[names[0]] * flat[name], axis=1).tolist()
    tokenizer = language.evaluation.sacrebleu_tokenizer
    return {
        "photos": len(references),
        **{f"{name}_precision": captioner.encoder.precision for name, captioner in captioners.items()},
        **{f"{name}_same_captions": sum(map(str.__eq__, captions[names[0]], captions[name])) for name in cosines},
        **{f"{name}_cosine": f"{statistics.mean(all_):.6f} (from {min(all_):.6f})" for name, all_ in cosines.items()},
        **{f"{name}_bleu4": round(bleu(captions[name], references, tokenizer=tokenizer), 2) for name in names},
        # the first batch, which compiles, included
        **{f"{key}_ms_per_photo": round(1000 * each / len(references)) for key, each in seconds.items()},
        "load": round(os.getloadavg()[0], 1),
    }


def bench_startup(arguments: argparse.Namespace) -> Row:
    """Seconds of whole processes, in turns: `polycap languages` with 50 folders, `polycap caption` of one photo by each
    runtime, and a Python that does nothing.

    Of the wall's and of the processor's: the latter say more where other programs run beside.
    """
    from polycap.registry import available_languages
    from polycap.samples import sample_photos

    built_in = [entry.folder for entry in available_languages()]
    with tempfile.TemporaryDirectory() as place:
        for number in range(max(0, 50 - len(built_in))):  # private-use codes: qaa, qab, …
            code = f"qa{chr(ord('a') + number)}"
            shutil.copytree(built_in[number], Path(place) / code, ignore=shutil.ignore_patterns("pack"))
            toml = Path(place) / code / "language.toml"
            text = toml.read_text(encoding="utf-8").replace(f'code = "{built_in[number].name}"', f'code = "{code}"')
            toml.write_text(text, encoding="utf-8")
        environment = {**os.environ, "POLYCAP_LANGUAGES": place}
        polycap, photo = ["-m", "polycap"], str(sample_photos()[0].path)
        commands = {
            "polycap_languages": [*polycap, "languages"],
            "caption_openvino": [*polycap, "caption", "--runtime", "openvino", photo],
            "caption_keras": [*polycap, "caption", "--runtime", "keras", photo],
            "python": ["-c", "pass"],
        }

        cpu: dict[str, list[float]] = {name: [] for name in commands}

        def run(name: str) -> list[str]:
            before = _children_seconds()
            done = subprocess.run(
                [sys.executable, *commands[name]], env=environment, capture_output=True, text=True, check=True
            )
            cpu[name].append(_children_seconds() - before)
            return done.stdout.splitlines()

        sides: dict[str, Callable[[list[str]], list[str]]] = {
            name: lambda _, name=name: run(name)  # bound now, not when called
            for name in commands
        }
        seconds, found = _in_turns(sides, [], arguments.repeats)
    return {
        "folders": len(found["polycap_languages"]),
        "repeats": arguments.repeats,
        **{f"{side}_seconds": _spread(seconds[side]) for side in sides},
        **{f"{side}_cpu_seconds": _spread(cpu[side][1:]) for side in sides},  # the first is the warm-up
        "load": round(os.getloadavg()[0], 1),
    }


def _in_turns(
    sides: dict[str, Callable[[list[str]], list[str]]], texts: list[str], repeats: int
) -> tuple[dict[str, list[float]], dict[str, list[str]]]:
    """Each side's seconds for all texts, by turn, after a few that warm it up; and what it last returned."""
    seconds: dict[str, list[float]] = {side: [] for side in sides}
    found = {side: translate(texts[:5]) for side, translate in sides.items()}
    for _ in range(repeats):
        for side, translate in sides.items():
            start = time.perf_counter()
            found[side] = translate(texts)
            seconds[side].append(time.perf_counter() - start)
    return seconds, found


def _children_seconds() -> float:
    """Processor time, user and system, of all processes that this one has waited for."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def _spread(values: list[float]) -> str:
    return f"{statistics.median(values):.3g} ({min(values):.3g} to {max(values):.3g})"


def _captions(arguments: argparse.Namespace) -> list[str]:
    """As many different captions as asked, evenly from the whole dataset."""
    from polycap.dataset import load_dataset

    photos = load_dataset(arguments.data).photos
    texts = list(dict.fromkeys(" ".join(caption.text.split()) for photo in photos for caption in photo.captions))
    return texts[:: max(1, len(texts) // arguments.captions)][: arguments.captions]


def _photos(arguments: argparse.Namespace) -> list[Any]:
    from polycap.dataset import load_dataset

    return list(load_dataset(arguments.data).photos[: arguments.photos or None])


if __name__ == "__main__":
    main()
