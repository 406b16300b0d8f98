"""Learns what was changed in production, only by reading the cluster API and AWS as any other client would."""

import asyncio
import ssl
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx

from bot.local.world.aws.account import ecs_client
from bot.local.world.aws.identities import CLUSTER
from bot.local.world.options import WorldOptions
from bot.local.world.scene import CountReaction, ImageReaction, Reaction

if TYPE_CHECKING:
    from mypy_boto3_ecs import ECSClient


class Watcher:
    """A read-only client of both APIs with the world's own identities."""

    def __init__(self, options: WorldOptions, token: str, certificate: Path) -> None:
        self._cluster = httpx.AsyncClient(
            base_url=options.cluster_url,
            headers={"Authorization": f"Bearer {token}"},
            verify=ssl.create_default_context(cafile=str(certificate)),
            timeout=5.0,
            trust_env=False,
        )
        self._ecs: ECSClient = ecs_client(options.aws_url)

    async def level(self, reaction: Reaction) -> float | None:
        """The level that production's present state asks of the reaction's driver; None where it cannot be told."""
        if isinstance(reaction, ImageReaction):
            return await self._image_share(reaction)
        return await asyncio.to_thread(self._count_level, reaction)

    async def close(self) -> None:
        """Close the connections."""
        await self._cluster.aclose()

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

    def _count_level(self, reaction: CountReaction) -> float | None:
        services = self._ecs.describe_services(cluster=CLUSTER, services=[reaction.service])["services"]
        if not services:
            return None
        count = services[0]["runningCount"]
        if count == 0:
            return 1.0
        return min(reaction.most, max(0.0, (count - reaction.calm) / (reaction.full - reaction.calm)))


def _image(replica_set: dict[str, Any]) -> str:
    return str(replica_set["spec"]["template"]["spec"]["containers"][0]["image"])
