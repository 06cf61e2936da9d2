"""`polycap tune-encoder`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from polycap.cli.command import with_options
from polycap.cli.options import Data, MaxMegapixels, Origin, PrecisionName, RuntimeName, Weights, limit_photos
from polycap.cli.output import print_line
from polycap.machine.extras import require_keras

__all__ = ["tune_encoder"]


@dataclass(frozen=True, kw_only=True)
class TuneEncoderArguments:
    """Arguments of `polycap tune-encoder`."""

    data: Data
    captions: Annotated[
        list[str],
        typer.Option(
            metavar="CODE=FILE[,origin=…][,weight=…]",
            help="Captions of these photos in a language. With weight=0.5 they count half as much as others.",
        ),
    ]
    out: Annotated[Path, typer.Option(help="Folder of the results; an unfinished run there is resumed.")]
    origin: Origin = None
    tuning: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="NAME=VALUE",
            help="Setting of the tuning on words, such as words.epochs=3, or of the decoders, such as "
            "decoders.epochs=3.",
            show_default="those of `EncoderSettings`, and each language's [decoder]",
        ),
    ] = None
    components: Annotated[int, typer.Option(min=1, max=2048, help="Channels of the last cells after the PCA.")] = 512
    terms: Annotated[
        list[str] | None, typer.Option(help="Terms of the captions, for the cards.", show_default="none")
    ] = None
    encoder_weights: Weights = None
    runtime: RuntimeName = None
    precision: PrecisionName = None
    max_megapixels: MaxMegapixels = None


@with_options
def tune_encoder(options: TuneEncoderArguments) -> None:
    """Make an encoder that learned from captions.

    All languages share it. A run that was stopped is resumed.
    """
    from polycap.dataset import load_dataset
    from polycap.pipeline import tune
    from polycap.runtime.choose import open_runtime

    require_keras("polycap tune-encoder")
    limit_photos(options.max_megapixels)
    captions = tune.parse_captions(options.captions, options.origin)
    words, decoders = tune.parse_tuning(options.tuning or [], list(captions))
    chosen = tune.TuningOptions(
        words=words,
        decoders=decoders,
        components=options.components,
        terms=options.terms or (),
        encoder_weights=options.encoder_weights,
        runtime=open_runtime(options.runtime, precision=options.precision),
    )
    tuned = tune.tune_encoder(
        load_dataset(options.data), captions, options.out, chosen, on_step=lambda step: print_line(step.line())
    )
    for epoch in tuned.epochs:
        print_line(
            f"epoch {epoch['epoch']:.0f}: loss {epoch['loss']:.3f}, "
            f"mean average precision of words {epoch['mean_average_precision']:.3f}"
        )
    for row in tuned.scores:
        print_line(f"{row['language']}: dev BLEU-4 {row['bleu4']:.2f}")
    for folder in (*tuned.packs.values(), tuned.features, tuned.encoder):
        print_line(folder)
