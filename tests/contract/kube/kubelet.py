"""A stand-in for scheduler and kubelet: binds pods, marks them Running and Ready unless their image is bad."""

import threading
from typing import Any

import httpx


class Kubelet:
    """Nodes that run everything and do nothing; the first that takes pods gets them."""

    def __init__(self, client: httpx.Client, namespace: str) -> None:
        self._client = client
        self._pods = f"/api/v1/namespaces/{namespace}/pods"
        self._open: list[str] = []

    def run(self, stop: threading.Event) -> None:
        while not stop.wait(0.2):
            self._nodes()
            answer = self._client.get(self._pods)
            for pod in answer.json().get("items", []):
                self._look_after(pod)

    def _nodes(self) -> None:
        """Keep every node Ready, and remember which of them take pods."""
        nodes = self._client.get("/api/v1/nodes").json().get("items", [])
        self._open = [one["metadata"]["name"] for one in nodes if not one["spec"].get("unschedulable")]
        for one in nodes:
            if not one["status"].get("conditions"):
                self._client.patch(
                    f"/api/v1/nodes/{one['metadata']['name']}/status",
                    json={
                        "status": {
                            "conditions": [{"type": "Ready", "status": "True", "reason": "KubeletReady"}]
                        }
                    },
                    headers={"Content-Type": "application/strategic-merge-patch+json"},
                )

    def _look_after(self, pod: dict[str, Any]) -> None:
        name = pod["metadata"]["name"]
        if "deletionTimestamp" in pod["metadata"]:
            options = {"kind": "DeleteOptions", "apiVersion": "v1", "gracePeriodSeconds": 0}
            self._client.request("DELETE", f"{self._pods}/{name}", json=options)
        elif not pod["spec"].get("nodeName"):
            if not self._open:
                return
            target = {"apiVersion": "v1", "kind": "Node", "name": self._open[0]}
            binding = {"apiVersion": "v1", "kind": "Binding", "metadata": {"name": name}, "target": target}
            self._client.post(f"{self._pods}/{name}/binding", json=binding)
        elif pod["status"].get("phase") == "Pending" and not self._bad(pod):
            self._client.patch(
                f"{self._pods}/{name}/status",
                json={"status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}},
                headers={"Content-Type": "application/strategic-merge-patch+json"},
            )

    def _bad(self, pod: dict[str, Any]) -> bool:
        return any(str(container["image"]).endswith(":bad") for container in pod["spec"]["containers"])
