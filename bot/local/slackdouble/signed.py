"""HTTP mode: the same payloads as signed POST requests to the app's request URL."""

import hashlib
import hmac
import json
import time
from dataclasses import dataclass
from urllib.parse import urlencode

import httpx

from bot.local.slackdouble.deliver import ACK_SECONDS, Ack
from bot.local.slackdouble.model import Json


def sign(secret: str, timestamp: int, body: bytes) -> str:
    """Slack's v0 signature of a request body at a unix second."""
    base = b"v0:%d:%s" % (timestamp, body)
    return "v0=" + hmac.new(secret.encode(), base, hashlib.sha256).hexdigest()


@dataclass(eq=False)
class SignedLink:
    """Posts to one URL; always "connected", since only the attempt can tell."""

    url: str
    secret: str
    client: httpx.AsyncClient

    def connected(self) -> int:
        """One: the request URL."""
        return 1

    async def ready(self) -> None:
        """HTTP needs no connection."""

    async def disconnect(self, *, ask: bool = False) -> int:
        """Nothing to drop."""
        return 0

    async def send(self, kind: str, payload: Json, attempt: int, reason: str) -> Ack:
        """One signed request; a 2xx within three seconds is the ack and its body the ack payload."""
        body, content_type = _encoded(kind, payload)
        timestamp = int(time.time())
        headers = {
            "content-type": content_type,
            "user-agent": "Slackbot 1.0 (+local double)",
            "x-slack-request-timestamp": str(timestamp),
            "x-slack-signature": sign(self.secret, timestamp, body),
        }
        if attempt:
            headers |= {"x-slack-retry-num": str(attempt), "x-slack-retry-reason": f"http_{reason}"}
        started = time.monotonic()
        try:
            answer = await self.client.post(self.url, content=body, headers=headers, timeout=ACK_SECONDS)
        except httpx.TimeoutException:
            return Ack(acked=False, ack_ms=ACK_SECONDS * 1000, error="operation_timeout")
        except httpx.HTTPError:
            return Ack(acked=False, error="app_unreachable")
        took = (time.monotonic() - started) * 1000
        if not answer.is_success:
            return Ack(acked=False, ack_ms=took, error=f"http_{answer.status_code}")
        return Ack(acked=True, ack_ms=took, payload=_payload(answer))


def _encoded(kind: str, payload: Json) -> tuple[bytes, str]:
    if kind == "events_api":
        return json.dumps(payload).encode(), "application/json"
    form = payload if kind == "slash_commands" else {"payload": json.dumps(payload)}
    return urlencode(form).encode(), "application/x-www-form-urlencoded"


def _payload(answer: httpx.Response) -> Json:
    try:
        body = answer.json()
    except ValueError:
        return {"text": answer.text} if answer.text.strip() else {}
    return body if isinstance(body, dict) else {}
