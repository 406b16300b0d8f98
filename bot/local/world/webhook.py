"""The Alertmanager webhook body, version 4, exactly as Alertmanager writes it. Pure."""

from collections.abc import Iterator, Sequence
from typing import Any

from bot.local.world.alerts import StormAlert
from bot.local.world.webmoment import moment

_NEVER = "0001-01-01T00:00:00Z"
_OFFSET, _PRIME = 14695981039346656037, 1099511628211


def fingerprint(labels: dict[str, str]) -> str:
    """Alertmanager's fingerprint of a label set: FNV-1a over sorted names and values, each ended by 0xff."""
    total = _OFFSET
    for name in sorted(labels):
        for byte in name.encode() + b"\xff" + labels[name].encode() + b"\xff":
            total = ((total ^ byte) * _PRIME) % 2**64
    return f"{total:016x}"


def bodies(
    alerts: Sequence[StormAlert], *, resolved_at: float | None, most: int
) -> Iterator[tuple[dict[str, Any], list[StormAlert]]]:
    """Webhook bodies grouped by alertname and service, at most `most` alerts each, with the alerts they carry."""
    groups: dict[tuple[str, str], list[StormAlert]] = {}
    for alert in alerts:
        groups.setdefault((alert.labels["alertname"], alert.labels["service"]), []).append(alert)
    for (alertname, service), members in groups.items():
        for start in range(0, len(members), most):
            part = members[start : start + most]
            yield _body({"alertname": alertname, "service": service}, part, resolved_at), part


def sensor_body(alerts: Sequence[StormAlert], resolved_at: float | None) -> dict[str, Any]:
    """The generic JSON in which the runtime sensor tells its alerts."""
    return {"alerts": [_sensor_alert(alert, resolved_at) for alert in alerts]}


def _sensor_alert(alert: StormAlert, resolved_at: float | None) -> dict[str, Any]:
    labels = dict(alert.labels)
    return {
        "name": labels.pop("alertname"),
        "service": labels.pop("service"),
        "severity": labels.pop("severity"),
        "status": "firing" if resolved_at is None else "resolved",
        "summary": alert.annotations["summary"],
        "starts_at": moment(alert.starts_at),
        "labels": labels,
        "id": fingerprint(dict(alert.labels)),
    }


def _body(group: dict[str, str], alerts: Sequence[StormAlert], resolved_at: float | None) -> dict[str, Any]:
    status = "firing" if resolved_at is None else "resolved"
    pairs = ", ".join(f'{name}="{value}"' for name, value in sorted(group.items()))
    return {
        "receiver": "watchkeeper",
        "status": status,
        "alerts": [_alert(alert, status, resolved_at) for alert in alerts],
        "groupLabels": group,
        "commonLabels": _common([dict(alert.labels) for alert in alerts]),
        "commonAnnotations": _common([dict(alert.annotations) for alert in alerts]),
        "externalURL": "http://alertmanager.production.example:9093",
        "version": "4",
        "groupKey": f"{{}}:{{{pairs}}}",
        "truncatedAlerts": 0,
    }


def _alert(alert: StormAlert, status: str, resolved_at: float | None) -> dict[str, Any]:
    labels = dict(alert.labels)
    name = labels["alertname"]
    return {
        "status": status,
        "labels": labels,
        "annotations": dict(alert.annotations),
        "startsAt": moment(alert.starts_at),
        "endsAt": _NEVER if resolved_at is None else moment(resolved_at),
        "generatorURL": f"http://prometheus.production.example:9090/graph?g0.expr=ALERTS%7Balertname%3D%22{name}%22%7D",
        "fingerprint": fingerprint(labels),
    }


def _common(maps: list[dict[str, str]]) -> dict[str, str]:
    shared = set(maps[0].items())
    for other in maps[1:]:
        shared &= set(other.items())
    return dict(sorted(shared))
