"""The API's errors as Status objects, worded as the real API server words them (kubectl prints these texts)."""

from typing import Any

from bot.local.cluster.kinds import Kind, Obj


class ApiError(Exception):
    """An answer other than success; `body` is the Status object."""

    def __init__(self, code: int, reason: str, message: str, details: dict[str, Any] | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.body: Obj = {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": message,
            "reason": reason,
            "code": code,
        }
        if details:
            self.body["details"] = details


def _details(kind: Kind, name: str) -> dict[str, Any]:
    details: dict[str, Any] = {"name": name, "kind": kind.plural}
    if kind.group:
        details["group"] = kind.group
    return details


def unauthorized() -> ApiError:
    """No token, or an unknown one."""
    return ApiError(401, "Unauthorized", "Unauthorized")


def forbidden(user: str, verb: str, kind: Kind, resource: str, *, namespace: str, name: str) -> ApiError:
    """The user's role does not hold the verb."""
    where = f' in the namespace "{namespace}"' if namespace else " at the cluster scope"
    subject = f'{kind.qualified} "{name}"' if name else kind.qualified
    message = (
        f'{subject} is forbidden: User "{user}" cannot {verb} resource "{resource}" '
        f'in API group "{kind.group}"{where}'
    )
    return ApiError(403, "Forbidden", message, _details(kind, name))


def not_found(kind: Kind, name: str) -> ApiError:
    """No such object."""
    return ApiError(404, "NotFound", f'{kind.qualified} "{name}" not found', _details(kind, name))


def no_such_path() -> ApiError:
    """A path that this API does not serve."""
    return ApiError(404, "NotFound", "the server could not find the requested resource", {})


def conflict(kind: Kind, name: str) -> ApiError:
    """The caller's resourceVersion is not the stored one."""
    message = (
        f'Operation cannot be fulfilled on {kind.qualified} "{name}": the object has been modified; '
        "please apply your changes to the latest version and try again"
    )
    return ApiError(409, "Conflict", message, _details(kind, name))


def other_uid(kind: Kind, name: str, wanted: str) -> ApiError:
    """The caller means an object that was recreated under its name."""
    text = f'Invalid value: "{wanted}": field is immutable'
    return invalid(kind.kind, kind.group, name, [("metadata.uid", "FieldValueInvalid", text)])


def disrupted(name: str) -> ApiError:
    """An eviction that a disruption budget does not allow now."""
    message = "Cannot evict pod as it would violate the pod's disruption budget."
    details = {"causes": [{"reason": "DisruptionBudget", "message": f"The disruption budget {name} says no"}]}
    return ApiError(429, "TooManyRequests", message, details)


def already_exists(kind: Kind, name: str) -> ApiError:
    """A create with a name that is taken."""
    return ApiError(409, "AlreadyExists", f'{kind.qualified} "{name}" already exists', _details(kind, name))


def bad_request(message: str) -> ApiError:
    """A body or parameter that cannot be decoded."""
    return ApiError(400, "BadRequest", message)


def invalid(kind: str, group: str, name: str, causes: list[tuple[str, str, str]]) -> ApiError:
    """Validation failed; each cause is (field, reason, message)."""
    texts = [f"{field}: {message}" for field, _, message in causes]
    joined = texts[0] if len(texts) == 1 else "[" + ", ".join(texts) + "]"
    qualified = f"{kind}.{group}" if group else kind
    details = {
        "name": name,
        "group": group,
        "kind": kind,
        "causes": [{"reason": why, "message": text, "field": field} for field, why, text in causes],
    }
    return ApiError(422, "Invalid", f'{qualified} "{name}" is invalid: {joined}', details)


def method_not_allowed() -> ApiError:
    """A verb that the resource does not serve."""
    return ApiError(
        405, "MethodNotAllowed", "the server does not allow this method on the requested resource", {}
    )


def expired(resource_version: int) -> ApiError:
    """A watch from a version that is no longer held."""
    return ApiError(410, "Expired", f"too old resource version: {resource_version}")
