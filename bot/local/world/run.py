"""One run of a scenario: sends its storm, follows production's state, and says when all is well again."""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx
import psycopg
from botocore.exceptions import BotoCoreError, ClientError

from bot.local.world.alerts import StormAlert
from bot.local.world.databases import SharedDatabase
from bot.local.world.heaps import Heap
from bot.local.world.options import WorldOptions
from bot.local.world.rules import NOISE_NAMES
from bot.local.world.scene import Scene
from bot.local.world.sender import Sender
from bot.local.world.sensor import struck
from bot.local.world.watcher import Watcher

_POLL_SECONDS = 0.4
_RAMP_SECONDS = 2.0
_CALM = 0.05
_CALM_SECONDS = 1.0


@dataclass
class Run:
    """The state of the scenario that is being played."""

    number: int
    scene: Scene
    alerts: tuple[StormAlert, ...]
    instances: Mapping[str, tuple[str, ...]]
    options: WorldOptions
    sender: Sender
    heaps: Mapping[str, Heap]
    database: SharedDatabase
    contained: dict[str, float] = field(default_factory=dict)
    least_ready: float = 1.0
    averted: bool = False
    tasks: list[asyncio.Task[None]] = field(default_factory=list)

    def begin(self, watcher: Watcher) -> None:
        """Start sending and watching."""
        self.tasks.append(asyncio.create_task(self._send()))
        if self.scene.reactions or self.scene.strike:
            self.tasks.append(asyncio.create_task(self._follow(watcher)))

    async def end(self) -> None:
        """Stop all activity of the run."""
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)

    async def finish(self) -> int:
        """End, and resolve every alert that was sent and still fires; returns how many those were."""
        await self.end()
        left = self.sender.sent - self.sender.resolved
        if left > 0:
            await self.sender.send(self.alerts, resolved_at=time.time())
        return max(0, left)

    def knows(self, service: str) -> bool:
        """Whether the scene has a node of that name."""
        return any(node.name == service for node in self.scene.system.topology.nodes)

    def healthy(self, now: float) -> bool:
        """Whether everything that production's state can move is calm; a launch that is to be left alone always is."""
        if self.scene.ends != "fixed":
            return self.scene.ends == "left-alone"
        drivers = {reaction.driver for reaction in self.scene.reactions}
        if self.scene.strike is not None:
            drivers.add(self.scene.strike.driver)
        settled_at = now - max((shift.lag for shift in self.scene.system.shifts), default=0.0)
        return all(self.scene.curves[driver].level(settled_at) < _CALM for driver in drivers)

    @property
    def over(self) -> bool:
        """Whether nothing more will happen by itself: every alert was sent, and ended where something was fixed."""
        if self.averted:
            return True
        if self.sender.started_at is None or self.sender.sent < len(self.alerts):
            return False
        return self.scene.ends != "fixed" or self.sender.resolved >= len(self.alerts)

    @property
    def kept(self) -> bool | None:
        """Whether the struck service never lacked more than one pod; None where nothing was struck."""
        if self.scene.strike is None:
            return None
        replicas = self.scene.system.topology.node(self.scene.strike.service).replicas
        return self.least_ready >= (replicas - 1) / replicas - 1e-9

    def facts(self) -> dict[str, Any]:
        """What the demo's driver may know while the run goes on."""
        return {
            "run": self.number,
            "name": self.scene.name,
            "seed": self.scene.seed,
            "started_at": self.scene.now,
            "planned_event": self.scene.planned_event,
            "ends": self.scene.ends,
            "alerts_planned": len(self.alerts),
            "alerts_sent": self.sender.sent,
            "resolved_sent": self.sender.resolved,
            "started_sending_at": self.sender.started_at,
            "healthy": self.healthy(time.time()),
            "service_kept": self.kept,
            "contained": len(self.contained),
        }

    def truth(self) -> dict[str, Any]:
        """The answer."""
        truth = self.scene.truth
        strangers = {
            (alert.labels["alertname"], alert.labels["service"])
            for alert in self.alerts
            if alert.labels["alertname"] in NOISE_NAMES
        }
        return {
            "root_cause": truth.root_cause,
            "kind": truth.kind,
            "changed_at": truth.changed_at,
            "fix": dict(truth.fix) if truth.fix else None,
            "unrelated_alerts": [
                {"alertname": name, "service": service} for name, service in sorted(strangers)
            ],
        }

    async def _send(self) -> None:
        """Send the storm when its time has come, unless somebody has averted it by then."""
        early_s = self.scene.now - time.time()
        if early_s > 0:
            await asyncio.sleep(early_s)
            self.averted = self.scene.ends == "fixed" and self.healthy(time.time())
        if not self.averted:
            await self.sender.send(self.alerts)

    async def _follow(self, watcher: Watcher) -> None:
        calm_since: float | None = None
        told = False
        while True:
            await asyncio.sleep(_POLL_SECONDS / self.options.time_scale)
            try:
                await self._look(watcher)
            except (httpx.HTTPError, BotoCoreError, ClientError, psycopg.Error):
                continue
            now = time.time()
            if self.scene.ends != "fixed" or not self.healthy(now):
                calm_since = None
            elif calm_since is None:
                calm_since = now
            elif not told and now - calm_since >= _CALM_SECONDS / self.options.time_scale:
                told = True
                if self.averted or self.sender.started_at is None:
                    continue
                self.tasks.append(asyncio.create_task(self.sender.send(self.alerts, resolved_at=now)))

    async def _look(self, watcher: Watcher) -> None:
        for service, heap in self.heaps.items():
            heap.tasks = await watcher.running_count(service) or heap.tasks
        for plan in self.scene.floods:
            count = await watcher.running_count(plan.service)
            self.database.follow(plan.service, plan.full_tasks if count is None else count)
        await self._look_at_strike(watcher)
        for reaction in self.scene.reactions:
            level = await watcher.level(reaction)
            curve = self.scene.curves[reaction.driver]
            if level is not None and abs(level - curve.goal) > 0.01:
                curve.head_for(level, time.time(), _RAMP_SECONDS / self.options.time_scale)

    async def _look_at_strike(self, watcher: Watcher) -> None:
        """Which struck pods are cut off by now, and how many others still serve."""
        if self.scene.strike is None:
            return
        pods = struck(self.scene, self.instances)
        exposed, now = await watcher.exposed(pods), time.time()
        for pod in pods:
            if pod in exposed:
                self.contained.pop(pod, None)
            else:
                self.contained.setdefault(pod, now)
        ready, wanted = await watcher.ready_behind(self.scene.strike.service)
        self.least_ready = min(self.least_ready, ready / wanted if wanted else 0.0)
        curve, level = self.scene.curves[self.scene.strike.driver], len(exposed) / len(pods)
        if abs(level - curve.goal) > 0.01:
            curve.head_for(level, now, _RAMP_SECONDS / self.options.time_scale)
