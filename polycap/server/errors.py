"""Answers of requests that fail, in the form of FastAPI's own and in polycap's words."""

from fastapi import FastAPI, HTTPException, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException as StarletteError

from polycap.server.capacity import BusyError

__all__ = ["RETRY_AFTER", "add_handlers", "require_known"]

RETRY_AFTER = 2
"""Value of the header Retry-After, seconds: about the duration of a batch."""

_ADDRESSES = "/, /v1/captions, /v1/languages, /healthz and /openapi.json"


def add_handlers(app: FastAPI) -> None:
    """Let an application answer errors in polycap's words."""
    app.add_exception_handler(BusyError, _busy)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(404, _not_found)
    app.add_exception_handler(405, _not_allowed)


def require_known(request: Request, known: tuple[str, ...]) -> None:
    """Raise an HTTPException, 422, if a request has query parameters that are not known."""
    unknown = sorted(set(request.query_params) - set(known))
    if unknown:
        raise HTTPException(422, f"unknown parameter {unknown[0]!r}; there are {', '.join(known)}")


async def _busy(_: Request, __: Exception) -> Response:
    detail = f"too many photos wait; try again in {RETRY_AFTER} seconds"
    return JSONResponse({"detail": detail}, 503, {"Retry-After": str(RETRY_AFTER)})


async def _invalid(_: Request, error: Exception) -> Response:
    faults = error.errors() if isinstance(error, RequestValidationError) else []
    return JSONResponse({"detail": "; ".join(f"{fault['loc'][-1]}: {fault['msg']}" for fault in faults)}, 422)


async def _not_found(request: Request, error: Exception) -> Response:
    known = error.detail if isinstance(error, HTTPException) else ""
    detail = known or f"there is no {request.url.path}; there are {_ADDRESSES}"
    return JSONResponse({"detail": detail}, 404)


async def _not_allowed(request: Request, error: Exception) -> Response:
    headers = dict(error.headers or {}) if isinstance(error, StarletteError) else {}
    allowed = headers.get("Allow", "another method")
    return JSONResponse({"detail": f"{request.url.path}: takes {allowed}, not {request.method}"}, 405, headers)
