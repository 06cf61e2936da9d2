"""Routes of the service."""

import asyncio
import logging
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, FastAPI, HTTPException, Query, Request
from fastapi.responses import HTMLResponse, JSONResponse, Response
from starlette.middleware.cors import CORSMiddleware

from polycap.captioning.rows import AnswerRow
from polycap.errors import PolycapError
from polycap.language.own import accepted_language
from polycap.language.tags import same_language
from polycap.server.answers import CaptionAnswer, Health, LanguageRow, PhotoErrorAnswer, Problem
from polycap.server.capacity import Capacity
from polycap.server.errors import add_handlers, require_known
from polycap.server.limits import Limits
from polycap.server.page import Page
from polycap.server.sites import SiteGuard
from polycap.server.upload import FORM, PHOTOS, read_upload
from polycap.server.worker import Worker

__all__ = ["MAX_N_BEST", "Service", "create_app"]

logger = logging.getLogger(__name__)

ALL = "all"
MAX_N_BEST = 64
"""Maximum number of candidates per caption: the maximum width of the search."""


@dataclass(frozen=True)
class Service:
    """State of the service that the routes use.

    Attributes:
        worker: running worker.
        languages: all languages, as `polycap languages --json` prints them.
        usable: codes of the languages that have captions, for requests for "all".
        named: codes that the server was started with, for requests that name no language; empty if it was started with
            none: then the browser's header `Accept-Language` chooses.
        fallback: code of the language for other requests.
        limits: limits of the requests.
        version: version of polycap.
        runtime: name of the runtime.
    """

    worker: Worker
    languages: Sequence[AnswerRow]
    usable: Sequence[str]
    named: Sequence[str]
    fallback: str
    limits: Limits
    version: str
    runtime: str

    def choose(self, values: Sequence[str], accepted: str = "") -> list[str]:
        """Return the codes in values such as "de", "de,fr" and "all"; without any, those of `default`.

        Args:
            values: values of the parameter `language`.
            accepted: the header `Accept-Language`. (default: none)

        Raises:
            HTTPException: 404, a code has no trained language.
        """
        codes = list(dict.fromkeys(code.strip() for value in values for code in value.split(",") if code.strip()))
        if ALL in codes:
            return list(self.usable)
        rows = {row["code"]: row for row in self.languages}
        codes = list(dict.fromkeys(code if code in rows else same_language(code, rows) or code for code in codes))
        for code in codes:
            row = rows.get(code)
            if row is None or row["status"] != "trained":
                trained = ", ".join(row["code"] for row in self.languages if row["status"] == "trained")
                fault = f"language {code!r} has no trained pack" if row else f"unknown language {code!r}"
                raise HTTPException(404, f"{fault}; captions come in {trained}")
        return codes or self.default(accepted)

    def default(self, accepted: str) -> list[str]:
        """Return the codes for a request that names none, by its header `Accept-Language`."""
        return list(self.named) or [accepted_language(accepted, self.usable) or self.fallback]


_PHOTOS_SCHEMA = {"type": "array", "items": {"type": "string", "format": "binary"}, "description": "Image files."}
_LANGUAGE = (
    'Codes of languages, repeatable or separated by commas, or "all". (default: the languages that the server was '
    "started with; else the trained language that suits `Accept-Language` best, else English)"
)
_N_BEST = "Maximum number of captions per photo and language, at most the width of the search (--beam)."
_FORM_SCHEMA = {
    "type": "object",
    "required": [PHOTOS],
    "properties": {
        PHOTOS: _PHOTOS_SCHEMA,
        "language": {"type": "array", "items": {"type": "string"}, "description": _LANGUAGE},
        "n_best": {"type": "integer", "minimum": 1, "maximum": MAX_N_BEST, "default": 1, "description": _N_BEST},
    },
}
_BODY = {
    "requestBody": {
        "required": True,
        "content": {
            FORM: {"schema": _FORM_SCHEMA, "encoding": {"language": {"style": "form", "explode": True}}},
            "image/*": {"schema": {"type": "string", "format": "binary", "description": "One image file."}},
        },
    }
}
_CAPTIONS = list[CaptionAnswer | PhotoErrorAnswer]
_PROBLEMS: dict[int | str, dict[str, Any]] = {
    400: {"model": Problem, "description": "The body can't be read."},
    404: {
        "model": Problem,
        "description": "No trained language has this code; the message lists the trained languages.",
    },
    408: {"model": Problem, "description": "The body did not arrive in time."},
    413: {"model": Problem, "description": "A photo is too large, or there are too many of them."},
    415: {"model": Problem, "description": "The body is neither a form nor an image."},
    422: {"model": _CAPTIONS | Problem, "description": "None of the photos can be read, or a value is not allowed."},
    500: {"model": Problem, "description": "Captioning failed; the request is valid."},
    503: {
        "model": Problem,
        "description": "The capacity is reserved by other requests; try again after the seconds in `Retry-After`.",
    },
}


