"""What every listener shares: record what a person did, acknowledge it, poke the loop that decides. Nothing else.

Listeners verify nothing by hand: the signature (or the socket) is checked before them, the rules after them.
"""

import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from slack_bolt.async_app import AsyncBoltRequest

# What a body of another shape than Slack's makes of a read field; Bolt reads some before any listener is asked.
UNREADABLE = (LookupError, TypeError, ValueError, AttributeError, RecursionError)
STAMP = "x-slack-request-timestamp"
Body = Mapping[str, Any]
Kept = tuple[str, str, dict[str, Any]]


def nobody_waits() -> None:
    """Nobody else is in a hurry."""


@dataclass(frozen=True, slots=True)
class SlackPorts:
    """What listeners may touch. `record` commits (dedupe, kind, payload) and says whether it was new.

    `record_alert` commits a raw alert body (dedupe, source, body); `mark` that a signed request was taken of which
    nothing is kept; `poke` wakes the deciding loop, and `make_way` holds that loop while many acts come in.
    `alert_apps` maps a Slack app's name or id to a source name; `team`, `bot_user`, `bot_token` are our own identity.
    `signing_secret` is what `http_mode.door` verifies with; it is empty in Socket Mode.
    """

    record: Callable[[str, str, Mapping[str, Any]], Awaitable[bool]]
    record_alert: Callable[[str, str, bytes], Awaitable[bool]]
    mark: Callable[[], Awaitable[None]]
    poke: Callable[[], None]
    team: str
    bot_user: str
    bot_token: str
    api_url: str = "https://slack.com/api/"
    signing_secret: str = ""
    alert_apps: Mapping[str, str] = field(default_factory=dict)
    make_way: Callable[[], None] = nobody_waits


def quiet_logger() -> logging.Logger:
    """Bolt logs whole bodies of refused and unhandled requests; ours hears only errors."""
    logger = logging.getLogger("bot.slack.bolt")
    logger.setLevel(logging.ERROR)
    return logger


def _signed_at(request: AsyncBoltRequest) -> dict[str, float]:
    """The time that Slack signed, where HTTP mode has verified one; Socket Mode has none."""
    stamps = request.headers.get(STAMP, [])
    return {"slack_at": float(stamps[0])} if len(stamps) == 1 and stamps[0].isdigit() else {}


def listener(ports: SlackPorts, keep: Callable[[Body], Kept]) -> Callable[..., Awaitable[None]]:
    """A listener for one kind of body: `keep` says what is recorded of it."""

    async def record_and_ack(
        ack: Callable[[], Awaitable[Any]], body: Body, request: AsyncBoltRequest
    ) -> None:
        dedupe, kind, payload = keep(body)
        await ports.record(dedupe, kind, {**payload, **_signed_at(request)})
        await ack()
        ports.poke()

    return record_and_ack
