"""`polycap tune-encoder`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from polycap.cli.command import with_options
from polycap.cli.options import Data, MaxMegapixels, Origin, PrecisionName, RuntimeName, Weights, limit_photos
from polycap.machine.extras import require_keras

__all__ = ["tune_encoder"]


@dataclass(frozen=True, kw_only=True)
class TuneEncoderArguments:
    """Arguments of `polycap tune-encoder`."""

    data: Data
    captions: Annotated[
        list[str],
        typer.Option(metavar="CODE=FILE[,origin=…]", help="Captions of these photos in a language."),
    ]
    out: Annotated[Path, typer.Option(help="Folder of the results; an unfinished run there is resumed.")]
    origin: Origin = None
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="NAME=VALUE",
            help="Setting of the tuning, such as epochs=3.",
            show_default="those of `EncoderSettings`",
        ),
    ] = None
    encoder_weights: Weights = None
    runtime: RuntimeName = None
    precision: PrecisionName = None
    max_megapixels: MaxMegapixels = None


@with_options
def tune_encoder(options: TuneEncoderArguments) -> None:
    """Tune the encoder on captions, for all languages. A run that was stopped is resumed."""
    from polycap.dataset import load_dataset
    from polycap.pipeline import tune
    from polycap.runtime.choose import open_runtime

    require_keras("polycap tune-encoder")
    limit_photos(options.max_megapixels)
    tuned = tune.tune_encoder(
        load_dataset(options.data),
        tune.parse_captions(options.captions, options.origin),
        options.out,
        encoder_weights=options.encoder_weights,
        runtime=open_runtime(options.runtime, precision=options.precision),
        settings=tune.parse_tuning(options.settings or []),
    )
    for epoch in tuned.epochs:
        typer.echo(
            f"epoch {epoch['epoch']:.0f}: loss {epoch['loss']:.3f}, "
            f"mean average precision of words {epoch['mean_average_precision']:.3f}"
        )
    typer.echo(tuned.weights)
