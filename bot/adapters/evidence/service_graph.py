"""The dependency graph from service-graph metrics, as tracing back ends write them (client, server, connection_type)."""

import time
from collections.abc import Callable, Mapping
from typing import Any

from bot.adapters.bounded_http import bounded_client
from bot.adapters.evidence._prometheus_api import TIMEOUT_S, asked
from bot.domain.topology import Topology
from bot.settings import Settings

TTL_S = 30.0
FRESH_S = 2.0
KINDS = {"database": "database", "messaging_system": "queue", "virtual_node": "external"}
CLIENT_SIDE = "user"  # The name that tracing back ends give to callers which are not traced.


class ServiceGraph:
    """Reads edges with one instant query and keeps them for `ttl_s` seconds."""

    name = "service_graph"

    def __init__(
        self,
        url: str,
        query: str,
        *,
        ttl_s: float = TTL_S,
        timeout_s: float = TIMEOUT_S,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._url = url.rstrip("/")
        self._query = query
        self._ttl_s = ttl_s
        self._client = bounded_client(timeout_s, url=url)
        self._monotonic = monotonic
        self._kept: Topology | None = None
        self._kept_at = 0.0

    def topology(self, *, now: float, fresh: bool = False) -> Topology:
        """The newest graph; raises Retryable or Permanent when it cannot be read. `fresh` reads again sooner."""
        keep_s = min(FRESH_S, self._ttl_s) if fresh else self._ttl_s
        if self._kept is not None and self._monotonic() - self._kept_at < keep_s:
            return self._kept
        data = asked(self._client, f"{self._url}/api/v1/query", {"query": self._query})
        found = read_edges([row.get("metric", {}) for row in data.get("result", ())], as_of=now)
        if found.nodes():
            self._kept, self._kept_at = found, self._monotonic()
        return found


def read_edges(rows: list[Mapping[str, Any]], *, as_of: float) -> Topology:
    """Edges and kinds from label sets; untraced clients are no services and are left out."""
    calls: dict[str, set[str]] = {}
    kinds: dict[str, str] = {}
    for labels in rows:
        client, server = str(labels.get("client", "")), str(labels.get("server", ""))
        if not server:
            continue
        connection = str(labels.get("connection_type", ""))
        if connection in KINDS:
            kinds[server] = KINDS[connection]
        else:
            kinds.setdefault(server, "service")
        if client and client not in (CLIENT_SIDE, server):
            kinds.setdefault(client, "service")
            calls.setdefault(client, set()).add(server)
    return Topology({client: tuple(sorted(calls[client])) for client in sorted(calls)}, kinds, as_of)


def build(settings: Settings) -> ServiceGraph:
    """The source that settings ask for."""
    return ServiceGraph(settings.prometheus_url, settings.topology_query)
