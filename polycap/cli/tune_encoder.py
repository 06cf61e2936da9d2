"""`polycap tune-encoder`."""

from pathlib import Path
from typing import Annotated

import typer

from polycap.cli.options import Data, MaxMegapixels, Origin, PrecisionName, RuntimeName, Weights, limit_photos
from polycap.machine.extras import require_keras

__all__ = ["tune_encoder"]


def tune_encoder(
    data: Data,
    captions: Annotated[
        list[str],
        typer.Option(metavar="CODE=FILE[,origin=…]", help="Captions of these photos in a language (repeatable)."),
    ],
    out: Annotated[Path, typer.Option(help="Folder of the results; an unfinished run there is resumed.")],
    origin: Origin = None,
    setting: Annotated[
        list[str] | None, typer.Option("--set", help="Setting of the tuning, such as epochs=3 (repeatable).")
    ] = None,
    encoder_weights: Weights = None,
    runtime: RuntimeName = None,
    precision: PrecisionName = None,
    max_megapixels: MaxMegapixels = None,
) -> None:
    """Tune the encoder on captions, for all languages. Resumes where it was stopped."""
    from polycap.dataset import load_dataset
    from polycap.pipeline import tune
    from polycap.runtime.choose import open_runtime

    require_keras("polycap tune-encoder")
    limit_photos(max_megapixels)
    tuned = tune.tune_encoder(
        load_dataset(data),
        tune.parse_captions(captions, origin),
        out,
        encoder_weights=encoder_weights,
        runtime=open_runtime(runtime, precision=precision),
        settings=tune.parse_tuning(setting or []),
    )
    for epoch in tuned.epochs:
        typer.echo(
            f"epoch {epoch['epoch']:.0f}: loss {epoch['loss']:.3f}, "
            f"mean average precision of words {epoch['mean_average_precision']:.3f}"
        )
    typer.echo(tuned.weights)
