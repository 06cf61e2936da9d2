"""Photos and fields of a request, read into memory; limits are checked while it is received.

Starlette's own forms write large files to disk, and check sizes only at the end.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from fastapi import HTTPException, Request
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.requests import ClientDisconnect

from polycap.photos.load import PhotoBytes
from polycap.server.capacity import Reservation
from polycap.server.forms import part_names
from polycap.server.limits import Limits

if TYPE_CHECKING:
    from python_multipart.multipart import MultipartCallbacks

__all__ = ["FIELDS", "FORM", "PHOTOS", "Upload", "read_upload"]

FORM = "multipart/form-data"
PHOTOS = "photos"
"""Name of the form's field with files."""

FIELDS = ("language", "n_best")
"""Names of the form's other fields."""

FIELD_BYTES = 1_000
"""Maximum size of a field's value, bytes."""

MAX_FIELDS = 1_000
"""Maximum number of values of other fields."""

HEADER_BYTES = 8_000
"""Maximum size of a part's header, name and value, bytes. Newer versions of python-multipart have such a limit."""

FRAMING_BYTES = 1_100_000
"""Maximum size of a form without its files, bytes: boundaries, headers, fields."""


PATIENCE_S = 10.0
"""Time that a body may take whatever its rate, seconds."""

LEAST_RATE = 1_000
"""Rate at which a body must arrive after that, on average, bytes per second."""


@dataclass
class Upload:
    """Content of a request.

    Attributes:
        photos: files, in order.
        fields: names and values of the form's other fields, in order.
    """

    photos: list[PhotoBytes] = field(default_factory=list)
    fields: list[tuple[str, str]] = field(default_factory=list)


async def read_upload(request: Request, limits: Limits, reservation: Reservation, name: str) -> Upload:
    """Read the body of a request: a form, or an image.

    Args:
        request: the request.
        limits: limits of the requests.
        reservation: reservation of the request; the received photos and bytes are added to it.
        name: name of the photo, if the body is an image.

    Raises:
        HTTPException: 400, 408, 413, 415 or 422: the body is broken, too slow, too large, or of another kind.
        BusyError: the remaining capacity is less than the body.
    """
    kind, options = parse_options_header(request.headers.get("content-type"))
    if kind.decode("latin-1") == FORM and not options.get(b"boundary"):
        raise HTTPException(400, f"the type {FORM} names no boundary; leave the header to your client (curl -F)")
    try:
        async with asyncio.timeout(limits.seconds):
            if kind.decode("latin-1") == FORM:
                return await _read_form(request, limits, reservation, options.get(b"boundary", b""))
            if kind.startswith(b"image/"):
                return await _read_image(request, limits, reservation, name)
    except TimeoutError as error:
        raise HTTPException(
            408, f"the request did not arrive in {limits.seconds} seconds; send less at once"
        ) from error
    except ClientDisconnect as error:
        raise HTTPException(400, "the request ended before its body did") from error
    received = kind.decode("latin-1") or "nothing"
    raise HTTPException(415, f"content type {received}: send {FORM} with {PHOTOS}, or an image with its type, image/…")


async def _chunks(request: Request) -> AsyncIterator[bytes]:
    """Yield the body of a request.

    Raises:
        HTTPException: 408, it arrives at less than `LEAST_RATE`, after `PATIENCE_S` that all may take.
    """
    stream, start, received = request.stream(), time.monotonic(), 0
    while True:
        try:
            async with asyncio.timeout(PATIENCE_S + received / LEAST_RATE - (time.monotonic() - start)):
                chunk = await anext(stream)
        except StopAsyncIteration:
            return
        except TimeoutError as error:
            raise HTTPException(
                408, f"the request arrives at less than {LEAST_RATE:,} bytes/s; send smaller photos"
            ) from error
        received += len(chunk)
        yield chunk


async def _read_image(request: Request, limits: Limits, reservation: Reservation, name: str) -> Upload:
    _check_declared(request, limits.photo_bytes, f"a photo of {limits.photo_mb} MB")
    reservation.require(photos=1)
    data = bytearray()
    async for chunk in _chunks(request):
        data += chunk
        _check_size(name, data, limits)
        reservation.add(size=len(chunk))
    reservation.add(photos=1)
    return Upload([PhotoBytes(name, bytes(data))])


