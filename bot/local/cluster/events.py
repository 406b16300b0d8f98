"""Kubernetes Events about objects, as controllers and kubelets record them."""

import uuid

from bot.local.cluster.kinds import EVENTS, Obj, rfc3339
from bot.local.cluster.store import ObjectStore


def record_event(
    store: ObjectStore,
    about: Obj,
    reason: str,
    message: str,
    at: float,
    *,
    kind: str = "Normal",
    count: int = 1,
    source: str = "deployment-controller",
) -> None:
    """Store one Event about an object; `at` is its last occurrence."""
    meta = about["metadata"]
    store.create(
        EVENTS,
        {
            "metadata": {
                "name": f"{meta['name']}.{uuid.uuid4().hex[:16]}",
                "namespace": meta["namespace"],
                "creationTimestamp": rfc3339(at),
            },
            "involvedObject": {
                "kind": about["kind"],
                "namespace": meta["namespace"],
                "name": meta["name"],
                "uid": meta["uid"],
                "apiVersion": about["apiVersion"],
                "resourceVersion": meta["resourceVersion"],
            },
            "reason": reason,
            "message": message,
            "source": {"component": source},
            "firstTimestamp": rfc3339(at),
            "lastTimestamp": rfc3339(at),
            "count": count,
            "type": kind,
            "eventTime": None,
            "reportingComponent": source,
            "reportingInstance": "",
        },
        rfc3339(at),
    )
