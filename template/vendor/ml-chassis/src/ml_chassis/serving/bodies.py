"""The bodies of requests: how large and how slow one may be, and how many bytes of all may be there at a time."""

import asyncio
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

from starlette.requests import ClientDisconnect, Request

from ml_chassis.serving.refusals import Reason, Refusal
from ml_chassis.settings import Settings

AT_ONCE = 8
"""How many bodies of the greatest size may be there at a time, or as many bytes of smaller ones."""
CODINGS = {"gzip": 16 + zlib.MAX_WBITS, "deflate": zlib.MAX_WBITS}
"""How bodies may come compressed, and what zlib knows that by."""


@dataclass
class Bodies:
    """Counts the bytes of the bodies of all requests that are being answered."""

    most: int
    size: int = 0

    @contextmanager
    def of_one(self) -> Iterator["Body"]:
        """Give what counts the bytes of one request's body, until the block ends."""
        body = Body(self)
        try:
            yield body
        finally:
            self.size -= body.size


@dataclass
class Body:
    """Counts the bytes of one request's body."""

    bodies: Bodies
    size: int = 0

    def add(self, size: int) -> None:
        """Count some more.

        Raises:
            Refusal: they are too many, together with those of other requests.
        """
        if self.bodies.size + size > self.bodies.most:
            raise Refusal(f"Other requests have {self.bodies.size} bytes here already; try again.", Reason.QUEUE_FULL)
        self.bodies.size += size
        self.size += size


async def body_of(request: Request, settings: Settings) -> bytes:
    """Return the body of a request, inflated if it came compressed.

    Args:
        request: one that nothing has been read of.
        settings: the limits, `serve_max_bytes` and `serve_timeout_seconds`.

    Raises:
        Refusal: it is larger, or slower in coming, than the settings allow, the server has too many others, or it came
            compressed in another way than by gzip or deflate.
    """
    counted: Body = request.scope["body"]
    if int(request.headers.get("content-length", "0")) > settings.serve_max_bytes:
        raise _large(settings.serve_max_bytes)
    body = bytearray()
    try:
        async with asyncio.timeout(settings.serve_timeout_seconds):
            async for chunk in request.stream():
                if len(body) + len(chunk) > settings.serve_max_bytes:
                    raise _large(settings.serve_max_bytes)
                counted.add(len(chunk))
                body += chunk
    except TimeoutError:
        complaint = f"The body took longer than {settings.serve_timeout_seconds} seconds to come."
        raise Refusal(complaint, Reason.SLOW_BODY) from None
    except ClientDisconnect:
        raise Refusal("The body did not come to its end.") from None  # which nobody reads, but the metrics count
    coding = request.headers.get("content-encoding", "identity").lower()
    if coding == "identity":
        return bytes(body)
    inflate = partial(_inflated, bytes(body), coding, settings.serve_max_bytes)
    # A small body may become a large one, and whatever takes long is not for the event loop.
    inflated: bytes = await request.app.state.runtime.reading(inflate, settings.serve_max_bytes)
    counted.add(len(inflated))
    return inflated


def _inflated(body: bytes, coding: str, most: int) -> bytes:
    if coding not in CODINGS:
        raise Refusal(f"The body is encoded by {coding!r}; expected {' or '.join(CODINGS)}.", Reason.ENCODING)
    inflating = zlib.decompressobj(CODINGS[coding])
    try:
        found = inflating.decompress(body, most + 1)
    except zlib.error as error:
        raise Refusal(f"The body is not encoded by {coding}: {error}.") from None
    if len(found) > most:
        raise _large(most)
    if not inflating.eof:
        raise Refusal(f"The body does not come to the end of what {coding} encodes.")
    return found


def _large(most: int) -> Refusal:
    return Refusal(f"The body has more than {most} bytes; send fewer rows.", Reason.LARGE_BODY)
