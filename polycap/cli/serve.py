"""`polycap serve`."""

from typing import Annotated

import typer

from polycap.captioning.options import CaptionerOptions
from polycap.cli.options import Beam, PrecisionName, RuntimeName, megapixels_option
from polycap.machine.extras import require_extra
from polycap.server.limits import DEFAULTS, Limits

__all__ = ["serve"]


def serve(
    host: Annotated[str, typer.Option(help="Address to listen at; 0.0.0.0 listens to other machines, too.")] = (
        "127.0.0.1"
    ),
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port; 0 is any free port.")] = 8000,
    language: Annotated[
        str | None,
        typer.Option(
            envvar="POLYCAP_LANGUAGE",
            help='Languages of requests that name none, loaded at the start: codes with commas between, or "all" '
            "trained languages.",
            show_default="all trained languages, each loaded by its first request",
        ),
    ] = None,
    beam: Beam = None,
    runtime: RuntimeName = None,
    precision: PrecisionName = None,
    max_photo_mb: Annotated[int, typer.Option(min=1, help="Megabytes of a photo, at most.")] = DEFAULTS.photo_mb,
    max_photos: Annotated[int, typer.Option(min=1, help="Photos of a request, at most.")] = DEFAULTS.photos,
    queue: Annotated[int, typer.Option(min=1, help="Photos in memory, at most; above, requests get status 503.")] = (
        DEFAULTS.queue
    ),
    memory_mb: Annotated[
        int, typer.Option(min=1, help="Megabytes of photos in memory, at most; above, requests get status 503.")
    ] = DEFAULTS.memory_mb,
    max_seconds: Annotated[int, typer.Option(min=1, help="Seconds for a request to arrive.")] = (DEFAULTS.seconds),
    max_megapixels: Annotated[float, megapixels_option()] = DEFAULTS.megapixels,
    decoding_seconds: Annotated[int, typer.Option(min=1, help="Seconds for a photo to be decoded.")] = (
        DEFAULTS.decoding_seconds
    ),
    allow_origin: Annotated[
        list[str] | None,
        typer.Option(help="Site whose pages may send requests from a browser (CORS), https://….", show_default="none"),
    ] = None,
) -> None:
    """Serve captions over HTTP, with a page to try it, until Ctrl-C."""
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
