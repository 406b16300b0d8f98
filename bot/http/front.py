"""The server's protocol with a way in of the intake's own: an ordinary call is taken with no parser, task or ASGI.

For a storm of one call an alert, where bringing a call to the intake costs more than taking it. A head is parsed once; a
later call of the connection is known by the very same bytes, whatever length they name. What is not ordinary (a signature
over the body, a query, chunks, more than the limit, a wrong token, every other path) goes the way of all calls.
"""

import asyncio
import re
from collections.abc import Sized
from functools import partial
from typing import Any, NamedTuple

import httptools
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, RequestResponseCycle

from bot.boundary import guarded
from bot.domain.authenticity import Shown
from bot.http.doors import Door, shown_in
from bot.http.intake import PREFIX, Answer, Intake, encoded
from bot.http.one_write import OneWrite

_PREFIX = PREFIX.encode()
_FAILED = Answer(500, {"error": "the call could not be taken; send it again"})
_NOBODY_WAITS = asyncio.Event()
_END = b"\r\n\r\n"
_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*([0-9]+)(?=\r\n)", re.IGNORECASE)
_MOST_DIGITS = 11
_NOT_ORDINARY = frozenset({"transfer-encoding", "expect", "upgrade"})
# The parser keeps a head until it ends, at a cost that grows with its square. In bytes; a piece that was read counts whole.
_MOST_HEAD = 64 * 1024
_OFFER = re.compile(rb"(?<=\r\n)u(?=pgrade[ \t]*:)", re.IGNORECASE)


class _Known(NamedTuple):
    """An ordinary head, before and after the digits of its length, and what it was let in by."""

    before: bytes
    after: bytes
    door: Door
    shown: Shown


class Front(OneWrite):
    """One connection."""

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self._intake: Intake | None = getattr(self.config.app, "take_in", None)
        self._known: _Known | None = None
        self._taking: _Taking | None = None
        self._parsing = False
        self._unheard = 0
        self._answered_at = 0.0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # As in its base.
        """A sender has connected."""
        super().connection_made(transport)
        self.flow = _Flow(self.transport, self.pipeline)

    def resume_writing(self) -> None:
        """Who did not read its answers reads them now, and is heard again."""
        super().resume_writing()
        self.flow.resume_reading()

    def data_received(self, data: bytes) -> None:
        """The next piece of a call that we take, or a call that we can take, or something for the parser."""
        while data:
            if self._taking is not None:
                data = self._add(self._taking, data)
                continue
            rest = None
            if not self._parsing and self._intake is not None and self._free():
                rest = self._begun(self._intake, data)
            if rest is None:
                self._parse(data)
                return
            data = rest

    def _parse(self, data: bytes) -> None:
        """Something for the parser; a head, or what stands around chunks, is no longer than we like."""
        self._unheard += len(data)
        super().data_received(data if self._parsing else _without_offer(data))
        if self._unheard <= _MOST_HEAD or self.transport.is_closing():
            return
        if self._free():
            self.send_400_response("The head of the call is too large.")
        else:
            self.transport.close()

    def on_message_begin(self) -> None:
        """The parser stands within a call."""
        self._parsing = True
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """The parser has a whole head. With an offer in it the body would be taken for the next call: that is refused."""
        self._unheard = 0
        if self.parser.should_upgrade():
            raise ValueError
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """The parser has a piece of a body."""
        self._unheard = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        """The parser stands between two calls."""
        self._parsing = False
        super().on_message_complete()

    def timeout_keep_alive_handler(self) -> None:
        """A timer for each of our answers would cost more than the answer; whoever sent since is not silent."""
        left = self._answered_at + self.timeout_keep_alive - self.loop.time()
        if not self._free():
            left = self.timeout_keep_alive
        if left > 0 and not self.transport.is_closing():
            self.timeout_keep_alive_task = self.loop.call_later(left, self.timeout_keep_alive_handler)
        else:
            super().timeout_keep_alive_handler()

    def _free(self) -> bool:
        """Whether every call of this connection was answered."""
        latest: Any = vars(self)["cycle"]  # None before the first call, which the base's types do not say.
        return latest is None or bool(latest.response_complete)

    def _begun(self, intake: Intake, data: bytes) -> bytes | None:
        """Take an ordinary call that begins here and give what follows it; None where it is none."""
        known = self._known
        end = _end_of_length(known, data) if known is not None else -1
        if known is None or end < 0:
            self._known = known = _learned(intake, data)
            end = _end_of_length(known, data) if known is not None else -1
        length = int(data[len(known.before) : end]) if known is not None and end >= 0 else -1
        if known is None or not 0 <= length <= known.door.most_bytes:
            return None
        self._unheard = 0
        taking = self.cycle = _Taking(intake, known, length)
        return self._add(taking, data[end + len(known.after) :])

    def _add(self, taking: "_Taking", piece: bytes) -> bytes:
        """A piece of the body; with the last one the call is taken, and what follows is a call of its own."""
        mine, rest = (piece, b"") if len(piece) <= taking.missing else _cut(piece, taking.missing)
        taking.parts.append(mine)
        taking.missing -= len(mine)
        self._taking = taking if taking.missing else None
        if self._taking is None and guarded("intake", partial(taking.take, self)) is None:
            self.answer(taking, _FAILED)
        return rest

    def answer(self, taking: "_Taking", answer: Answer) -> None:
        """Say it, unless something was said, or nobody listens any more."""
        if taking.response_complete or self.transport.is_closing():
            return
        taking.response_complete = True
        body, headers = encoded(answer)
        lines = [b"%b: %b\r\n" % header for header in (*self.server_state.default_headers, *headers)]
        close = b"" if taking.keep_alive else b"connection: close\r\n"
        self.transport.write(b"".join((STATUS_LINE[answer.status], *lines, close, b"\r\n", body)))
        self._answered_at = self.loop.time()
        if not taking.keep_alive:
            self.transport.close()
        if self.pipeline or self.timeout_keep_alive_task is None:
            self.on_response_complete()
        else:
            self.server_state.total_requests += 1
        if self.flow.write_paused:
            self.flow.pause_reading()


