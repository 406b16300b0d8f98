"""The dependency graph from YAML files: our own short form, or a Backstage catalogue.

Ours: `services: {checkout: {calls: [cart, orders-db], kind: service}}`. Backstage: components and resources with
`dependsOn`, and APIs that one component provides and another consumes. A file is read again when it changed.
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from bot.domain.errors import Permanent
from bot.domain.topology import Topology

_MOST_BYTES = 8 * 1024 * 1024
_KINDS = ("service", "database", "cache", "queue", "external")


class TopologyFiles:
    """Reads all files as one graph."""

    name = "topology_files"

    def __init__(self, paths: Sequence[Path]) -> None:
        self._paths = tuple(paths)
        self._kept: tuple[tuple[float, ...], Topology] | None = None

    def topology(self, *, now: float, fresh: bool = False) -> Topology:
        """The graph of the files; its age is that of the newest. Raises Permanent naming the file at fault."""
        try:
            stamps = tuple(path.stat().st_mtime for path in self._paths)
        except OSError as error:
            message = f"topology file {error.filename}: {error.strerror}"
            raise Permanent(message) from error
        if self._kept is None or self._kept[0] != stamps:
            read = [_read(path) for path in self._paths]
            calls, kinds = _joined(read)
            self._kept = stamps, Topology(calls, kinds, max(stamps, default=now))
        return self._kept[1]


_Graph = tuple[dict[str, set[str]], dict[str, str]]


def _joined(read: Iterable[_Graph]) -> tuple[dict[str, tuple[str, ...]], dict[str, str]]:
    calls: dict[str, set[str]] = {}
    kinds: dict[str, str] = {}
    for edges, known in read:
        kinds.update(known)
        for caller, callees in edges.items():
            calls.setdefault(caller, set()).update(callees - {caller})
    return {name: tuple(sorted(calls[name])) for name in sorted(calls)}, kinds


def _read(path: Path) -> _Graph:
    try:
        text = path.read_text("utf-8")
        if len(text) > _MOST_BYTES:
            message = f"topology file {path}: larger than {_MOST_BYTES} bytes"
            raise Permanent(message)
        return graph_of([one for one in yaml.safe_load_all(text) if one is not None])
    except (OSError, UnicodeDecodeError, yaml.YAMLError, RecursionError, ValueError) as error:
        message = (
            f"topology file {path}: {str(error).splitlines()[0] if str(error) else type(error).__name__}"
        )
        raise Permanent(message) from error


def graph_of(documents: Sequence[Any]) -> _Graph:
    """Edges and kinds of one file's documents; raises ValueError for what is neither of the two forms."""
    if not all(isinstance(one, Mapping) for one in documents):
        message = "every document must be a mapping"
        raise ValueError(message)
    if any("apiVersion" in one for one in documents):
        return _backstage([one for one in documents if "backstage.io" in str(one.get("apiVersion", ""))])
    calls: dict[str, set[str]] = {}
    kinds: dict[str, str] = {}
    for document in documents:
        services = document.get("services")
        if not isinstance(services, Mapping):
            message = "the key `services` with one entry a service is missing"
            raise ValueError(message)  # noqa: TRY004 - the file is at fault, not a caller
        for name, facts in services.items():
            given = facts if isinstance(facts, Mapping) else {"calls": facts or []}
            kind = str(given.get("kind", "service"))
            if kind not in _KINDS:
                message = f"{name}: kind is one of {', '.join(_KINDS)}"
                raise ValueError(message)
            kinds[str(name)] = kind
            calls[str(name)] = _names(given.get("calls"), str(name))
    return calls, kinds


def _names(given: Any, owner: str) -> set[str]:
    if given is None:
        return set()
    if not isinstance(given, list) or not all(isinstance(one, str) for one in given):
        message = f"{owner}: what it calls must be a list of names"
        raise ValueError(message)
    return set(given)


def _backstage(entities: Sequence[Mapping[str, Any]]) -> _Graph:
    calls: dict[str, set[str]] = {}
    kinds: dict[str, str] = {}
    provider: dict[str, str] = {}
    consumed: list[tuple[str, str]] = []
    for entity in entities:
        name, spec = str((entity.get("metadata") or {}).get("name", "")), entity.get("spec") or {}
        kind = str(entity.get("kind", "")).lower()
        if not name or kind not in ("component", "resource"):
            continue
        kinds[name] = _kind(kind, str(spec.get("type", "")).lower())
        wanted = [_reference(one) for one in spec.get("dependsOn") or ()]
        calls.setdefault(name, set()).update(one for of, one in wanted if of in ("component", "resource"))
        provider.update((_reference(one)[1], name) for one in spec.get("providesApis") or ())
        consumed += [(name, _reference(one)[1]) for one in spec.get("consumesApis") or ()]
    for name, api in consumed:
        if api in provider:
            calls[name].add(provider[api])
    return calls, kinds


def _kind(kind: str, told: str) -> str:
    if kind == "component":
        return "service"
    return next((known for known in _KINDS[1:4] if known in told), "external")


def _reference(text: Any) -> tuple[str, str]:
    """(kind, name) of `kind:namespace/name`; the kind is component where none is written."""
    kind, colon, rest = str(text).partition(":")
    return (kind.lower(), rest.rpartition("/")[2]) if colon else ("component", kind.rpartition("/")[2])
