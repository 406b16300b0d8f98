"""The Kubernetes part of what the binding property draws from: patches are taken apart and each word is judged."""

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

from bot.domain.catalogue import NAME

KUBE_CONSTANTS = {
    "scale", "patch", "--type=merge", "--type=json", "apply", "--validate=false", "--filename=-", "delete",
    "--ignore-not-found", "--wait=false", "drain", "--ignore-daemonsets",
    "--grace-period=-1", "--timeout=8s",
}  # fmt: skip
KUBE_NAMED = (
    "horizontalpodautoscalers.v1.autoscaling/", "pod/", "configmap/", "node/", "networkpolicy/watchkeeper-deny-",
    "networkpolicy/",
)  # fmt: skip
KUBE_NUMBERED = ("--replicas=",)
POLICY = "watchkeeper-quarantine"
# Every key and constant of a patch or a manifest.
_PATCH_WORDS = {
    "metadata", "uid", "spec", "unschedulable", "template", "annotations", "watchkeeper-restarted-from", "minReplicas",
    "maxReplicas", "data", "true", "false", "on", "off", "op", "test", "move", "path", "value", "from",
    "/metadata/uid", "/metadata/labels/service", "/metadata/labels/pod-template-hash",
    "/metadata/labels/watchkeeper-hash", "/metadata/labels/watchkeeper-quarantine",
    "apiVersion", "networking.k8s.io/v1", "kind", "NetworkPolicy", "name", "namespace", POLICY, "podSelector",
    "matchExpressions", "key", "operator", "Exists", "NotIn", "values", "protected", "watchkeeper-role",
    "policyTypes", "Ingress", "Egress", "ingress", "namespaceSelector", "kubernetes.io/metadata.name",
}  # fmt: skip
KUBE_SOUND: dict[str, dict[str, str]] = {
    "k8s.deployment": {
        "uid": "u-9", "replicas": "6", "revision": "3", "template_hash": "cccc3", "resource_version": "1", "generation": "5", "observed_generation": "5", "total": "4", "updated": "4",
        "ready": "4", "rolling": "0", "paused": "0", "restarted_from": "0", "autoscaler": "",
        "unit_price": "3000", "image": "shop:2", "previous_image": "shop:2", "config": "shop-v2",
        "previous_config": "shop-v1", "previous_config_sound": "1",
    },
    "k8s.hpa": {
        "uid": "u-1", "min_replicas": "2", "max_replicas": "8", "current_replicas": "8",
        "scales": "deployment/basket", "unit_price": "3000",
    },
    "k8s.pod": {
        "uid": "u-1", "node": "node-1", "ready": "1", "detached": "0", "isolated": "0", "replaced": "1", "serving": "3",
        "wanted": "3",
        "labelled": "1", "protected": "0",
    },
    "k8s.namespace": {
        "uid": "u-1", "protected": "0", "named": "1", "quarantine_policy": "0", "denied": "0",
        "quarantined_pods": "0", "pods": "12", "other_policies": "0", "open_services": "0",
    },
    "k8s.node": {
        "uid": "u-1", "unschedulable": "0", "ready": "1", "pods": "4", "last_of": "", "share": "50", "blocked_by": "",
        "other_nodes": "2",
    },
    "k8s.flag": {"uid": "u-1", "flag": "new-checkout", "value": "true", "off": "false"},
}  # fmt: skip


def json_is_ours(text: str, inventory: set[str], bounded: Callable[[int], bool]) -> bool:
    """Whether every key and value of a patch or manifest is a constant, an identifier or a bounded number."""
    return all(_is_ours(word, inventory, bounded) for word in _words(json.loads(text)))


def _is_ours(word: str | int, inventory: set[str], bounded: Callable[[int], bool]) -> bool:
    if isinstance(word, bool):
        return True
    if isinstance(word, int):
        return bounded(word)
    plain = word.removeprefix("watchkeeper-deny-")
    if word in _PATCH_WORDS or (plain in inventory and re.fullmatch(NAME, plain) is not None):
        return True
    return re.fullmatch(r"[0-9]{1,7}", word) is not None and bounded(int(word))


def _words(value: Any) -> Iterator[str | int]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield key
            yield from _words(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _words(inner)
    else:
        assert isinstance(value, str | int), value
        yield value