class _Flow(FlowControl):
    """Hears nothing more of a sender while calls of its own wait: what is kept of one takes many times what it sent."""

    def __init__(self, transport: asyncio.Transport, waiting: Sized) -> None:
        super().__init__(transport)
        self._waiting = waiting

    def resume_reading(self) -> None:
        if not self._waiting:
            super().resume_reading()


class _Taking(RequestResponseCycle):
    """One call under way, in the place of uvicorn's own; whatever Front's base asks of one is here."""

    def __init__(self, intake: Intake, known: _Known, length: int) -> None:
        self.keep_alive = True
        self.response_complete = False
        self.disconnected = False
        self.message_event = _NOBODY_WAITS
        self.parts: list[bytes] = []
        self.missing = length
        self._intake, self._known = intake, known

    def take(self, front: Front) -> bool:
        """Give the call to the intake, whose answer goes to `front` now or later; True when it is given."""

        def said(answer: Answer) -> None:
            guarded("answer", partial(front.answer, self, answer))

        body = self.parts[0] if len(self.parts) == 1 else b"".join(self.parts)
        self.parts = []
        self._intake.take(self._known.door, self._known.shown, body, said)
        return True


class _Head:
    """What a parser finds in one head."""

    def __init__(self) -> None:
        self.url = b""
        self.headers: list[tuple[bytes, bytes]] = []

    def on_url(self, url: bytes) -> None:
        self.url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers.append((name.lower(), value))


def _without_offer(data: bytes) -> bytes:
    """A call whose sender would also speak another protocol; we would not, so its offer gets a name that means nothing."""
    end = data.find(_END)
    return data if end < 0 else _OFFER.sub(b"x", data[:end]) + data[end:]


def _cut(piece: bytes, at: int) -> tuple[bytes, bytes]:
    return piece[:at], piece[at:]


def _end_of_length(known: _Known, data: bytes) -> int:
    """Where the digits of the length end, in a head that is the known one in every other byte; -1 in another head."""
    begin = len(known.before)
    if not data.startswith(known.before):
        return -1
    end = data.find(known.after, begin, begin + _MOST_DIGITS + len(known.after))
    return end if end > begin and data[begin:end].isdigit() else -1


def _learned(intake: Intake, data: bytes) -> _Known | None:
    """The head that `data` begins with, where it is one of an ordinary call and its token is right."""
    end = data.find(_END) + len(_END)
    named = list(_LENGTH.finditer(data, 0, end)) if data.startswith(b"POST " + _PREFIX) else []
    if len(named) != 1:
        return None
    head = _Head()
    parser = httptools.HttpRequestParser(head)
    try:
        parser.feed_data(data[:end])
    except (httptools.HttpParserError, httptools.HttpParserUpgrade):
        return None
    shown = shown_in(head.headers)
    plain = parser.get_http_version() == "1.1" and parser.should_keep_alive()
    if not plain or _NOT_ORDINARY & shown.headers.keys() or len(shown.headers["content-length"]) != 1:
        return None
    door = intake.ordinary(head.url[len(_PREFIX) :].decode("latin-1"), shown)
    begin, behind = named[0].span(1)
    return None if door is None else _Known(data[:begin], data[behind:end], door, shown)
