"""The management door of a service's JVMs: Jolokia's JSON protocol over HTTP, three fixed reads and one fixed operation.

The address comes from configuration with the service's name in it; no text of evidence gets here.
"""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx

from bot.adapters.bounded_http import Bounded
from bot.domain.errors import Permanent, Retryable, Undecided
from bot.domain.live_jvm import live_jvm

# A look, a collection and a look back are one call of an executor: together they must be over within its lease of the
# plan, or another executor would take the plan over and collect a second time.
LOOK_S = 3.0  # For the three reads together.
COLLECT_S = 8.0  # A full collection of a large heap answers later; whether it ran is then read back.
_MOST_BYTES = 1024 * 1024
_OLD = "java.lang:name=G1 Old Generation,type=GarbageCollector"
_READS = {
    "heap": ("java.lang:type=Memory", "HeapMemoryUsage"),
    "started": ("java.lang:type=Runtime", "StartTime"),
    "collections": (_OLD, "CollectionCount"),
}
_NEVER_SENT = (httpx.ConnectError, httpx.ConnectTimeout)


class _Unanswered(Retryable):
    """The door was asked and gave no answer; what it was asked to do may have happened."""


class Jolokia:
    """`url` has `{service}` where the service's name belongs; the token is sent as a bearer token."""

    def __init__(self, url: str, token: str) -> None:
        self._url = url
        self._client = httpx.Client(
            headers={"Authorization": f"Bearer {token}"},
            transport=Bounded(COLLECT_S, _MOST_BYTES, url=url),
            trust_env=False,
        )

    def live(self, service: str) -> Mapping[str, str] | None:
        """Live fields, None where the service has no door; raises Retryable or Permanent."""
        found: dict[str, Any] = {}
        ends_at = time.monotonic() + LOOK_S
        for name, (mbean, attribute) in _READS.items():
            body = {"type": "read", "mbean": mbean, "attribute": attribute}
            left_s = max(ends_at - time.monotonic(), 0.001)
            answer = self._asked(service, body, left_s)
            if answer is None:
                return None
            found[name] = answer.get("value")
        if time.monotonic() > ends_at:
            message = f"the JVM door of {service} took longer than {LOOK_S:.0f} s for three reads"
            raise Retryable(message)
        try:
            return live_jvm(service, found["heap"], int(found["started"]), int(found["collections"]))
        except (KeyError, ValueError, TypeError) as error:
            message = f"the JVM door of {service} answered something that is no heap"
            raise Permanent(message) from error

    def collect(self, service: str) -> None:
        """One full collection on every instance; raises Undecided when it is unknown whether it ran."""
        body = {"type": "exec", "mbean": "java.lang:type=Memory", "operation": "gc"}
        try:
            answer = self._asked(service, body, COLLECT_S)
        except _Unanswered as error:
            raise Undecided(str(error)) from error
        if answer is None:
            message = f"{service} has no JVM door"
            raise Permanent(message)

    def _asked(self, service: str, body: Mapping[str, str], timeout_s: float) -> dict[str, Any] | None:
        url = self._url.replace("{service}", quote(service, safe=""))
        try:
            answer = self._client.post(url, json=body, timeout=timeout_s)
        except httpx.HTTPError as error:
            message = f"the JVM door of {service} did not answer: {type(error).__name__}"
            raise (Retryable if isinstance(error, _NEVER_SENT) else _Unanswered)(message) from error
        if answer.status_code == httpx.codes.NOT_FOUND:
            return None
        if answer.status_code >= httpx.codes.INTERNAL_SERVER_ERROR:
            message = f"the JVM door of {service} answered {answer.status_code}"
            raise _Unanswered(message)
        if answer.status_code != httpx.codes.OK:
            message = f"the JVM door of {service} refused: {answer.status_code}"
            raise Permanent(message)
        try:
            told: dict[str, Any] = answer.json()
            status = int(told["status"])
        except (ValueError, KeyError, TypeError) as error:
            message = f"the JVM door of {service} does not speak Jolokia's protocol"
            raise Permanent(message) from error
        if status != httpx.codes.OK:
            message = f"the JVM door of {service} said: {str(told.get('error', status))[:200]}"
            raise Permanent(message)
        return told


def opened(url: str, token_file: Path | None) -> Jolokia:
    """A door with the token of that file; raises Permanent where it cannot be read."""
    if not url.startswith(("http://", "https://")) or "{service}" not in url:
        message = "WATCHKEEPER_JVM_URL must be an http(s) URL with {service} in it"
        raise Permanent(message)
    if token_file is None:
        message = "no token file of the JVM door is set"
        raise Permanent(message)
    try:
        return Jolokia(url, token_file.read_text(encoding="utf-8").strip())
    except OSError as error:
        message = f"the JVM token file {token_file} cannot be read: {error.strerror}"
        raise Permanent(message) from error
