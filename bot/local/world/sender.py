"""Posts the storm as Alertmanager does: several connections, bearer token, retries until it is taken."""

import asyncio
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx

from bot.local.world.alerts import StormAlert
from bot.local.world.options import WorldOptions
from bot.local.world.webhook import bodies, sensor_body

_FIRST_PAUSE, _MOST_PAUSE = 0.05, 1.0


@dataclass(frozen=True)
class _Delivery:
    """One body on its way, with the number of alerts that it carries."""

    url: str
    headers: Mapping[str, str]
    body: dict[str, Any]
    alerts: int
    firing: bool


@dataclass
class Sender:
    """Sends bodies to the product's intake and counts what was taken with a 2xx."""

    options: WorldOptions
    started_at: float | None = None
    sent: int = 0
    resolved: int = 0
    ended_at: float = 0.0
    refused: list[int] = field(default_factory=list)

    async def send(self, alerts: Sequence[StormAlert], *, resolved_at: float | None = None) -> None:
        """Post all alerts, as firing or as resolved; returns when each body was taken or refused for good."""
        self.ended_at = resolved_at or self.ended_at
        queue: asyncio.Queue[_Delivery] = asyncio.Queue()
        for delivery in self._deliveries(alerts, resolved_at):
            queue.put_nowait(delivery)
        async with httpx.AsyncClient(timeout=10.0, trust_env=False) as client:
            if self.started_at is None:
                self.started_at = time.time()
            await asyncio.gather(*(self._drain(client, queue) for _ in range(self.options.alert_connections)))

    def _deliveries(self, alerts: Sequence[StormAlert], resolved_at: float | None) -> Iterator["_Delivery"]:
        """What each of the two senders posts: Alertmanager to its door, the runtime sensor to the generic one."""
        options, firing = self.options, resolved_at is None
        ruled = [alert for alert in alerts if not alert.by_sensor]
        for body, part in bodies(ruled, resolved_at=resolved_at, most=options.alerts_per_post):
            headers = {"Authorization": f"Bearer {options.alert_token}", "User-Agent": "Alertmanager/0.28.1"}
            yield _Delivery(options.alert_url, headers, body, len(part), firing=firing)
        sensed = [alert for alert in alerts if alert.by_sensor]
        if sensed:
            headers = {
                "Authorization": f"Bearer {options.sensor_token}",
                "User-Agent": "Falcosidekick/2.31.1",
            }
            body = sensor_body(sensed, resolved_at)
            yield _Delivery(options.sensor_url, headers, body, len(sensed), firing=firing)

    async def _drain(self, client: httpx.AsyncClient, queue: "asyncio.Queue[_Delivery]") -> None:
        while not queue.empty():
            delivery = queue.get_nowait()
            if await self._post(client, delivery):
                if delivery.firing:
                    self.sent += delivery.alerts
                else:
                    self.resolved += delivery.alerts

    async def _post(self, client: httpx.AsyncClient, delivery: "_Delivery") -> bool:
        """Whether the body was taken. No answer, 5xx and 429 are tried again for as long as it takes; 4xx are final."""
        pause = _FIRST_PAUSE
        while True:
            try:
                code = (
                    await client.post(delivery.url, json=delivery.body, headers=delivery.headers)
                ).status_code
            except httpx.TransportError:
                code = 0
            if 200 <= code < 300:
                return True
            if 400 <= code < 500 and code != 429:
                self.refused.append(code)
                return False
            await asyncio.sleep(pause)
            pause = min(_MOST_PAUSE, pause * 2)