def create_app(
    service: Service, allow_origins: Sequence[str] = (), hosts: Sequence[str] = (), allow_hosts: Sequence[str] = ()
) -> FastAPI:
    """Return the application.

    Args:
        service: state of the service, with a running worker.
        allow_origins: web sites whose pages may send requests (CORS). (default: none)
        hosts, allow_hosts: as for `SiteGuard`. (default: none)
    """
    app = FastAPI(
        title="polycap",
        summary="Photos described in your own language.",
        description="Captions of photos, such as alternative texts, in each language that has a trained pack.",
        version=service.version,
        docs_url=None,  # FastAPI's pages of documentation load scripts from other hosts
        redoc_url=None,
    )
    app.include_router(_captions(service))
    app.include_router(_facts(service))
    add_handlers(app)
    if allow_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=list(allow_origins),
            allow_methods=["GET", "POST"],
            expose_headers=["Retry-After"],
        )
    app.add_middleware(SiteGuard, hosts=hosts, allow_hosts=allow_hosts, allow_origins=allow_origins)
    return app


def _captions(service: Service) -> APIRouter:
    router, capacity = APIRouter(), Capacity(service.limits.max_photos_in_memory, service.limits.memory_bytes)

    @router.post(
        "/v1/captions", response_model=_CAPTIONS, responses=_PROBLEMS, openapi_extra=_BODY, operation_id="caption"
    )
    async def caption(
        request: Request,
        language: Annotated[list[str] | None, Query(description=_LANGUAGE)] = None,
        n_best: Annotated[int, Query(ge=1, le=MAX_N_BEST, description=_N_BEST)] = 1,
        name: Annotated[
            str, Query(description="Name, in the answer, of a photo sent as the body. (default: photo)")
        ] = "photo",
    ) -> Response:
        """Caption photos: the files of a form, or an image as the body.

        The answer has an object per photo and language, in the order of the photos, and one with `error` for each
        photo that can't be read. The status is 422 if no photo can be read, else 200.
        """
        require_known(request, ("language", "n_best", "name"))
        service.choose(language or [])  # before the photos are received
        with capacity.reserve(_peer(request)) as reservation:
            upload = await read_upload(request, service.limits, reservation, name)
            if not upload.photos:
                raise HTTPException(422, f"no {PHOTOS}: send one or more files (curl -F {PHOTOS}=@dog.jpg)")
            form_values = [value for field, value in upload.fields if field == "language"]
            accepted = request.headers.get("accept-language", "")
            codes = service.choose([*(language or []), *form_values], accepted)
            for field, value in upload.fields:
                n_best = _count(value) if field == "n_best" else n_best
            rows = await _rows(service.worker.submit(upload.photos, codes, n_best))
        return JSONResponse(rows, 422 if all("error" in row for row in rows) else 200)

    return router


def _peer(request: Request) -> str:
    """Return the address of who asks; empty on this machine, where a proxy may ask for many."""
    host = request.client.host if request.client else ""
    return "" if host.startswith("127.") or host == "::1" else host


async def _rows(answer: "Future[list[AnswerRow]]") -> list[AnswerRow]:
    """Await the worker's answer. Its errors name files of this machine, so they are only logged."""
    try:
        return await asyncio.wrap_future(answer)
    except asyncio.CancelledError as error:
        raise HTTPException(503, "the server is ending") from error
    except PolycapError as error:
        logger.error("%s", error)
    except Exception:
        logger.exception("photos could not be captioned")
    raise HTTPException(500, "the photos can't be captioned; the server's log says why")


def _count(text: str) -> int:
    if text.isdecimal() and 1 <= int(text) <= MAX_N_BEST:
        return int(text)
    raise HTTPException(422, f"n_best: is {text!r}; it is a number from 1 to {MAX_N_BEST}")


def _facts(service: Service) -> APIRouter:
    router = APIRouter()

    @router.get("/v1/languages", response_model=list[LanguageRow], operation_id="languages")
    async def languages() -> Response:
        """List all languages, as `polycap languages --json` did when the server was started."""
        return JSONResponse(service.languages)

    @router.head("/healthz", include_in_schema=False)
    @router.get("/healthz", response_model=Health, operation_id="health")
    async def health() -> Response:
        """Report the state of the service, also while photos are captioned."""
        return JSONResponse({"status": "ok", "version": service.version, "runtime": service.runtime})

    @router.head("/", include_in_schema=False)
    @router.get("/", response_class=HTMLResponse, include_in_schema=False)
    async def index(request: Request) -> Response:
        default = service.default(request.headers.get("accept-language", ""))
        page = Page.of(service.languages, default)
        return HTMLResponse(page.html, headers=page.headers | {"Vary": "Accept-Language"})

    return router
