"""Getting payloads to the app: interactive ones once, events with Slack's redelivery; the ack rule lives here."""

import asyncio
import uuid
from dataclasses import dataclass, field
from typing import Protocol

from bot.local.slackdouble.double import Double
from bot.local.slackdouble.model import APP, BOT_USER, TEAM, Json

ACK_SECONDS = 3.0
RETRY_AFTER_SECONDS = (0.0, 60.0, 300.0)


@dataclass(frozen=True)
class Ack:
    """How the app answered one delivery."""

    acked: bool
    ack_ms: float | None = None
    payload: Json = field(default_factory=dict)
    error: str | None = None
    envelope: str | None = None


class Link(Protocol):
    """The way to the app: sockets or signed HTTP."""

    def connected(self) -> int:
        """How many connections are open."""

    async def ready(self) -> None:
        """Wait until a delivery can be tried."""

    async def send(self, kind: str, payload: Json, attempt: int, reason: str) -> Ack:
        """Deliver once and wait for the ack."""

    async def disconnect(self, *, ask: bool = False) -> int:
        """Drop or renew connections."""


@dataclass
class Delivery:
    """Deliveries over one link, with late acks written down."""

    double: Double
    link: Link

    async def interactive(self, kind: str, payload: Json) -> Ack:
        """A slash command, click or view event; never redelivered."""
        ack = await self.link.send(kind, payload, 0, "")
        self._note(kind, payload, ack)
        return ack

    def event(self, event: Json) -> "asyncio.Task[Ack]":
        """Send an event, again and again as Slack does; the task ends with the first answer."""
        body = self._event_body(event)
        first: asyncio.Future[Ack] = asyncio.get_running_loop().create_future()
        self.double.run(self._keep_sending(body, first))

        async def answer() -> Ack:
            return await first

        return asyncio.ensure_future(answer())

    def tell(self, event: Json) -> None:
        """Send an event that nobody waits for."""
        first: asyncio.Future[Ack] = asyncio.get_running_loop().create_future()
        self.double.run(self._keep_sending(self._event_body(event), first))

    async def _keep_sending(self, body: Json, first: "asyncio.Future[Ack]") -> None:
        attempt, reason = 0, ""
        if not self.link.connected():
            first.set_result(Ack(acked=False, error="app_not_connected"))
        while True:
            await self.link.ready()
            ack = await self.link.send("events_api", body, attempt, reason)
            if not first.done():
                first.set_result(ack)
            self._note("events_api", body, ack)
            if ack.acked:
                return
            if ack.error == "app_not_connected":
                continue
            attempt, reason = attempt + 1, "timeout" if ack.error == "operation_timeout" else "http_error"
            if attempt > len(RETRY_AFTER_SECONDS):
                self.double.failures.append(
                    {"kind": "events_api", "reason": "given_up", "id": body["event_id"]}
                )
                return
            await self.double.clock.sleep(RETRY_AFTER_SECONDS[attempt - 1])

    def _event_body(self, event: Json) -> Json:
        return {
            "token": "local",
            "team_id": TEAM,
            "api_app_id": APP,
            "type": "event_callback",
            "event_id": f"Ev0{uuid.uuid4().hex[:12].upper()}",
            "event_time": int(self.double.clock.now()),
            "event": event,
            "authorizations": [
                {"team_id": TEAM, "user_id": BOT_USER, "is_bot": True, "is_enterprise_install": False}
            ],
            "is_ext_shared_channel": False,
        }

    def _note(self, kind: str, payload: Json, ack: Ack) -> None:
        if ack.error != "operation_timeout":
            return
        self.double.counts["late_acks"] += 1
        what = payload.get("command") or payload.get("type")
        self.double.failures.append(
            {"kind": kind, "what": what, "reason": "operation_timeout", "envelope_id": ack.envelope}
        )
        self.double.changed()
