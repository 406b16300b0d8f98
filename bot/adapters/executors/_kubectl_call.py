"""One way to run kubectl: list argv, one binary, one context, bounded time, an empty environment, our own errors.

Shared by the two executors that use it; holds no action.
"""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bot.domain.catalogue import NAME
from bot.domain.errors import Conflict, Permanent, Refused, Retryable, Undecided, WatchkeeperError
from bot.domain.plan import Target
from bot.settings import Settings

# One rollout undo is three requests; all of them must be over before a lease of 15 s can run out.
REQUEST_TIMEOUT_S = 4
PROCESS_TIMEOUT_S = 12
_NEVER_SENT = ("connection refused", "was refused", "no such host", "no route to host", "dial tcp")
_FATE_UNKNOWN = ("EOF", "deadline exceeded", "Client.Timeout", "timed out", "reset by peer", "broken pipe")
# Most commands print the server's reason in brackets; rollout undo wraps the bare message of the same error.
_MISSING = ("(NotFound)", '" not found')
_FORBIDDEN = ("(Forbidden)", " is forbidden: ", "(Unauthorized)", "must be logged in")
# Of an object that breaks a rule kubectl prints no reason in brackets.
_REJECTED = ("(Invalid)", "(BadRequest)", " is invalid: ", "The request is invalid", "(AlreadyExists)")
_CONFLICTS = ("(Conflict)", "the object has been modified")


@dataclass(frozen=True, slots=True)
class KubectlCall:
    """Where kubectl is and whom it acts as. `home` holds its discovery cache and none of a person's preferences."""

    binary: str
    kubeconfig: Path
    context: str
    namespace: str
    home: Path
    path: str

    def argv(self, command: Sequence[str], *flags: str) -> list[str]:
        """The full argument list of a catalogue command; `flags` go before its `--`."""
        body = list(command[1:])
        cut = body.index("--") if "--" in body else len(body)
        fixed = [f"--kubeconfig={self.kubeconfig}", f"--request-timeout={REQUEST_TIMEOUT_S}s"]
        if self.context:
            fixed.append(f"--context={self.context}")
        return [self.binary, *fixed, *body[:cut], *flags, *body[cut:]]

    def run(self, command: Sequence[str], *flags: str, stdin: str = "", writes: bool = False) -> str:
        """Standard output; raises Retryable, Permanent, Refused, Conflict, or Undecided where `writes`."""
        try:
            done = subprocess.run(
                self.argv(command, *flags),
                env={"PATH": self.path, "HOME": str(self.home)},
                input=stdin.encode(),
                capture_output=True,
                timeout=PROCESS_TIMEOUT_S,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            message = f"kubectl did not answer within {PROCESS_TIMEOUT_S} s"
            raise (Undecided(message) if writes else Retryable(message)) from error
        except OSError as error:
            message = f"kubectl cannot be started: {error.strerror}"
            raise Permanent(message) from error
        if done.returncode != 0:
            raise failure(done.stderr.decode("utf-8", "replace"), writes=writes)
        return done.stdout.decode("utf-8", "replace")

    def get(self, what: str, *flags: str) -> Any:
        """One object or list as data; `what` is TYPE or TYPE/NAME."""
        command = ("kubectl", f"--namespace={self.namespace}", "get", "--output=json", *flags, "--", what)
        text = self.run(command)
        try:
            return json.loads(text)
        except ValueError as error:
            message = f"kubectl get {what} answered something that is not JSON"
            raise Permanent(message) from error

    def items(self, what: str, *flags: str) -> list[Any]:
        """All objects of a type; `what` may name several with commas."""
        return list(self.get(what, *flags)["items"])

    def named(self, kind: str, names: Sequence[str]) -> list[Any]:
        """Those of the named objects that exist."""
        found = []
        for name in names:
            text = self.run(
                (
                    "kubectl", f"--namespace={self.namespace}", "get", "--output=json", "--ignore-not-found",
                    "--", f"{kind}/{name}",
                )
            )  # fmt: skip
            found += [json.loads(text)] if text.strip() else []
        return found

    def inside(self, target: Target) -> None:
        """Raise Refused for a target outside the one namespace that this executor may touch."""
        if target.scope != self.namespace or not re.fullmatch(NAME, target.name):
            message = f"{target.scope}/{target.name} is outside the executor's namespace {self.namespace}"
            raise Refused(message, rule="outside_namespace")


def failure(stderr: str, *, writes: bool) -> WatchkeeperError:
    """What a failed kubectl run means; a write whose fate is unknown is Undecided."""
    lines = [line for line in stderr.splitlines() if not line.startswith("Warning:")]
    text = " ".join(" ".join(lines).split())[-400:]
    for marks, verdict in _VERDICTS:
        if any(mark in text for mark in marks):
            return verdict(text)
    known = text.startswith("error:") or any(mark in text for mark in _REJECTED)
    if known and not any(mark in text for mark in _FATE_UNKNOWN):
        return Permanent(f"kubectl: {text}")
    message = f"kubectl: {text}"
    return Undecided(message) if writes else Retryable(message)


_VERDICTS: tuple[tuple[tuple[str, ...], Callable[[str], WatchkeeperError]], ...] = (
    (_FORBIDDEN, lambda text: Refused(f"kubectl: not permitted: {text}", rule="forbidden")),
    (_CONFLICTS, lambda text: Conflict(f"kubectl: changed by somebody else: {text}")),
    (_MISSING, lambda text: Permanent(f"kubectl: not found: {text}")),
    (
        ("(TooManyRequests)", "too many requests"),
        lambda text: Retryable(f"kubectl: the server is busy: {text}", delay_s=2.0),
    ),
    (_NEVER_SENT, lambda text: Retryable(f"kubectl: the server cannot be reached: {text}")),
)


def build_call(settings: Settings) -> KubectlCall:
    """Resolve the binary and credentials once; raises Permanent naming what is missing."""
    settings.require("executor", ["kube_executor_config"])
    binary = shutil.which(settings.kubectl)
    if binary is None:
        message = f"kubectl {settings.kubectl!r} was not found; set WATCHKEEPER_KUBECTL to its path"
        raise Permanent(message)
    config = settings.kube_executor_config
    if config is None or not config.is_file():
        message = f"the executor's kubeconfig {config} cannot be read; set WATCHKEEPER_KUBE_EXECUTOR_CONFIG"
        raise Permanent(message)
    home = settings.data_dir / "executor-home"
    home.mkdir(parents=True, exist_ok=True)
    return KubectlCall(
        binary=str(Path(binary).resolve()),
        kubeconfig=config.resolve(),
        context=settings.kube_context,
        namespace=settings.kube_namespace,
        home=home.resolve(),
        path=os.environ.get("PATH", os.defpath),
    )


def selector_of(deployment: Mapping[str, Any]) -> str:
    """The label selector flag of a Deployment's pods and ReplicaSets; empty where it selects by expressions."""
    labels = deployment["spec"]["selector"].get("matchLabels", {})
    return ",".join(f"{key}={value}" for key, value in sorted(labels.items()))
