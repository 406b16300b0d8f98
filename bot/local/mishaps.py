"""Seeded trouble for the local Slack and the local world: which calls fail, and how. Off unless a share is asked for.

The n-th call of a name fails or not by the seed alone, whatever else is called meanwhile. It is no chaos of the product
itself: nothing that runs in production imports it.
"""

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from starlette.responses import PlainTextResponse, Response
from starlette.types import Receive, Scope, Send

# Longer than any reader of the product waits for an answer.
HANG_S = 6.0


class CutResponse(Response):
    """An answer that breaks off in the middle, so that the caller cannot know what happened."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the beginning of a longer answer."""
        headers = [(b"content-type", b"application/json"), (b"content-length", b"200")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b'{"ok":', "more_body": True})


@dataclass
class Mishaps:
    """A share (0 to 1) of all calls fails; `happened` counts them by "NAME KIND"."""

    share: float = 0.0
    seed: int = 0
    happened: Counter[str] = field(default_factory=Counter)
    _calls: Counter[str] = field(default_factory=Counter)

    def draw(self, name: str, kinds: Sequence[str]) -> str | None:
        """How this call fails, or None."""
        if not self.share:
            return None
        self._calls[name] += 1
        drawn = random.Random(f"{self.seed}:{name}:{self._calls[name]}")
        if drawn.random() >= self.share:
            return None
        kind = drawn.choice(kinds)
        self.happened[f"{name} {kind}"] += 1
        return kind

    async def answered(self, name: str, answer: Callable[[], Awaitable[Response]]) -> Response:
        """The answer; or a refusal, or silence, or what was asked done and the answer lost or late."""
        kind = self.draw(name, ("refused", "hang", "done, then cut", "done, then hang"))
        if kind == "hang":
            await asyncio.sleep(HANG_S)
        if kind in ("refused", "hang"):
            return PlainTextResponse("service unavailable", 503)
        response = await answer()
        if kind == "done, then hang":
            await asyncio.sleep(HANG_S)
        return CutResponse() if kind else response
