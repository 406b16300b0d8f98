"""Reading from Kubernetes through the real kubectl: list argv, the reader's kubeconfig, bounded time, `get` only."""

import json
import time
from collections.abc import Mapping, Sequence
from typing import Any

from bot.adapters.kubectl_process import KubectlProcess
from bot.domain.errors import Permanent, Retryable, WatchkeeperError
from bot.settings import Settings

REQUEST_TIMEOUT_S = 4
PROCESS_TIMEOUT_S = 8
# A server that fails at once is busy for a moment, and is asked once more; one that hangs cost its time already.
_AT_ONCE_S, _AGAIN_S = 1.5, 0.3
_NO_USE_REPEATING = (
    "(Forbidden)",
    "(Unauthorized)",
    "must be logged in",
    "error: ",
    "(BadRequest)",
    "(Invalid)",
)

_BROKEN_OFF = ("EOF", "reset by peer", "broken pipe", "Please retry")


class KubectlRead(KubectlProcess):
    """The reader's kubectl."""

    __slots__ = ()

    def items(
        self, kinds: str, selector: str = "", *, everywhere: bool = False
    ) -> Sequence[Mapping[str, Any]]:
        """Objects of the comma-separated kinds that the selector picks, or all; raises Retryable or Permanent.

        `everywhere` asks for those of all namespaces.
        """
        picked = [f"--selector={selector}"] if selector else []
        picked += ["--all-namespaces"] if everywhere else []
        text = self._run("get", kinds, *picked, "--output=json")
        try:
            items = json.loads(text)["items"]
        except (ValueError, KeyError, TypeError) as error:
            message = f"kubectl get {kinds} answered something that is no list of objects"
            raise Permanent(message) from error
        return list(items)

    def named(self, kind: str, names: Sequence[str]) -> Sequence[Mapping[str, Any]]:
        """Those of the named objects that exist; raises like `items`."""
        texts = [self._run("get", "--output=json", "--ignore-not-found", "--", f"{kind}/{n}") for n in names]
        try:
            return [json.loads(text) for text in texts if text.strip()]
        except ValueError as error:
            message = f"kubectl get {kind} answered something that is not JSON"
            raise Permanent(message) from error

    def _run(self, *arguments: str) -> str:
        begun = time.monotonic()
        try:
            return self._ran(*arguments)
        except Retryable:
            if time.monotonic() - begun > _AT_ONCE_S:
                raise
        time.sleep(_AGAIN_S)
        return self._ran(*arguments)

    def _ran(self, *arguments: str) -> str:
        argv = [*self.fixed(REQUEST_TIMEOUT_S), f"--namespace={self.namespace}", *arguments]
        done = self.ended(argv, timeout_s=PROCESS_TIMEOUT_S, lost=Retryable)
        if done.returncode != 0:
            raise _failure(done.stderr.decode("utf-8", "replace"))
        return done.stdout.decode("utf-8", "replace")


def build_read(settings: Settings) -> KubectlRead:
    """Resolve binary and credentials once; raises Permanent naming what is missing."""
    settings.require("reading Kubernetes", ["kube_reader_config"])
    return KubectlRead.found(settings, settings.kube_reader_config, "reader")


def _failure(stderr: str) -> WatchkeeperError:
    text = " ".join(stderr.split())[-300:]
    message = f"kubectl: {text}"
    # kubectl says `error: ` of an answer that broke off, too.
    lost = any(mark in text for mark in _BROKEN_OFF)
    settled = not lost and any(mark in text for mark in _NO_USE_REPEATING)
    return Permanent(message) if settled else Retryable(message)
