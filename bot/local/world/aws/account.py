"""Owns moto's server (a thread of this process) and sets the account's ECS scene, its past included."""

import contextlib
import logging
import socket
import threading
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import boto3
import httpx
from moto.ecs.models import ecs_backends
from moto.moto_server.threaded_moto_server import ThreadedMotoServer

from bot.local.world.aws.identities import ACCOUNT, CLUSTER, REGION, WORLD
from bot.local.world.scene import EcsService

if TYPE_CHECKING:
    from mypy_boto3_ecs import ECSClient


def ecs_client(endpoint: str) -> "ECSClient":
    """A boto3 ECS client with the world's own identity."""
    return boto3.client(
        "ecs",
        region_name=REGION,
        endpoint_url=endpoint,
        aws_access_key_id=WORLD.access_key,
        aws_secret_access_key=WORLD.secret,
    )


# What an investigation looks up and no scene sets: loaded beside the start, not during the first incident.
_LOOKED_UP = {
    "lambda": "/2015-03-31/functions",
    "autoscaling": "/?Action=DescribeAutoScalingGroups&Version=2011-01-01",
    "elasticloadbalancing": "/?Action=DescribeLoadBalancers&Version=2015-12-01",
}


class Account:
    """The simulated account; methods block for some ten milliseconds, call them in a thread."""

    def __init__(self) -> None:
        logging.getLogger("werkzeug").setLevel(logging.ERROR)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self._server = ThreadedMotoServer("127.0.0.1", port, verbose=False)
        self.url = f"http://127.0.0.1:{port}"
        self._ecs = ecs_client(self.url)
        self._rds: Any = boto3.client(
            "rds",
            region_name=REGION,
            endpoint_url=self.url,
            aws_access_key_id=WORLD.access_key,
            aws_secret_access_key=WORLD.secret,
        )

    def start(self) -> None:
        """Start moto and make first calls, so that its slow imports are over before a scenario needs them."""
        self._server.start()
        self._ecs.list_clusters()
        self._rds.describe_db_instances()
        threading.Thread(target=self._load, daemon=True).start()

    def _load(self) -> None:
        for service, path in _LOOKED_UP.items():
            scope = f"Credential={WORLD.access_key}/20300101/{REGION}/{service}/aws4_request"
            # What it answers is of no interest: that it was asked makes moto load the service's code.
            with contextlib.suppress(httpx.HTTPError):
                httpx.get(
                    f"{self.url}{path}",
                    headers={"Authorization": f"AWS4-HMAC-SHA256 {scope}"},
                    trust_env=False,
                )

    def stop(self) -> None:
        """End the server thread."""
        self._server.stop()

    def set_scene(self, services: Iterable[EcsService]) -> None:
        """Forget everything and create the services with their present counts, as old as their history says."""
        httpx.post(f"{self.url}/moto-api/reset", trust_env=False).raise_for_status()
        self._ecs.create_cluster(clusterName=CLUSTER)
        for service in services:
            self._ecs.register_task_definition(
                family=service.name,
                containerDefinitions=[{"name": service.name, "image": service.image, "memory": 512}],
            )
            self._ecs.create_service(
                cluster=CLUSTER,
                serviceName=service.name,
                taskDefinition=service.name,
                desiredCount=service.history[0].count,
                launchType="FARGATE",
            )
            self._ecs.update_service(
                cluster=CLUSTER, service=service.name, desiredCount=service.history[-1].count
            )
            self._backdate(service)
        self.settle()

    def set_databases(self, names: Iterable[str]) -> None:
        """A primary RDS instance for each database, tagged as the service that it is."""
        for name in names:
            self._rds.create_db_instance(
                DBInstanceIdentifier=name,
                DBInstanceClass="db.r6g.large",
                Engine="postgres",
                AllocatedStorage=200,
                MasterUsername="production",
                MasterUserPassword="simulated-only",
                Tags=[{"Key": "service", "Value": name}],
            )

    def settle(self) -> None:
        """Bring each service's deployment block in line with its counts, which moto leaves as they were at creation."""
        for service in ecs_backends[ACCOUNT][REGION].services.values():
            for deployment in service.deployments:
                deployment["taskDefinition"] = service.task_definition
                deployment["desiredCount"] = service.desired_count
                deployment["runningCount"] = service.running_count
                deployment["pendingCount"] = service.pending_count
                deployment["rolloutState"] = "COMPLETED"
                deployment["rolloutStateReason"] = f"ECS deployment {deployment['id']} completed."

    def _backdate(self, service: EcsService) -> None:
        created, updated = (datetime.fromtimestamp(service.history[i].at, UTC) for i in (0, -1))
        stored = ecs_backends[ACCOUNT][REGION].services[f"{CLUSTER}:{service.name}"]
        for deployment in stored.deployments:
            deployment["createdAt"], deployment["updatedAt"] = created, updated
        last = service.history[-1]
        text = f"(service {service.name}) has reached a steady state with {last.count} running tasks."
        stored.events.append({"id": f"{service.name}-1", "createdAt": updated, "message": text})