async def _read_form(request: Request, limits: Limits, reservation: Reservation, boundary: bytes) -> Upload:
    most = limits.photos * limits.photo_bytes + FRAMING_BYTES
    _check_declared(request, most, f"{limits.photos} photos of {limits.photo_mb} MB each")
    _check_declared(request, limits.memory_bytes + FRAMING_BYTES, f"{limits.memory_mb} MB")
    form = _Form(limits, reservation)
    try:
        parser = MultipartParser(boundary, form.callbacks)
        async for chunk in _chunks(request):
            parser.write(chunk)
        parser.finalize()
    except FormParserError as error:
        raise HTTPException(400, f"the {FORM} can't be read: {error}") from error
    if not form.ended:
        raise HTTPException(400, f"the {FORM} has no end; is its boundary the one in Content-Type?")
    return form.upload


class _Form:
    """Callbacks of the form's parser, with their state.

    Attributes:
        upload: content received so far.
        ended: whether the end of the form was received.
        callbacks: functions by the parser's names.
    """

    def __init__(self, limits: Limits, reservation: Reservation) -> None:
        self.upload, self.ended = Upload(), False
        self._limits, self._reservation = limits, reservation
        self._header, self._value, self._disposition = bytearray(), bytearray(), b""
        self._name, self._file, self._data = "", "", bytearray()
        self.callbacks: MultipartCallbacks = {
            "on_header_field": self._on_header_field,
            "on_header_value": self._on_header_value,
            "on_header_end": self._on_header_end,
            "on_headers_finished": self._on_headers_finished,
            "on_part_data": self._on_part_data,
            "on_part_end": self._on_part_end,
            "on_end": self._on_end,
        }

    def _on_header_field(self, data: bytes, start: int, end: int) -> None:
        self._header += data[start:end]
        self._require_small_header()

    def _on_header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]
        self._require_small_header()

    def _require_small_header(self) -> None:
        if len(self._header) + len(self._value) > HEADER_BYTES:
            raise HTTPException(413, f"a header of more than {HEADER_BYTES} bytes in a part of the form")

    def _on_header_end(self) -> None:
        if self._header.lower() == b"content-disposition":
            self._disposition = bytes(self._value)
        self._header, self._value = bytearray(), bytearray()

    def _on_headers_finished(self) -> None:
        self._name, file = part_names(self._disposition)
        self._file = file or ""
        self._disposition, self._data = b"", bytearray()
        if self._name == PHOTOS:
            if file is None:
                raise HTTPException(422, f"{PHOTOS}: is text; send files (curl -F {PHOTOS}=@dog.jpg)")
            if len(self.upload.photos) == self._limits.photos:
                raise HTTPException(413, f"more than {self._limits.photos} photos in a request; send fewer at once")
            self._reservation.require(photos=1)
        elif self._name not in FIELDS:
            names = ", ".join((PHOTOS, *FIELDS))
            raise HTTPException(422, f"unknown field {self._name!r}; there are {names}")
        elif len(self.upload.fields) == MAX_FIELDS:
            raise HTTPException(413, f"more than {MAX_FIELDS} fields beside {PHOTOS}")

    def _on_part_data(self, data: bytes, start: int, end: int) -> None:
        self._data += data[start:end]
        if self._name == PHOTOS:
            _check_size(self._file, self._data, self._limits)
            if (
                self._reservation.size + end - start > self._limits.memory_bytes
            ):  # more than the whole capacity: 413, not 503
                raise HTTPException(413, f"the photos are larger than {self._limits.memory_mb} MB; send fewer at once")
            self._reservation.add(size=end - start)
        elif len(self._data) > FIELD_BYTES:
            raise HTTPException(413, f"{self._name}: is longer than {FIELD_BYTES:,} bytes")

    def _on_part_end(self) -> None:
        if self._name == PHOTOS:
            self._reservation.add(photos=1)  # a part that is not complete takes nobody's seat
            self.upload.photos.append(PhotoBytes(self._file, bytes(self._data)))
        else:
            self.upload.fields.append((self._name, _decode(self._data)))

    def _on_end(self) -> None:
        self.ended = True


def _decode(data: bytes | bytearray) -> str:
    """Decode a name or a value as UTF-8, which browsers and curl send."""
    return data.decode("utf-8", errors="replace")


def _check_size(name: str, data: bytearray, limits: Limits) -> None:
    if len(data) > limits.photo_bytes:
        raise HTTPException(413, f"{name}: is larger than {limits.photo_mb} MB; make it smaller")


def _check_declared(request: Request, most: int, allowed: str) -> None:
    """Check the declared length of a request, before its body is received."""
    length = request.headers.get("content-length", "")
    if length.isdecimal() and int(length) > most:
        raise HTTPException(413, f"the request has {int(length):,} bytes; the limit is {allowed}")
