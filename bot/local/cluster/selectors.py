"""Label and field selectors of list and watch calls."""

import re
from collections.abc import Callable
from typing import TypeAlias

from bot.local.cluster.kinds import Obj
from bot.local.cluster.status import bad_request

Predicate: TypeAlias = Callable[[Obj], bool]

_SET_BASED = re.compile(r"^\s*(!?)\s*([\w./-]+)\s*(?:(in|notin)\s*\(([^)]*)\))?\s*$")
_EQUALITY = re.compile(r"^\s*([\w./-]+)\s*(==|=|!=)\s*([\w./-]*)\s*$")
_SPLIT = re.compile(r",(?![^(]*\))")


def label_selector(text: str) -> Predicate:
    """A predicate for a `labelSelector` parameter; 400 where it does not parse."""
    checks = [_label_requirement(part) for part in _SPLIT.split(text) if part.strip()]
    return lambda obj: all(check(obj) for check in checks)


def _labels(obj: Obj) -> dict[str, str]:
    labels: dict[str, str] = obj["metadata"].get("labels") or {}
    return labels


def _label_requirement(part: str) -> Predicate:
    if match := _EQUALITY.match(part):
        key, operator, value = match.groups()
        if operator == "!=":
            return lambda obj: _labels(obj).get(key) != value
        return lambda obj: _labels(obj).get(key) == value
    if match := _SET_BASED.match(part):
        negated, key, operator, values = match.groups()
        if operator:
            allowed = {value.strip() for value in values.split(",")}
            wanted = operator == "in"
            return lambda obj: (_labels(obj).get(key) in allowed) == wanted
        return lambda obj: (key in _labels(obj)) != bool(negated)
    raise bad_request(f"unable to parse requirement: found '{part.strip()}'")


_EVERYWHERE = ("metadata.name", "metadata.namespace")
_FIELDS = {
    "pods": ("spec.nodeName", "spec.restartPolicy", "spec.schedulerName", "status.phase", "status.podIP"),
    "events": (
        "involvedObject.kind",
        "involvedObject.namespace",
        "involvedObject.name",
        "involvedObject.uid",
        "involvedObject.apiVersion",
        "involvedObject.resourceVersion",
        "involvedObject.fieldPath",
        "reason",
        "reportingComponent",
        "source",
        "type",
    ),
}


def field_selector(text: str, plural: str) -> Predicate:
    """A predicate for a `fieldSelector` parameter; 400 for fields that the resource cannot be selected by."""
    checks = [_field_requirement(part, plural) for part in text.split(",") if part.strip()]
    return lambda obj: all(check(obj) for check in checks)


def _field_requirement(part: str, plural: str) -> Predicate:
    match = re.match(r"^\s*([\w.]+)\s*(==|=|!=)\s*(.*?)\s*$", part)
    if match is None:
        raise bad_request(f"invalid selector: '{part}'; can't understand '{part}'")
    path, operator, value = match.groups()
    if path not in (*_EVERYWHERE, *_FIELDS.get(plural, ())):
        raise bad_request(f"field label not supported: {path}")
    return lambda obj: (_field(obj, path) == value) == (operator != "!=")


def _field(obj: Obj, path: str) -> str:
    found: object = obj
    for step in path.split("."):
        if not isinstance(found, dict):
            return ""
        found = found.get(step, "")
    return str(found)
