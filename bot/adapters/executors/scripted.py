"""The shipped fake of the Executor port: a provider in a folder, with faults on demand.

Its state is what really happened, as at a provider: every effect is one appended line of `calls.jsonl`, written
in one go, so that a kill of the caller can neither halve nor hide it. It has no idempotency of its own.
"""

import json
import os
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from bot.domain.actions.table import action_of
from bot.domain.catalogue import check_params
from bot.domain.errors import Conflict, Permanent, Refused, Retryable, Undecided
from bot.domain.plan import PlannedStep, Target
from bot.ports import Executor
from bot.settings import Settings


class Fault(StrEnum):
    """What may go wrong: before the call, after it, or with what it does."""

    UNREACHABLE = "unreachable"
    FAIL = "fail"
    FORBIDDEN = "forbidden"
    CONFLICT = "conflict"
    HANG = "hang"
    LOST_REPLY = "lost_reply"
    STALE = "stale"
    PARTIAL = "partial"


@dataclass(frozen=True, slots=True)
class Trouble:
    """One fault for calls of `action` (or of any, where empty), `times` times; -1 means always."""

    fault: Fault
    action: str = ""
    times: int = 1
    seconds: float = 0.0


class ScriptedExecutor:
    """`bot.ports.Executor` over a folder: `targets.json` (kind/scope/name -> live fields) and `calls.jsonl`."""

    name = "scripted"

    def __init__(self, folder: Path, troubles: tuple[Trouble, ...] = (), *, latency_s: float = 0.0) -> None:
        self._folder = folder
        self._troubles = troubles
        self._left = [trouble.times for trouble in troubles]
        self._latency_s = latency_s

    def read(self, target: Target) -> Mapping[str, str]:
        time.sleep(self._latency_s)
        live = self._world().get(key_of(target))
        if live is None:
            message = f"{target.kind} {target.name} does not exist"
            raise Permanent(message)
        return live

    def dry_run(self, step: PlannedStep) -> None:
        self._check(step)
        live = self.read(step.target)
        if live.get("status", "ACTIVE") not in ("ACTIVE", "available"):
            message = f"{step.target.name} is {live['status']}"
            raise Refused(message, rule="inactive")

    def call(self, step: PlannedStep, *, token: str) -> str:
        self._check(step)
        self.read(step.target)
        trouble = self._due(step.action)
        if trouble is not None:
            self._before(trouble)
        partial = trouble is not None and trouble.fault in (Fault.PARTIAL, Fault.STALE)
        self._append(step, token, partial=partial)
        time.sleep(self._latency_s)
        if trouble is not None and trouble.fault is Fault.LOST_REPLY:
            message = "the call was sent and the answer was lost"
            raise Undecided(message)
        return f"{step.action} done on {step.target.name}"

    def settled(self, step: PlannedStep, *, token: str) -> bool:
        self._check(step)
        live = self.read(step.target)
        action = action_of(step.action)
        if action.read_only:
            return any(call["token"] == token for call in self.calls())
        return live["uid"] == step.target.uid and action.settled(live, step.params)

    def calls(self) -> list[dict[str, Any]]:
        """Every effect so far, oldest first."""
        path = self._folder / "calls.jsonl"
        if not path.exists():
            return []
        return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]

    def _world(self) -> dict[str, dict[str, str]]:
        text = (self._folder / "targets.json").read_text(encoding="utf-8")
        world: dict[str, dict[str, str]] = json.loads(text)
        for call in self.calls():
            world[call["key"]].update(effect_of(world[call["key"]], call))
        return world

    def _append(self, step: PlannedStep, token: str, *, partial: bool) -> None:
        line = {
            "token": token,
            "action": step.action,
            "key": key_of(step.target),
            "params": dict(step.params),
            "partial": partial,
        }
        handle = os.open(self._folder / "calls.jsonl", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            os.write(handle, json.dumps(line).encode() + b"\n")
        finally:
            os.close(handle)

    def _due(self, action: str) -> Trouble | None:
        for index, trouble in enumerate(self._troubles):
            if self._left[index] != 0 and trouble.action in ("", action):
                self._left[index] -= 1
                return trouble
        return None

    def _before(self, trouble: Trouble) -> None:
        """Raise what a call raises that has no effect."""
        time.sleep(trouble.seconds)
        if trouble.fault is Fault.HANG:
            message = "the call did not answer in time"
            raise Undecided(message)
        if trouble.fault is Fault.UNREACHABLE:
            message = "the provider refused the connection"
            raise Retryable(message, delay_s=0.01)
        if trouble.fault is Fault.FAIL:
            message = "the provider rejected the call"
            raise Permanent(message)
        if trouble.fault is Fault.FORBIDDEN:
            message = "the provider says: not permitted"
            raise Refused(message, rule="forbidden")
        if trouble.fault is Fault.CONFLICT:
            message = "the object was changed by somebody else"
            raise Conflict(message)

    def _check(self, step: PlannedStep) -> None:
        action = action_of(step.action)
        check_params(action, step.params)
        if step.command != action.command(step.target, step.params):
            message = f"the command of step {step.id} is not the catalogue's"
            raise Refused(message, rule="command_changed")


def key_of(target: Target) -> str:
    """The target's key in `targets.json`."""
    return f"{target.kind}/{target.scope}/{target.name}"


def effect_of(live: Mapping[str, str], call: Mapping[str, Any]) -> dict[str, str]:
    """The live fields that a recorded call changes; a partial one never becomes ready."""
    params = call["params"]
    if "to_template" not in params:
        return {} if call["partial"] else dict(action_of(call["action"]).sets(params))
    generation = str(int(live["generation"]) + 1)
    return {
        "template_hash": str(params["to_template"]),
        "revision": str(int(live["revision"]) + 1),
        "generation": generation,
        "observed_generation": generation,
        "ready": "0" if call["partial"] else live["replicas"],
    }


def load_troubles(path: Path) -> tuple[Trouble, ...]:
    """Read faults from a JSON list of {fault, action, times, seconds}; no file means none."""
    if not path.exists():
        return ()
    entries = json.loads(path.read_text(encoding="utf-8"))
    return tuple(Trouble(Fault(entry.pop("fault")), **entry) for entry in entries)


def save_world(folder: Path, targets: Mapping[str, Mapping[str, str]], troubles: tuple[Trouble, ...]) -> None:
    """Set the scene: live fields per `key_of` and the faults to come."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "targets.json").write_text(json.dumps(targets), encoding="utf-8")
    (folder / "faults.json").write_text(json.dumps([asdict(one) for one in troubles]), encoding="utf-8")


def build(settings: Settings) -> Executor:
    """The fake over data_dir/scripted with the faults written there."""
    folder = settings.data_dir / "scripted"
    return ScriptedExecutor(folder, load_troubles(folder / "faults.json"))
