"""Executor that takes a forensic package of a Deployment: read-only, every file with its SHA-256 in a manifest.

What cannot be had is named in the manifest; half a package in time is worth more than none. Nothing is run inside a
container: what processes ran is told by the runtime sensor, where there is one.
"""

import hashlib
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from bot.adapters import registry
from bot.adapters.executors._aws_call import Clients, build_clients
from bot.adapters.executors._aws_session import Sessions
from bot.adapters.executors._forensic_package import MOST_BYTES, Package
from bot.adapters.executors._forensic_sources import processes, trail
from bot.adapters.executors._forensic_vault import Vault
from bot.adapters.executors._kubectl_call import KubectlCall, build_call, selector_of
from bot.adapters.package_files import MANIFEST, faults_of, pretty
from bot.domain.actions.forensics import COLLECT
from bot.domain.catalogue import check_params
from bot.domain.errors import Permanent, Refused, WatchkeeperError
from bot.domain.live_deployment import live_deployment
from bot.domain.plan import PlannedStep, Target
from bot.ports import EvidenceSource, Executor
from bot.settings import Settings

# All of it must be over before a lease of 15 s can run out; the copy gets what is left of it.
_BUDGET_S = 7.0
_COPY_S = 5.0
_AT_ONCE = 4
_MOST_PODS = 50
_NO_SENSOR = "no runtime sensor is configured, and nothing is run inside a container to find out"


@dataclass(frozen=True, slots=True)
class Outside:
    """What else may be asked, each None where it is not configured.

    `account` gives the clients for one call by its target, its token and who approved it.
    """

    sensor: EvidenceSource | None = None
    account: Callable[[Target, str, str], Clients] | None = None
    bucket: str = ""
    approver: str = ""


