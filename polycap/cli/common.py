"""What the commands share: options that several have, and how they print."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any

import typer

__all__ = [
    "AsJson",
    "Captions",
    "Data",
    "Origin",
    "PackFolder",
    "RuntimeName",
    "Weights",
    "Work",
    "note",
    "note_all",
    "print_json",
    "print_row",
    "read_dataset",
]

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]
Weights = Annotated[Path | None, typer.Option(help="The encoder's weights (.safetensors, .h5, .keras or .whl).")]
RuntimeName = Annotated[
    str | None,
    typer.Option(
        "--runtime",
        envvar="POLYCAP_RUNTIME",
        help="What computes: openvino (fast), keras (the reference) or auto, the first that is there.",
    ),
]
PackFolder = Annotated[Path | None, typer.Option("--pack", help="A pack other than the language's own.")]
Work = Annotated[Path, typer.Option(help="The folder of all that builds make; languages in it share features.")]
Data = Annotated[Path, typer.Option(help="The dataset's folder: photos, captions, split files.")]
Captions = Annotated[
    list[str] | None,
    typer.Option(
        metavar="FILE[,origin=…][,weight=…]",
        help="Captions of these photos in the language; may be given again. With weight=2 they are learned from twice "
        "as often as a photo's others.",
    ),
]
Origin = Annotated[
    str | None, typer.Option(help="Who wrote captions of which their file does not say: human, which is so, mt:…")
]


def read_dataset(data: Path, captions: list[str], origin: str | None) -> Any:
    from polycap.dataset import CaptionSource, load_dataset, read_sources

    dataset = load_dataset(data)
    faults = list(dataset.faults)
    if captions:
        others, faults = read_sources(CaptionSource.parse(source, origin) for source in captions)
        chosen = dataset.with_captions(others)
        note_all(chosen.faults[len(dataset.faults) :])  # photos that are not there
        dataset = chosen
    if faults:
        note(f"{len(faults)} faults in {', '.join(captions) or data}, first: {faults[0]}")
    return dataset


def print_json(value: Any) -> None:
    typer.echo(json.dumps(value, ensure_ascii=False, indent=2))


def print_row(row: dict[str, Any]) -> None:
    for key, value in row.items():
        typer.echo(f"{key:20} {value:.2f}" if isinstance(value, float) else f"{key:20} {value}")


def note(message: str) -> None:
    typer.echo(f"polycap: {message}", err=True)


def note_all(messages: Iterable[object]) -> None:
    for message in messages:
        note(str(message))
