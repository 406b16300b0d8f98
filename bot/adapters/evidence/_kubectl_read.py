"""Reading from Kubernetes through the real kubectl: list argv, the reader's kubeconfig, bounded time, `get` only."""

import json
import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bot.domain.errors import Permanent, Retryable, WatchkeeperError
from bot.settings import Settings

REQUEST_TIMEOUT_S = 4
PROCESS_TIMEOUT_S = 8
_NO_USE_REPEATING = (
    "(Forbidden)",
    "(Unauthorized)",
    "must be logged in",
    "error: ",
    "(BadRequest)",
    "(Invalid)",
)


@dataclass(frozen=True, slots=True)
class KubectlRead:
    """Where kubectl is and whom it reads as; `home` holds its discovery cache and nobody's preferences."""

    binary: str
    kubeconfig: Path
    context: str
    namespace: str
    home: Path
    path: str

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
        context = [f"--context={self.context}"] if self.context else []
        argv = [
            self.binary,
            f"--kubeconfig={self.kubeconfig}",
            f"--request-timeout={REQUEST_TIMEOUT_S}s",
            f"--namespace={self.namespace}",
            *context,
            *arguments,
        ]
        try:
            done = subprocess.run(
                argv,
                env={"PATH": self.path, "HOME": str(self.home)},
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=PROCESS_TIMEOUT_S,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            message = f"kubectl did not answer within {PROCESS_TIMEOUT_S} s"
            raise Retryable(message) from error
        except OSError as error:
            message = f"kubectl cannot be started: {error.strerror}"
            raise Permanent(message) from error
        if done.returncode != 0:
            raise _failure(done.stderr.decode("utf-8", "replace"))
        return done.stdout.decode("utf-8", "replace")


def build_read(settings: Settings) -> KubectlRead:
    """Resolve binary and credentials once; raises Permanent naming what is missing."""
    settings.require("reading Kubernetes", ["kube_reader_config"])
    binary = shutil.which(settings.kubectl)
    if binary is None:
        message = f"kubectl {settings.kubectl!r} was not found; set WATCHKEEPER_KUBECTL to its path"
        raise Permanent(message)
    config = settings.kube_reader_config
    if config is None or not config.is_file():
        message = f"the reader's kubeconfig {config} cannot be read; set WATCHKEEPER_KUBE_READER_CONFIG"
        raise Permanent(message)
    home = settings.data_dir / "reader-home"
    home.mkdir(parents=True, exist_ok=True)
    return KubectlRead(
        binary=str(Path(binary).resolve()),
        kubeconfig=config.resolve(),
        context=settings.kube_context,
        namespace=settings.kube_namespace,
        home=home.resolve(),
        path=os.environ.get("PATH", os.defpath),
    )


def _failure(stderr: str) -> WatchkeeperError:
    text = " ".join(stderr.split())[-300:]
    message = f"kubectl: {text}"
    return Permanent(message) if any(mark in text for mark in _NO_USE_REPEATING) else Retryable(message)