class ForensicsExecutor:
    """`bot.ports.Executor` that changes nothing outside its own folder, which only this user can read."""

    name = "forensics"

    def __init__(
        self,
        kubectl: KubectlCall,
        folder: Path,
        outside: Outside | None = None,
        *,
        now: Callable[[], float] = time.time,
        budget_s: float = _BUDGET_S,
    ) -> None:
        self._kubectl = kubectl
        self._folder = folder
        self._outside = outside or Outside()
        self._now = now
        self._budget_s = budget_s

    def for_approver(self, approver: str) -> Executor:
        """The same, whose calls to the account bear this name."""
        outside = replace(self._outside, approver=approver)
        return ForensicsExecutor(self._kubectl, self._folder, outside, now=self._now, budget_s=self._budget_s)

    def read(self, target: Target) -> Mapping[str, str]:
        self._kubectl.inside(target)
        deployment = self._kubectl.get(f"deployment/{target.name}")
        return live_deployment(deployment, self._owned("replicasets", deployment))

    def dry_run(self, step: PlannedStep) -> None:
        self._check(step)
        self.read(step.target)

    def call(self, step: PlannedStep, *, token: str) -> str:
        self._check(step)
        package = Package(self.package_of(token), time.monotonic() + self._budget_s)
        deployment = self._kubectl.get(f"deployment/{step.target.name}")
        package.text("deployment.json", lambda: pretty(deployment))
        with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="forensics") as pool:
            for done in [pool.submit(work) for work in self._works(package, step, deployment, token)]:
                done.result()
        manifest = package.close(step, token, self._now())
        return f"{self._said(package)}, manifest {manifest}{self._kept(package, step.target, token)}"

    def settled(self, step: PlannedStep, *, token: str) -> bool:
        """Whether the package of this very call is complete and its files are as the manifest says."""
        folder = self.package_of(token)
        return (folder / MANIFEST).is_file() and not faults_of(folder)

    def package_of(self, token: str) -> Path:
        """Where the package of a call lies: one folder per plan, one inside it per step."""
        plan_hash, _, rest = token.partition(":")
        return self._folder / plan_hash[:12] / hashlib.sha256(rest.encode()).hexdigest()[:8]

    def _works(
        self, package: Package, step: PlannedStep, deployment: Mapping[str, Any], token: str
    ) -> list[Callable[[], None]]:
        """Most fleeting first: what runs and what it said, then what the cluster holds, then what others recorded."""
        lines, now = int(step.params["log_lines"]), self._now()
        pods = self._pods(package, deployment)
        images = pretty([_images(pod) for pod in pods])
        describe = ("describe", "--", f"deployment/{step.target.name}")
        return [
            lambda: self._behaviour(package, step.target.service, now),
            lambda: package.text("pods.json", lambda: pretty({"items": pods})),
            lambda: package.text("images.json", lambda: images),
            *[self._log(package, str(pod["metadata"]["name"]), lines) for pod in pods[:_MOST_PODS]],
            lambda: self._printed(package, "events.json", "get", "--output=json", "--", "events"),
            lambda: self._printed(
                package, "network-policies.json", "get", "--output=json", "--", "networkpolicies.networking.k8s.io"
            ),
            lambda: self._printed(
                package, "replicasets.json", "get", "--output=json", *_owned_flags(deployment), "--", "replicasets"
            ),
            lambda: self._printed(package, "describe.txt", *describe),
            lambda: self._trail(package, step.target, token, now),
        ]  # fmt: skip

    def _pods(self, package: Package, deployment: Mapping[str, Any]) -> list[Any]:
        try:
            return self._owned("pods", deployment)
        except WatchkeeperError as error:
            package.lack("pods.json", str(error))
            return []

    def _behaviour(self, package: Package, service: str, now: float) -> None:
        if self._outside.sensor is None:
            package.lack("processes.jsonl", _NO_SENSOR)
        else:
            package.take("processes.jsonl", processes(self._outside.sensor, service, now))

    def _trail(self, package: Package, target: Target, token: str, now: float) -> None:
        account, approver = self._outside.account, self._outside.approver
        if account is None:
            package.lack("cloudtrail.jsonl", "no AWS account is configured")
            return

        def write(path: Path) -> bool:
            # The session is assumed here, so that a refusal is a gap of the package and not its end.
            return trail(account(target, token, approver).of("cloudtrail"), now)(path)

        package.take("cloudtrail.jsonl", write)

    def _log(self, package: Package, pod: str, lines: int) -> Callable[[], None]:
        flags = (f"--tail={lines}", f"--limit-bytes={MOST_BYTES}", "--timestamps", "--all-containers")
        return lambda: self._printed(package, f"log-{pod}.txt", "logs", *flags, "--", f"pod/{pod}")

    def _printed(self, package: Package, name: str, verb: str, *rest: str) -> None:
        command = ("kubectl", f"--namespace={self._kubectl.namespace}", verb, *rest)
        package.printed(name, self._kubectl, command)

    def _owned(self, what: str, deployment: Mapping[str, Any]) -> list[Any]:
        items: list[Any] = self._kubectl.get(what, *_owned_flags(deployment))["items"]
        return items

    def _said(self, package: Package) -> str:
        kept, missing = package.counts
        return f"{kept} files kept, {missing} not available"

    def _kept(self, package: Package, target: Target, token: str) -> str:
        account, bucket = self._outside.account, self._outside.bucket
        if account is None or not bucket:
            return ""
        prefix = f"{package.folder.parent.name}/{package.folder.name}"
        try:
            clients = account(target, token, self._outside.approver)
            vault = Vault(clients.of("s3"), bucket)
        except WatchkeeperError as error:
            return f"; not copied to S3: {error}"
        return f"; {vault.keep(package.folder, prefix, now=self._now(), within_s=_COPY_S)}"

    def _check(self, step: PlannedStep) -> None:
        """The second wall: only the catalogue's own action, inside bounds, with exactly its command."""
        if step.action != COLLECT.id:
            message = f"the forensics executor has no action {step.action!r}"
            raise Permanent(message)
        self._kubectl.inside(step.target)
        check_params(COLLECT, step.params)
        if step.command != COLLECT.command(step.target, step.params):
            message = f"the command of step {step.id} is not the catalogue's"
            raise Refused(message, rule="command_changed")


def _owned_flags(deployment: Mapping[str, Any]) -> tuple[str, ...]:
    selector = selector_of(deployment)
    return (f"--selector={selector}",) if selector else ()


def _images(pod: Mapping[str, Any]) -> dict[str, Any]:
    """What each container really runs: the image as asked for and the digest that was pulled."""
    statuses = pod.get("status", {}).get("containerStatuses", [])
    return {
        "pod": pod["metadata"]["name"],
        "containers": [
            {"name": one.get("name"), "image": one.get("image"), "digest": one.get("imageID")}
            for one in statuses
        ],
    }


def build(settings: Settings) -> Executor:
    """The executor that the settings describe; raises Permanent naming what is missing."""
    sensor = None
    if settings.loki_url and settings.runtime_streams:
        sensor = registry.module("evidence", "falco").build(settings)
    account = _account(settings) if settings.aws_executor_credentials is not None else None
    outside = Outside(sensor, account, settings.forensics_bucket)
    return ForensicsExecutor(build_call(settings), settings.data_dir.resolve() / "forensics", outside)


def _account(settings: Settings) -> Callable[[Target, str, str], Clients]:
    """The long-lived clients, or those of a session of its own for each package where a role is configured."""
    clients = build_clients(settings)
    if not settings.aws_executor_role:
        return lambda _target, _token, _approver: clients
    region, endpoint = settings.aws_region, settings.aws_endpoint_url
    sessions = Sessions(clients.of("sts"), settings.aws_executor_role, region)
    return lambda target, token, approver: Clients(
        sessions.of_plan(COLLECT.permissions, target, token, approver), region, endpoint
    )
