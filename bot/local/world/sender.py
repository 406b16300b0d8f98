"""Posts the storm as Alertmanager does: several connections, bearer token, retries until it is taken."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx

from bot.local.world.alerts import StormAlert
from bot.local.world.options import WorldOptions
from bot.local.world.webhook import bodies

_FIRST_PAUSE, _MOST_PAUSE = 0.05, 1.0


@dataclass
class Sender:
    """Sends bodies to the product's intake and counts what was taken with a 2xx."""

    options: WorldOptions
    started_at: float | None = None
    sent: int = 0
    resolved: int = 0
    refused: list[int] = field(default_factory=list)

    async def send(self, alerts: Sequence[StormAlert], *, resolved_at: float | None = None) -> None:
        """Post all alerts, as firing or as resolved; returns when each body was taken or refused for good."""
        queue: asyncio.Queue[tuple[dict[str, Any], list[StormAlert]]] = asyncio.Queue()
        for item in bodies(alerts, resolved_at=resolved_at, most=self.options.alerts_per_post):
            queue.put_nowait(item)
        headers = {"Authorization": f"Bearer {self.options.alert_token}", "User-Agent": "Alertmanager/0.28.1"}
        async with httpx.AsyncClient(headers=headers, timeout=10.0, trust_env=False) as client:
            if self.started_at is None:
                self.started_at = time.time()
            await asyncio.gather(*(self._drain(client, queue) for _ in range(self.options.alert_connections)))

    async def _drain(
        self, client: httpx.AsyncClient, queue: asyncio.Queue[tuple[dict[str, Any], list[StormAlert]]]
    ) -> None:
        while not queue.empty():
            body, alerts = queue.get_nowait()
            if await self._post(client, body):
                if body["status"] == "firing":
                    self.sent += len(alerts)
                else:
                    self.resolved += len(alerts)

    async def _post(self, client: httpx.AsyncClient, body: dict[str, Any]) -> bool:
        """Whether the body was taken. No answer, 5xx and 429 are tried again for as long as it takes; 4xx are final."""
        pause = _FIRST_PAUSE
        while True:
            try:
                code = (await client.post(self.options.alert_url, json=body)).status_code
            except httpx.TransportError:
                code = 0
            if 200 <= code < 300:
                return True
            if 400 <= code < 500 and code != 429:
                self.refused.append(code)
                return False
            await asyncio.sleep(pause)
            pause = min(_MOST_PAUSE, pause * 2)
