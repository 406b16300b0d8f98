"""Executor that takes a forensic package of a Deployment: read-only, every file with its SHA-256 in a manifest.

What cannot be had is named in the manifest; half a package in time is worth more than none.
"""

import hashlib
import json
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from bot.adapters.executors._kubectl_call import KubectlCall, build_call, selector_of
from bot.domain.actions.forensics import COLLECT
from bot.domain.catalogue import check_params
from bot.domain.errors import Permanent, Refused, WatchkeeperError
from bot.domain.live_deployment import live_deployment
from bot.domain.plan import PlannedStep, Target
from bot.ports import Executor
from bot.settings import Settings

MANIFEST = "manifest.json"
_MOST_PODS = 50


class ForensicsExecutor:
    """`bot.ports.Executor` that changes nothing outside its own folder, which only this user can read."""

    name = "forensics"

    def __init__(self, kubectl: KubectlCall, folder: Path) -> None:
        self._kubectl = kubectl
        self._folder = folder

    def read(self, target: Target) -> Mapping[str, str]:
        self._kubectl.inside(target)
        deployment = self._kubectl.get(f"deployment/{target.name}")
        return live_deployment(deployment, self._owned("replicasets", deployment))

    def dry_run(self, step: PlannedStep) -> None:
        self._check(step)
        self.read(step.target)

    def call(self, step: PlannedStep, *, token: str) -> str:
        self._check(step)
        package = _Package(self.package_of(token))
        deployment = self._kubectl.get(f"deployment/{step.target.name}")
        package.add("deployment.json", _pretty(deployment))
        for what in ("replicasets", "pods"):
            package.take(f"{what}.json", partial(self._listing, what, deployment))
        package.take("events.json", lambda: _pretty(self._kubectl.get("events")))
        describe = ("kubectl", *self._flags(), "describe", "--", f"deployment/{step.target.name}")
        package.take("describe.txt", partial(self._kubectl.run, describe))
        self._logs(package, deployment, int(step.params["log_lines"]))
        return package.close(step, token)

    def settled(self, step: PlannedStep, *, token: str) -> bool:
        """Whether the package of this very call is complete and its files are as the manifest says."""
        folder = self.package_of(token)
        manifest = folder / MANIFEST
        if not manifest.is_file():
            return False
        listed = json.loads(manifest.read_text(encoding="utf-8"))["files"]
        return all(_digest_of(folder / one["name"]) == one["sha256"] for one in listed)

    def package_of(self, token: str) -> Path:
        """Where the package of a call lies: one folder per plan, one inside it per step."""
        plan_hash, _, rest = token.partition(":")
        return self._folder / plan_hash[:12] / hashlib.sha256(rest.encode()).hexdigest()[:8]

    def _logs(self, package: "_Package", deployment: Mapping[str, Any], lines: int) -> None:
        for pod in self._owned("pods", deployment)[:_MOST_PODS]:
            name = pod["metadata"]["name"]
            command = (
                "kubectl", *self._flags(), "logs", f"--tail={lines}", "--timestamps", "--all-containers",
                "--", f"pod/{name}",
            )  # fmt: skip
            package.take(f"log-{name}.txt", partial(self._kubectl.run, command))

    def _listing(self, what: str, deployment: Mapping[str, Any]) -> str:
        return _pretty({"items": self._owned(what, deployment)})

    def _owned(self, what: str, deployment: Mapping[str, Any]) -> list[Any]:
        selector = selector_of(deployment)
        flags = (f"--selector={selector}",) if selector else ()
        items: list[Any] = self._kubectl.get(what, *flags)["items"]
        return items

    def _flags(self) -> tuple[str, ...]:
        return (f"--namespace={self._kubectl.namespace}",)

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


class _Package:
    """Files of one package as they come; the manifest is written last, so that it means completeness."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._files: list[dict[str, str | int]] = []
        self._missing: list[dict[str, str]] = []
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as error:
            message = f"the forensics folder {folder} cannot be written: {error.strerror}"
            raise Permanent(message) from error

    def add(self, name: str, text: str) -> None:
        data = text.encode("utf-8", "replace")
        _write(self._folder / name, data)
        self._files.append({"name": name, "sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)})

    def take(self, name: str, read: Callable[[], str]) -> None:
        """Add what `read` returns, or note why it could not be had."""
        try:
            self.add(name, read())
        except WatchkeeperError as error:
            self._missing.append({"name": name, "reason": str(error)})

    def close(self, step: PlannedStep, token: str) -> str:
        """Write the manifest and say in one line what is in the package."""
        manifest = {
            "token": token,
            "target": {"kind": step.target.kind, "name": step.target.name, "uid": step.target.uid},
            "files": self._files,
            "missing": self._missing,
        }
        _write(self._folder / MANIFEST, _pretty(manifest).encode())
        digest = _digest_of(self._folder / MANIFEST)[:12]
        return f"{len(self._files)} files kept, {len(self._missing)} not available, manifest {digest}"


def _write(path: Path, data: bytes) -> None:
    try:
        path.touch(mode=0o600)
        path.write_bytes(data)
    except OSError as error:
        message = f"{path} cannot be written: {error.strerror}"
        raise Permanent(message) from error


def _digest_of(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""


def _pretty(value: Any) -> str:
    return json.dumps(value, indent=1, sort_keys=True)


def build(settings: Settings) -> Executor:
    """The executor that the settings describe; raises Permanent naming what is missing."""
    return ForensicsExecutor(build_call(settings), settings.data_dir.resolve() / "forensics")
