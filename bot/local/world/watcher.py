"""Learns what was changed in production, only by reading the cluster API and AWS as any other client would."""

import asyncio
import ssl
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import psycopg

from bot.local.cluster.evictions import matches
from bot.local.world.aws.account import ecs_client
from bot.local.world.aws.identities import CLUSTER
from bot.local.world.databases import WORLD, role_of
from bot.local.world.options import WorldOptions
from bot.local.world.scene import CountReaction, FloodReaction, HeapReaction, ImageReaction, Reaction

if TYPE_CHECKING:
    from mypy_boto3_ecs import ECSClient

_HEAVIEST = """
SELECT query_id, count(*) AS backends, max(age) AS oldest_s FROM pg_stat_activity
WHERE usename = %s GROUP BY query_id
"""
_CORE = "/api/v1/namespaces/production"
_APPS = "/apis/apps/v1/namespaces/production"
_NETWORKING = "/apis/networking.k8s.io/v1/namespaces/production"


class Watcher:
    """A read-only client of both APIs with the world's own identities."""

    def __init__(
        self, options: WorldOptions, token: str, certificate: Path, management: str, sql: str
    ) -> None:
        self._cluster = httpx.AsyncClient(
            base_url=options.cluster_url,
            headers={"Authorization": f"Bearer {token}"},
            verify=ssl.create_default_context(cafile=str(certificate)),
            timeout=5.0,
            trust_env=False,
        )
        self._ecs: ECSClient = ecs_client(options.aws_url)
        self._doors = httpx.AsyncClient(
            headers={"Authorization": f"Bearer {management}"}, timeout=5.0, trust_env=False
        )
        self._management_url = options.management_url
        self._dsn = (
            f"host=127.0.0.1 port={options.database_port} user={WORLD} password={sql} dbname=production"
        )

    async def level(self, reaction: Reaction) -> float | None:
        """The level that production's present state asks of the reaction's driver; None where it cannot be told."""
        if isinstance(reaction, ImageReaction):
            return await self._image_share(reaction)
        if isinstance(reaction, HeapReaction):
            return await self._heap_level(reaction)
        if isinstance(reaction, FloodReaction):
            return await asyncio.to_thread(self._flood_level, reaction)
        return await asyncio.to_thread(self._count_level, reaction)

    async def close(self) -> None:
        """Close the connections."""
        await self._cluster.aclose()
        await self._doors.aclose()

    async def _image_share(self, reaction: ImageReaction) -> float | None:
        answer = await self._cluster.get(
            "/apis/apps/v1/namespaces/production/replicasets",
            params={"labelSelector": f"service={reaction.service}"},
        )
        answer.raise_for_status()
        ready: dict[str, int] = {}
        for replica_set in answer.json()["items"]:
            image = _image(replica_set)
            ready[image] = ready.get(image, 0) + replica_set["status"].get("readyReplicas", 0)
        total = sum(ready.values())
        # No pod at all is no cure: whoever calls the service still gets errors.
        return ready.get(reaction.image, 0) / total if total else 1.0

    async def exposed(self, pods: Collection[str]) -> set[str]:
        """Which of the pods still run without a policy that denies them all traffic both ways."""
        running = {pod["metadata"]["name"]: pod for pod in await self._listed(f"{_CORE}/pods")}
        policies = await self._listed(f"{_NETWORKING}/networkpolicies")
        return {
            name
            for name in pods
            if name in running and not any(_cuts_off(policy, running[name]) for policy in policies)
        }

    async def ready_behind(self, service: str) -> tuple[int, int]:
        """How many ready pods stand behind a Kubernetes service, and how many its Deployment wants."""
        [found] = [
            one for one in await self._listed(f"{_CORE}/services") if one["metadata"]["name"] == service
        ]
        selector = ",".join(f"{name}={value}" for name, value in found["spec"]["selector"].items())
        pods = await self._listed(f"{_CORE}/pods", labelSelector=selector)
        answer = await self._cluster.get(f"{_APPS}/deployments/{service}")
        answer.raise_for_status()
        return sum(map(_ready, pods)), int(answer.json()["spec"]["replicas"])

    async def _listed(self, path: str, **query: str) -> list[dict[str, Any]]:
        """The items of a collection; none where the API has no such kind."""
        answer = await self._cluster.get(path, params=query)
        if answer.status_code == httpx.codes.NOT_FOUND:
            return []
        answer.raise_for_status()
        return list(answer.json()["items"])

    async def running_count(self, service: str) -> int | None:
        """How many tasks of an ECS service run, None where there is no such service."""
        return await asyncio.to_thread(self._running_count, service)

    async def _heap_level(self, reaction: HeapReaction) -> float:
        asked = {"type": "read", "mbean": "java.lang:type=Memory", "attribute": "HeapMemoryUsage"}
        answer = await self._doors.post(f"{self._management_url}/{reaction.service}/jolokia/", json=asked)
        answer.raise_for_status()
        usage = answer.json()["value"]
        share = float(usage["used"]) / float(usage["max"])
        return min(1.0, max(0.0, (share - reaction.calm) / (reaction.full - reaction.calm)))

    def _flood_level(self, reaction: FloodReaction) -> float:
        with psycopg.connect(self._dsn, sslmode="disable", autocommit=True, connect_timeout=2) as connection:
            rows = connection.execute(_HEAVIEST, (role_of(reaction.service),)).fetchall()
        heaviest = max((int(row[1]) for row in rows if row[2]), default=0)
        return min(1.0, heaviest / reaction.full)

    def _count_level(self, reaction: CountReaction) -> float | None:
        count = self._running_count(reaction.service)
        if count is None:
            return None
        if count == 0:
            return 1.0
        return min(reaction.most, max(0.0, (count - reaction.calm) / (reaction.full - reaction.calm)))

    def _running_count(self, service: str) -> int | None:
        services = self._ecs.describe_services(cluster=CLUSTER, services=[service])["services"]
        return services[0]["runningCount"] if services else None


def _cuts_off(policy: dict[str, Any], pod: dict[str, Any]) -> bool:
    """Whether the policy selects the pod and denies it everything, inward and outward."""
    spec = policy["spec"]
    selects = matches(spec.get("podSelector", {}), pod)
    both = {"Ingress", "Egress"} <= set(spec.get("policyTypes", ()))
    return selects and both and not spec.get("ingress") and not spec.get("egress")


def _ready(pod: dict[str, Any]) -> bool:
    conditions = pod.get("status", {}).get("conditions", [])
    return any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)


def _image(replica_set: dict[str, Any]) -> str:
    return str(replica_set["spec"]["template"]["spec"]["containers"][0]["image"])
