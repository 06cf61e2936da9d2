"""A server on loopback that breaks in the ways that servers do; conftest.py has the fixture `server`."""

import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler

__all__ = ["BODY", "Handler", "Server"]

BODY = bytes(range(256)) * 400


@dataclass
class Server:
    """What the server has and how it misbehaves; what it was asked."""

    port: int = 0
    files: dict[str, bytes] = field(default_factory=dict)
    tag: str = '"v1"'
    ranges: bool = True
    refuse_ranges: bool = False
    break_after: list[int] = field(default_factory=list)  # bytes sent by each next answer before it breaks
    silent: bool = False  # after those bytes, say nothing instead of closing
    release: threading.Event = field(default_factory=threading.Event)
    asked: list[tuple[str, str]] = field(default_factory=list)  # (path, Range)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


class Handler(BaseHTTPRequestHandler):
    server_state: Server

    def do_GET(self) -> None:
        state, wanted = self.server_state, self.headers.get("Range", "")
        state.asked.append((self.path, wanted))
        body = state.files.get(self.path)
        if body is None:
            self.send_error(404)
            return
        if wanted and state.refuse_ranges:
            self.send_error(416)
            return
        start = 0
        if wanted and state.ranges and self.headers.get("If-Range", state.tag) == state.tag:
            start = int(wanted.removeprefix("bytes=").rstrip("-"))
        self._answer(body, start)

    def _answer(self, body: bytes, start: int) -> None:
        state = self.server_state
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(body) - 1}/{len(body)}")
        if state.tag:
            self.send_header("ETag", state.tag)
        self.send_header("Content-Length", str(len(body) - start))
        self.end_headers()
        if not state.break_after:
            self.wfile.write(body[start:])
            return
        self.wfile.write(body[start : start + state.break_after.pop(0)])
        if state.silent:
            self.wfile.flush()
            state.release.wait(10)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""
