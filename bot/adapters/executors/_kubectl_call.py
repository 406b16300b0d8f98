"""One way to run kubectl: list argv, one binary, one context, bounded time, an empty environment, our own errors.

Shared by the two executors that use it; holds no action.
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from bot.adapters.kubectl_process import KubectlProcess
from bot.domain.catalogue import NAME
from bot.domain.errors import Conflict, Permanent, Refused, Retryable, Undecided, WatchkeeperError
from bot.domain.plan import Target
from bot.settings import Settings

# One rollout undo is three requests; all of them must be over before a lease of 15 s can run out.
REQUEST_TIMEOUT_S = 4
PROCESS_TIMEOUT_S = 12
_NEVER_SENT = ("connection refused", "was refused", "no such host", "no route to host", "dial tcp")
_FATE_UNKNOWN = (
    "unable to handle the request",
    "EOF",
    "deadline exceeded",
    "Client.Timeout",
    "timed out",
    "reset by peer",
    "broken pipe",
)
# Most commands print the server's reason in brackets; rollout undo wraps the bare message of the same error.
_MISSING = ("(NotFound)", '" not found')
_FORBIDDEN = ("(Forbidden)", " is forbidden: ", "(Unauthorized)", "must be logged in")
# Of an object that breaks a rule kubectl prints no reason in brackets.
_REJECTED = ("(Invalid)", "(BadRequest)", " is invalid: ", "The request is invalid", "(AlreadyExists)")
_CONFLICTS = ("(Conflict)", "the object has been modified")


class KubectlCall(KubectlProcess):
    """The executor's kubectl."""

    __slots__ = ()

    def argv(self, command: Sequence[str], *flags: str) -> list[str]:
        """The full argument list of a catalogue command; `flags` go before its `--`."""
        body = list(command[1:])
        cut = body.index("--") if "--" in body else len(body)
        return [*self.fixed(REQUEST_TIMEOUT_S), *body[:cut], *flags, *body[cut:]]

    def run(self, command: Sequence[str], *flags: str, stdin: str = "", writes: bool = False) -> str:
        """Standard output; raises Retryable, Permanent, Refused, Conflict, or Undecided where `writes`."""
        lost = Undecided if writes else Retryable
        done = self.ended(self.argv(command, *flags), timeout_s=PROCESS_TIMEOUT_S, lost=lost, stdin=stdin)
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
    # What rollout undo says when it could not even read what it was to change.
    (("error: failed to retrieve ",), lambda text: Retryable(f"kubectl: the server is busy: {text}")),
    (_NEVER_SENT, lambda text: Retryable(f"kubectl: the server cannot be reached: {text}")),
)


def build_call(settings: Settings) -> KubectlCall:
    """Resolve the binary and credentials once; raises Permanent naming what is missing."""
    settings.require("executor", ["kube_executor_config"])
    return KubectlCall.found(settings, settings.kube_executor_config, "executor")


def selector_of(deployment: Mapping[str, Any]) -> str:
    """The label selector flag of a Deployment's pods and ReplicaSets; empty where it selects by expressions."""
    labels = deployment["spec"]["selector"].get("matchLabels", {})
    return ",".join(f"{key}={value}" for key, value in sorted(labels.items()))
