"""Sets the stage: fills cluster and AWS with a scene, and holds the run that is being played."""

import asyncio
import secrets
import time
from dataclasses import replace
from pathlib import Path

import httpx

from bot.local.cluster.access import EXECUTOR, READER, WORLD, write_token_file
from bot.local.cluster.api import ClusterApi
from bot.local.cluster.builder import build_basics, build_workload
from bot.local.cluster.controller import START_SECONDS, Controller
from bot.local.cluster.events import record_event
from bot.local.cluster.identity import Certificate, write_certificate, write_kubeconfig
from bot.local.cluster.kinds import PODS, Obj, unix
from bot.local.cluster.store import ObjectStore
from bot.local.mishaps import Mishaps
from bot.local.world.alerts import StormAlert, draw_alerts
from bot.local.world.aws import identities
from bot.local.world.aws.account import Account
from bot.local.world.aws.cloudtrail import history
from bot.local.world.aws.front import AwsFront
from bot.local.world.catalogue import Scenario
from bot.local.world.databases import EXECUTOR as EXECUTOR_ROLE
from bot.local.world.databases import READER as READER_ROLE
from bot.local.world.databases import WORLD as WORLD_ROLE
from bot.local.world.databases import SharedDatabase
from bot.local.world.heaps import Management, write_tokens
from bot.local.world.logs import lines
from bot.local.world.noise import key_number
from bot.local.world.options import WorldOptions
from bot.local.world.postgres_wire import WireServer
from bot.local.world.run import Run
from bot.local.world.scene import EcsService, ImageReaction, Scene
from bot.local.world.scenes.common import NAMESPACE
from bot.local.world.sender import Sender
from bot.local.world.watcher import Watcher

_CLUSTER_AGE = 90 * 86_400.0
_STEP_SECONDS = 0.1


