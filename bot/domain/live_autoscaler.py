"""Live fields of a HorizontalPodAutoscaler (autoscaling/v1), from the API's own object."""

from collections.abc import Mapping
from typing import Any


def live_autoscaler(scaler: Mapping[str, Any], unit_price: str = "0") -> dict[str, str]:
    """The fields that `domain/actions` names for k8s.hpa; raises KeyError for an object that is none."""
    spec, status, scaled = scaler["spec"], scaler.get("status", {}), scaler["spec"]["scaleTargetRef"]
    return {
        "uid": scaler["metadata"]["uid"],
        "min_replicas": str(spec.get("minReplicas", 1)),
        "max_replicas": str(spec["maxReplicas"]),
        "current_replicas": str(status.get("currentReplicas", 0)),
        "scales": f"{str(scaled['kind']).lower()}/{scaled['name']}",
        "unit_price": unit_price,
    }
