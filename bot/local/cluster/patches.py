"""The three patch formats of the API: JSON patch, JSON merge patch, and strategic merge for the used shapes."""

import copy
from typing import Any

from bot.local.cluster.kinds import Obj
from bot.local.cluster.status import ApiError, bad_request

JSON_PATCH = "application/json-patch+json"
MERGE_PATCH = "application/merge-patch+json"
STRATEGIC_PATCH = "application/strategic-merge-patch+json"

# The key by which strategic merge matches the elements of a list; a list that is not named is replaced whole.
_MERGE_KEYS = {
    "containers": "name",
    "initContainers": "name",
    "env": "name",
    "volumes": "name",
    "volumeMounts": "mountPath",
    "conditions": "type",
    "imagePullSecrets": "name",
    "ownerReferences": "uid",
}


def apply_patch(content_type: str, target: Obj, patch: Any) -> Obj:
    """A patched copy of the object; 415 for an unknown format, 400 or 422 for a patch that does not fit."""
    result: Any
    if content_type == JSON_PATCH:
        result = _json_patch(copy.deepcopy(target), patch)
    elif content_type == MERGE_PATCH:
        result = _merge(copy.deepcopy(target), patch)
    elif content_type == STRATEGIC_PATCH:
        result = _strategic(copy.deepcopy(target), patch)
    else:
        raise ApiError(
            415,
            "UnsupportedMediaType",
            f"the body of the request was in an unknown format - accepted media types include: "
            f"{JSON_PATCH}, {MERGE_PATCH}, {STRATEGIC_PATCH}",
        )
    if not isinstance(result, dict):
        raise bad_request("the patched object is not an object")
    return result


def _merge(target: Any, patch: Any) -> Any:
    if not isinstance(patch, dict):
        return patch
    merged = target if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            merged.pop(key, None)
        else:
            merged[key] = _merge(merged.get(key), value)
    return merged


def _strategic(target: Any, patch: Any) -> Any:
    if not isinstance(patch, dict):
        return patch
    if patch.get("$patch") == "replace":
        return {key: value for key, value in patch.items() if key != "$patch"}
    merged = target if isinstance(target, dict) else {}
    for key, value in patch.items():
        if key.startswith("$"):
            continue
        if value is None:
            merged.pop(key, None)
        elif isinstance(value, list) and (merge_key := _merge_key(key, value)):
            merged[key] = _strategic_list(merged.get(key) or [], value, merge_key)
        else:
            merged[key] = _strategic(merged.get(key), value)
    return merged


def _merge_key(field: str, patch: list[Any]) -> str | None:
    if field == "ports":
        holds_container_ports = any("containerPort" in item for item in patch if isinstance(item, dict))
        return "containerPort" if holds_container_ports else "port"
    return _MERGE_KEYS.get(field)


def _strategic_list(target: list[Any], patch: list[Any], merge_key: str) -> list[Any]:
    if any(isinstance(item, dict) and item.get("$patch") == "replace" for item in patch):
        return [item for item in patch if "$patch" not in item]
    merged = list(target)
    for item in patch:
        if not isinstance(item, dict) or merge_key not in item:
            raise bad_request(f"map: {item} does not contain declared merge key: {merge_key}")
        position = next((i for i, old in enumerate(merged) if old.get(merge_key) == item[merge_key]), None)
        if item.get("$patch") == "delete":
            if position is not None:
                del merged[position]
        elif position is None:
            merged.append(_strategic({}, item))
        else:
            merged[position] = _strategic(merged[position], item)
    return merged


def _json_patch(target: Any, patch: Any) -> Any:
    if not isinstance(patch, list):
        raise bad_request("json: cannot unmarshal object into Go value of type jsonpatch.Patch")
    root = {"": target}
    for operation in patch:
        _json_operation(root, operation)
    return root[""]


def _json_operation(root: Obj, operation: Any) -> None:
    if not isinstance(operation, dict) or "op" not in operation or "path" not in operation:
        raise bad_request("a JSON patch operation needs op and path")
    name, path = operation["op"], operation["path"]
    if name in {"move", "copy"}:
        holder, key = _locate(root, operation.get("from", ""))
        value = copy.deepcopy(_read(holder, key))
        if name == "move":
            _remove(holder, key)
    else:
        value = operation.get("value")
    _apply_operation(name, _locate(root, path), value)


def _apply_operation(name: str, place: tuple[Any, str], value: Any) -> None:
    holder, key = place
    if name == "test":
        if _read(holder, key) != value:
            raise _unprocessable()
    elif name == "remove":
        _remove(holder, key)
    elif name == "replace":
        _read(holder, key)
        holder[_index(holder, key) if isinstance(holder, list) else key] = value
    elif name in {"add", "move", "copy"}:
        _add(holder, key, value)
    else:
        raise _unprocessable()


def _locate(root: Obj, path: str) -> tuple[Any, str]:
    steps = [step.replace("~1", "/").replace("~0", "~") for step in path.split("/")]
    holder: Any = root
    for step in steps[:-1]:
        holder = _read(holder, step)
    return holder, steps[-1]


def _index(holder: list[Any], key: str) -> int:
    return len(holder) if key == "-" else int(key)


def _read(holder: Any, key: str) -> Any:
    if isinstance(holder, dict) and key in holder:
        return holder[key]
    if isinstance(holder, list) and key.isdigit() and int(key) < len(holder):
        return holder[int(key)]
    raise _unprocessable()


def _remove(holder: Any, key: str) -> None:
    _read(holder, key)
    del holder[int(key) if isinstance(holder, list) else key]


def _add(holder: Any, key: str, value: Any) -> None:
    if isinstance(holder, list):
        holder.insert(_index(holder, key), value)
    else:
        holder[key] = value


def _unprocessable() -> ApiError:
    """The real server tells no more than this of a JSON patch that does not fit."""
    return ApiError(422, "Invalid", "the server rejected our request due to an error in our request")
