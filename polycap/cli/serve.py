"""The command that serves captions over HTTP."""

from typing import Annotated

import typer

from polycap.captioning.options import CaptionerOptions
from polycap.cli.options import PrecisionName, RuntimeName
from polycap.machine.extras import require_extra
from polycap.server.limits import DEFAULTS, Limits

__all__ = ["serve"]


def serve(
    host: Annotated[str, typer.Option(help="The address to listen at; 0.0.0.0 is all, for other machines, too.")] = (
        "127.0.0.1"
    ),
    port: Annotated[int, typer.Option(min=0, max=65535, help="The port; 0 is any that is free.")] = 8000,
    language: Annotated[
        str | None,
        typer.Option(
            envvar="POLYCAP_LANGUAGE",
            help='Codes with commas between, or "all" that are trained: loaded at the start, and what requests that '
            "name none get. By default these get all that are trained, each loaded when it is first asked for.",
        ),
    ] = None,
    beam: Annotated[int | None, typer.Option(min=1, max=64, help="Beam width; 1 is greedy.")] = None,
    runtime: RuntimeName = None,
    precision: PrecisionName = None,
    max_photo_mb: Annotated[int, typer.Option(min=1, help="Megabytes of a photo, at most.")] = DEFAULTS.photo_mb,
    max_photos: Annotated[int, typer.Option(min=1, help="Photos of a request, at most.")] = DEFAULTS.photos,
    queue: Annotated[int, typer.Option(min=1, help="Photos in memory, at most; above, requests get status 503.")] = (
        DEFAULTS.queue
    ),
    memory_mb: Annotated[
        int, typer.Option(min=1, help="Megabytes of their files, at most; above, requests get status 503.")
    ] = DEFAULTS.memory_mb,
    max_seconds: Annotated[int, typer.Option(min=1, help="Seconds in which a request must have arrived.")] = (
        DEFAULTS.seconds
    ),
    max_megapixels: Annotated[
        float,
        typer.Option(
            "--max-megapixels",
            envvar="POLYCAP_MAX_MEGAPIXELS",
            min=0.01,
            help="Decoded megapixels of a photo, at most. A JPEG is decoded smaller: a baseline one may have 250, a "
            "progressive one 60.",
        ),
    ] = DEFAULTS.megapixels,
    decoding_seconds: Annotated[int, typer.Option(min=1, help="Seconds in which a photo must be decoded.")] = (
        DEFAULTS.decoding_seconds
    ),
    allow_origin: Annotated[
        list[str] | None,
        typer.Option(help="A site whose pages may ask from a browser (CORS), https://…; may be given again."),
    ] = None,
) -> None:
    """Serve captions and a page over HTTP, until Ctrl-C."""
    require_extra("server", "polycap serve")
    from polycap.server.serve import run_server as run

    run(
        host,
        port,
        languages=language,
        options=CaptionerOptions(beam=beam, runtime=runtime, precision=precision),
        limits=Limits(max_photo_mb, max_photos, queue, memory_mb, max_seconds, max_megapixels, decoding_seconds),
        allow_origins=allow_origin or [],
    )