class Production:
    """Cluster, AWS account and the present run."""

    def __init__(self, options: WorldOptions) -> None:
        self._options = options
        self.certificate: Certificate = write_certificate(options.data_dir / "kube")
        access = write_token_file(options.data_dir / "kube" / "tokens.csv")
        for user, name in ((READER, "reader"), (EXECUTOR, "executor")):
            write_kubeconfig(
                options.data_dir / "kube" / f"{name}.kubeconfig",
                url=options.cluster_url,
                token=access.token_of(user),
                user=user,
                certificate=self.certificate.certificate,
            )
        for identity, name in ((identities.READER, "reader"), (identities.EXECUTOR, "executor")):
            identities.write_credentials(options.data_dir / "aws" / f"{name}.credentials", identity)
        self.store = ObjectStore()
        self.mishaps = Mishaps(options.fault_share, options.fault_seed)
        self.cluster = ClusterApi(self.store, access, time.time, self._pod_lines, mishaps=self.mishaps)
        self._controller = Controller(self.store, time.time, START_SECONDS / options.time_scale)
        tokens = write_tokens(options.data_dir / "jvm")
        self.management = Management(tokens)
        passwords = {READER_ROLE: options.sql_reader, EXECUTOR_ROLE: options.sql_executor}
        self.database = SharedDatabase({**passwords, WORLD_ROLE: secrets.token_hex(16)})
        self.wire = WireServer(self.database)
        self.account = Account()
        client = httpx.AsyncClient(trust_env=False, timeout=10.0)
        self.front = AwsFront(self.account, client, mishaps=self.mishaps)
        self._watcher = Watcher(
            options,
            access.token_of(WORLD),
            Path(self.certificate.certificate),
            next(token for token, role in tokens.items() if role == "world"),
            self.database.passwords[WORLD_ROLE],
        )
        self._starting = asyncio.Lock()
        self._runs = 0
        self._seen: set[frozenset[tuple[str, str]]] = set()
        self._sent_before = 0
        self.run: Run | None = None

    @property
    def alerts_sent(self) -> int:
        """Alerts taken by the product in all runs so far."""
        return self._sent_before + (self.run.sender.sent if self.run else 0)

    async def keep(self) -> None:
        """Run the cluster's control loops until cancelled."""
        while True:
            self._controller.step()
            await asyncio.sleep(_STEP_SECONDS / self._options.time_scale)

    async def start(self, scenario: Scenario, seed: int | None, *, early: bool = True) -> Run:
        """End the present run, set the stage anew and begin; without `early` at the storm itself."""
        async with self._starting:
            if self.run is not None:
                await self.run.end()
            chosen = secrets.randbelow(1_000_000) if seed is None else seed
            early_s = self._options.early_s if scenario.early and early else 0.0
            scene = scenario.draw(chosen, time.time() + early_s)
            self._fill_cluster(scene)
            await asyncio.to_thread(self.account.set_scene, scene.ecs)
            self.cluster.records.clear()
            self.front.records.clear()
            self.front.history = history(scene.ecs)
            self.management.set_scene(scene.heaps, scene.now)
            nodes = scene.system.topology.nodes
            self.database.set_scene([node.name for node in nodes if node.kind == "service"], scene.floods)
            stores = [node.name for node in nodes if node.kind == "database"]
            await asyncio.to_thread(self.account.set_databases, stores)
            instances = self._instances(scene)
            self._runs += 1
            alerts = self._apart_from_earlier_runs(draw_alerts(scene, instances))
            self._sent_before = self.alerts_sent
            self.run = Run(
                self._runs,
                scene,
                alerts,
                instances,
                self._options,
                Sender(self._options),
                self.management.heaps,
                self.database,
            )
            self.run.begin(self._watcher)
            return self.run

    def _apart_from_earlier_runs(self, alerts: tuple[StormAlert, ...]) -> tuple[StormAlert, ...]:
        """The same alert as one of an earlier run is another one: it would be a copy of one that ended lately."""
        if self.run is not None:
            self._seen |= {frozenset(alert.labels.items()) for alert in self.run.alerts}
        return tuple(
            replace(alert, labels={**alert.labels, "run": str(self._runs)})
            if frozenset(alert.labels.items()) in self._seen
            else alert
            for alert in alerts
        )

    async def finish(self) -> int:
        """End the present run as if its alerts had ended; returns how many were still firing."""
        async with self._starting:
            return await self.run.finish() if self.run else 0

    async def close(self) -> None:
        """End the run and all connections."""
        if self.run is not None:
            await self.run.end()
        self.wire.stop()
        await self._watcher.close()
        await self.front.client.aclose()
        await asyncio.to_thread(self.account.stop)

    def _fill_cluster(self, scene: Scene) -> None:
        self.store.clear()
        build_basics(self.store, NAMESPACE, scene.now - _CLUSTER_AGE)
        for workload in scene.workloads:
            build_workload(self.store, workload, scene.now)
        for service, count in scene.flapping.items():
            pods = [pod for pod in self.store.peek(PODS) if pod["metadata"]["labels"]["service"] == service]
            text = "Readiness probe failed: HTTP probe failed with statuscode: 500"
            for pod in pods[:count]:
                record_event(
                    self.store,
                    pod,
                    "Unhealthy",
                    text,
                    scene.now - 20,
                    kind="Warning",
                    count=4,
                    source="kubelet",
                )

    def _instances(self, scene: Scene) -> dict[str, tuple[str, ...]]:
        """The pods of each Deployment and the task addresses of each ECS service, as alerts and logs name them."""
        found: dict[str, tuple[str, ...]] = {service.name: _tasks(service) for service in scene.ecs}
        for pod in self.store.peek(PODS, NAMESPACE):
            name = pod["metadata"]["labels"]["service"]
            found[name] = (*found.get(name, ()), pod["metadata"]["name"])
        return found

    def _pod_lines(self, pod: Obj, count: int) -> list[tuple[float, str]]:
        if self.run is None:
            return []
        name, service = pod["metadata"]["name"], pod["metadata"]["labels"].get("service", "")
        now = time.time()
        since = max(now - 600, unix(pod["metadata"]["creationTimestamp"]))
        alone = {service: (name,)}
        written = list(lines(_seen_by(self.run.scene, service, pod), service, since, now, alone))
        return [(line.at, f"{line.level.upper()} {line.text}") for line in written[-count:]] if count else []


def _seen_by(scene: Scene, service: str, pod: Obj) -> Scene:
    """The scene as one pod lives it: a pod that does not run the faulty image writes none of the fault's lines."""
    images = {container["image"] for container in pod["spec"]["containers"]}
    faults = [r for r in scene.reactions if isinstance(r, ImageReaction) and r.service == service]
    if all(reaction.image in images for reaction in faults):
        return scene
    return replace(scene, tales=tuple(tale for tale in scene.tales if tale.service != service))


def _tasks(service: EcsService) -> tuple[str, ...]:
    start = key_number(service.name)
    count = service.history[-1].count
    return tuple(f"10.40.{(start + i) % 250}.{(start // 250 + 3 * i) % 250}:8080" for i in range(count))
