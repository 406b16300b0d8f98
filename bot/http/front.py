"""The server's protocol with a way in of the intake's own: an ordinary call is taken with no task and no ASGI.

For a storm of one call an alert, where bringing a call to the intake costs more than taking it. What is not ordinary (a
signature over the body, a query, chunks, more than the limit, a wrong token, every other path) goes the way of all calls.
"""

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, RequestResponseCycle

from bot.boundary import guarded
from bot.domain.authenticity import Shown
from bot.http.doors import Door, shown_in
from bot.http.intake import PREFIX, Answer, Intake, encoded
from bot.http.one_write import OneWrite

_PREFIX = PREFIX.encode()
_FAILED = Answer(500, {"error": "the call could not be taken; send it again"})
_NOBODY_WAITS = asyncio.Event()
_LENGTH = b"content-length"


class _Proved(NamedTuple):
    """What the latest call of this connection was let in by: one with the very same headers is let in, too."""

    url: bytes
    rest: list[tuple[bytes, bytes]]
    door: Door
    shown: Shown


class Front(OneWrite):
    """One connection."""

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self._intake: Intake | None = getattr(self.config.app, "take_in", None)
        self._taking: _Taking | None = None
        self._proved: _Proved | None = None

    def on_headers_complete(self) -> None:
        """Take the call by ourselves where it is ordinary."""
        self._taking = None if self._intake is None else self._ordinary(self._intake)
        if self._taking is None:
            super().on_headers_complete()
        else:
            self.cycle = self._taking

    def on_body(self, body: bytes) -> None:
        """A piece of the body."""
        if self._taking is None:
            super().on_body(body)
        else:
            self._taking.parts.append(body)

    def on_message_complete(self) -> None:
        """The whole body is here."""
        taking, self._taking = self._taking, None
        if taking is None:
            super().on_message_complete()
        elif guarded("intake", taking.take(self._answer)) is None:
            self._answer(taking, _FAILED)

    def _ordinary(self, intake: Intake) -> "_Taking | None":
        """The call, where it is an ordinary one and nothing else is under way on this connection."""
        latest: Any = vars(self)["cycle"]  # None before the first call, which the base's types do not say.
        free = latest is None or latest.response_complete
        if not (free and self.url.startswith(_PREFIX) and self.parser.get_method() == b"POST"):
            return None
        plain = self.parser.get_http_version() == "1.1" and not self.parser.should_upgrade()
        if not plain or self.expect_100_continue:
            return None
        rest = [header for header in self.headers if header[0] != _LENGTH]
        if self._proved is None or self._proved.url != self.url or self._proved.rest != rest:
            self._proved = self._proof(intake, rest)
        if self._proved is None or not self._fits(self._proved.door):
            return None
        door, shown = self._proved.door, self._proved.shown
        return _Taking(intake, door, shown, keep_alive=self.parser.should_keep_alive())

    def _proof(self, intake: Intake, rest: list[tuple[bytes, bytes]]) -> "_Proved | None":
        shown = shown_in(rest)
        door = intake.ordinary(self.url[len(_PREFIX) :].decode("latin-1"), shown)
        if door is None or "transfer-encoding" in shown.headers:
            return None
        return _Proved(self.url, rest, door, shown)

    def _fits(self, door: Door) -> bool:
        """Whether the length is said, once, and no larger than the door takes."""
        said = [text for name, text in self.headers if name == _LENGTH]
        return len(said) == 1 and said[0].isdigit() and len(said[0]) < 12 and int(said[0]) <= door.most_bytes

    def _answer(self, taking: "_Taking", answer: Answer) -> None:
        """Say it, unless something was said, or nobody listens any more."""
        if taking.response_complete or self.transport.is_closing():
            return
        taking.response_complete = True
        body, headers = encoded(answer)
        lines = [STATUS_LINE[answer.status]]
        for name, text in (*self.server_state.default_headers, *headers):
            lines += (name, b": ", text, b"\r\n")
        if not taking.keep_alive:
            lines.append(b"connection: close\r\n")
        lines += (b"\r\n", body)
        self.transport.write(b"".join(lines))
        if not taking.keep_alive:
            self.transport.close()
        self.on_response_complete()


class _Taking(RequestResponseCycle):
    """One call under way, in the place of uvicorn's own; whatever Front's base asks of one is here."""

    def __init__(self, intake: Intake, door: Door, shown: Shown, *, keep_alive: bool) -> None:
        self.keep_alive = keep_alive
        self.response_complete = False
        self.disconnected = False
        self.message_event = _NOBODY_WAITS
        self.parts: list[bytes] = []
        self._intake, self._door, self._shown = intake, door, shown

    def take(self, say: Callable[["_Taking", Answer], None]) -> Callable[[], bool]:
        """Work that gives the call to the intake, whose answer goes to `say` now or later."""

        def work() -> bool:
            body = self.parts[0] if len(self.parts) == 1 else b"".join(self.parts)
            self.parts = []
            self._intake.take(self._door, self._shown, body, said)
            return True

        def said(answer: Answer) -> None:
            guarded("answer", partial(say, self, answer))

        return work
