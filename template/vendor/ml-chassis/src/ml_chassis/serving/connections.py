"""What clients may do with connections: how large and how slow the head of a request is, and how many there are.

uvicorn limits none of it where httptools parses requests, and with h11 the size alone:
https://uvicorn.dev/settings/#resource-limits
"""

import asyncio
from http import HTTPStatus
from typing import Any

import httptools
import msgspec
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from ml_chassis.serving.protocol import ErrorMessage

HEAD_SECONDS = 10
"""How long a request line and its headers may take: from their first byte on, or from the connection's beginning."""
MOST_HEAD_BYTES = 32 * 1024
MOST_CONNECTIONS = 512
"""In one process: half of the descriptors that a container commonly has."""


class Connection(HttpToolsProtocol):
    """A client's connection. One too many closes that which has kept the server waiting the longest."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._in_head = True
        self._head_bytes = 0
        self._deadline: asyncio.TimerHandle | None = None
        self._waiting_since = self.loop.time()

    @property
    def _waits(self) -> bool:
        """Whether the server waits for the client: for a request, the rest of one, or until it takes its answer."""
        if self.transport.is_closing():
            return False
        return self.cycle is None or self.cycle.response_complete or self.cycle.more_body or self.flow.write_paused

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take the connection, in place of another where there are too many."""
        super().connection_made(transport)
        self._await_head()
        if len(self.connections) > MOST_CONNECTIONS:
            waiting = [found for found in self.connections if isinstance(found, Connection) and found._waits]
            min(waiting, key=lambda found: found._waiting_since).transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        self._head_is_there()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Read on, until the head of a request is too large."""
        self._unset_keepalive_if_required()
        while data and not self.transport.is_closing():
            room = MOST_HEAD_BYTES - self._head_bytes if self._in_head else len(data)
            part, data = data[:room], data[room:]
            if self._in_head:
                self._head_bytes += len(part)
            data = self._parse(part) + data
            if self._in_head and self._head_bytes:
                self._await_head()
            if self._in_head and self._head_bytes >= MOST_HEAD_BYTES:
                complaint = f"The headers have {MOST_HEAD_BYTES} bytes or more."
                self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, complaint)

    def on_headers_complete(self) -> None:
        """Begin to answer."""
        if self.parser.should_upgrade():
            return  # and begin with what `_without_upgrade` makes of it
        self._in_head = False
        self._head_is_there()
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """Expect the next request."""
        if self.parser.should_upgrade():
            return
        super().on_message_complete()
        self._in_head, self._head_bytes = True, 0

    def on_response_complete(self) -> None:
        """Wait for the client."""
        self._waiting_since = self.loop.time()
        super().on_response_complete()

    def _parse(self, data: bytes) -> bytes:
        """Parse some bytes, and return what is to be parsed next."""
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            if self.parser.get_method() == b"CONNECT":
                self._refuse(HTTPStatus.METHOD_NOT_ALLOWED, "This server is no proxy.")
                return b""
            return self._without_upgrade() + data[upgrade.args[0] :]
        except httptools.HttpParserError as error:
            self._refuse(HTTPStatus.BAD_REQUEST, f"This is no request of HTTP/1.1: {error}.")
        return b""

    def _without_upgrade(self) -> bytes:
        """Return the head of the request without its offer of another protocol, and begin to parse with that.

        `curl --http2` and Java's client offer HTTP/2. httptools leaves out the body of such a request, and a server may
        ignore the offer: https://www.rfc-editor.org/rfc/rfc9110#section-7.8
        """
        version = self.parser.get_http_version().encode()
        lines = [b"%s %s HTTP/%s" % (self.parser.get_method(), self.url, version)]
        lines += [b"%s: %s" % header for header in self.headers if header[0] != b"upgrade"]
        self.parser, self._head_bytes = httptools.HttpRequestParser(self), 0
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)  # as uvicorn has it
        return b"\r\n".join([*lines, b"", b""])

    def _await_head(self) -> None:
        if self._deadline is None:
            self._deadline = self.loop.call_later(HEAD_SECONDS, self.transport.abort)

    def _head_is_there(self) -> None:
        if self._deadline:
            self._deadline.cancel()
            self._deadline = None

    def _refuse(self, status: HTTPStatus, message: str) -> None:
        body = msgspec.json.encode(ErrorMessage(message))
        head = (
            f"HTTP/1.1 {status.value} {status.phrase}\r\ncontent-type: application/json\r\n"
            f"content-length: {len(body)}\r\nconnection: close\r\n\r\n"
        )
        self.transport.write(head.encode() + body)
        self.transport.close()
