"""`polycap serve`."""

from dataclasses import dataclass
from typing import Annotated

import typer

from polycap.captioning.options import CaptionerOptions
from polycap.cli.command import with_options
from polycap.cli.options import Beam, EncoderFolder, PrecisionName, RuntimeName, megapixels_option
from polycap.machine.extras import require_extra
from polycap.server.limits import DEFAULTS, Limits

__all__ = ["serve"]


@dataclass(frozen=True, kw_only=True)
class ServeArguments:
    """Arguments of `polycap serve`."""

    host: Annotated[str, typer.Option(help="Address to listen at; 0.0.0.0 listens to other machines, too.")] = (
        "127.0.0.1"
    )
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port; 0 is any free port.")] = 8000
    language: Annotated[
        str | None,
        typer.Option(
            envvar="POLYCAP_LANGUAGE",
            help='Languages of requests that name none, loaded at the start: codes with commas between, or "all" '
            "trained languages.",
            show_default="what the browser's Accept-Language prefers, else en; each loaded by its first request",
        ),
    ] = None
    beam: Beam = None
    encoder: EncoderFolder = None
    runtime: RuntimeName = None
    precision: PrecisionName = None
    max_photo_mb: Annotated[int, typer.Option(min=1, help="Megabytes of a photo, at most.")] = DEFAULTS.photo_mb
    max_photos: Annotated[int, typer.Option(min=1, help="Photos of a request, at most.")] = DEFAULTS.photos
    queue: Annotated[int, typer.Option(min=1, help="Photos in memory, at most; above, requests get status 503.")] = (
        DEFAULTS.max_photos_in_memory
    )
    memory_mb: Annotated[
        int, typer.Option(min=1, help="Megabytes of photos in memory, at most; above, requests get status 503.")
    ] = DEFAULTS.memory_mb
    max_seconds: Annotated[int, typer.Option(min=1, help="Seconds for a request to arrive.")] = DEFAULTS.seconds
    max_megapixels: Annotated[float, megapixels_option()] = DEFAULTS.megapixels
    decoding_seconds: Annotated[int, typer.Option(min=1, help="Seconds for a photo to be decoded.")] = (
        DEFAULTS.decoding_seconds
    )
    allow_origin: Annotated[
        list[str] | None,
        typer.Option(help="Site whose pages may send requests from a browser (CORS), https://….", show_default="none"),
    ] = None
    allow_host: Annotated[
        list[str] | None,
        typer.Option(
            help="Name of the service in addresses, such as that of a proxy in front of it.",
            show_default="this machine's names where only it is listened to, else any",
        ),
    ] = None

    def limits(self) -> Limits:
        """Return the limits of the service."""
        return Limits(
            self.max_photo_mb,
            self.max_photos,
            self.queue,
            self.memory_mb,
            self.max_seconds,
            self.max_megapixels,
            self.decoding_seconds,
        )


@with_options
def serve(options: ServeArguments) -> None:
    """Serve captions and a page over HTTP, until Ctrl-C."""
    require_extra("server", "polycap serve")
    from polycap.server.serve import run_server

    run_server(
        options.host,
        options.port,
        languages=options.language,
        options=CaptionerOptions(
            beam=options.beam, encoder=options.encoder, runtime=options.runtime, precision=options.precision
        ),
        limits=options.limits(),
        allow_origins=options.allow_origin or [],
        allow_hosts=options.allow_host or [],
    )
