"""A cluster as the contract sees it: kubeconfigs of four identities and a way to run the product's kubectl."""

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bot.adapters.executors._kubectl_call import KubectlCall

NAMESPACE = "production"
GOOD, NEWER, BAD = "shop:1", "shop:2", "shop:bad"


@dataclass(frozen=True)
class Cluster:
    """One running API server. `configs` holds the kubeconfigs of admin, executor and reader."""

    name: str
    configs: dict[str, Path]
    home: Path

    def kubectl(self, *args: str, user: str = "admin", stdin: str = "") -> subprocess.CompletedProcess[str]:
        """Run kubectl as one of the identities."""
        return subprocess.run(
            [binary(), f"--kubeconfig={self.configs[user]}", f"--namespace={NAMESPACE}", *args],
            input=stdin,
            env={"PATH": "/usr/bin:/bin", "HOME": str(self.home)},
            capture_output=True,
            text=True,
            timeout=90,
            check=False,
        )

    def get(self, what: str, *args: str) -> Any:
        done = self.kubectl("get", what, "-o", "json", *args)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def call(self, user: str = "executor") -> KubectlCall:
        """The product's own way to run kubectl, as one identity."""
        return KubectlCall(binary(), self.configs[user], "", NAMESPACE, self.home, "/usr/bin:/bin")

    def deploy(self, name: str, image: str, *, replicas: int = 2) -> None:
        """Create or change a Deployment and wait until it is complete, where its image can be."""
        done = self.kubectl(
            "apply", "--validate=false", "-f", "-", stdin=json.dumps(manifest(name, image, replicas))
        )
        assert done.returncode == 0, done.stderr
        if image != BAD:
            status = self.kubectl("rollout", "status", f"deployment/{name}", "--timeout=25s")
            assert status.returncode == 0, status.stderr


def binary() -> str:
    """The kubectl of the virtual environment, else any."""
    ours = Path(sys.executable).parent / "kubectl"
    found = str(ours) if ours.exists() else shutil.which("kubectl")
    assert found, "kubectl is not installed"
    return found


def manifest(name: str, image: str, replicas: int) -> dict[str, Any]:
    """A Deployment as our world writes them: everything carries the label `service`."""
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": NAMESPACE, "labels": {"service": name}},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"service": name}},
            "template": {
                "metadata": {"labels": {"service": name}},
                "spec": {"terminationGracePeriodSeconds": 0, "containers": [{"name": "app", "image": image}]},
            },
        },
    }


def wait_until(holds: Callable[[], bool], seconds: float = 90.0) -> None:
    """Poll until `holds`; fails the test when time is over."""
    deadline, pause = time.monotonic() + seconds, 0.1
    while not holds():
        assert time.monotonic() < deadline, "it did not come true in time"
        time.sleep(pause)
        pause = min(1.0, 1.5 * pause)  # Each look may be a kubectl, which costs more than what it waits for.
