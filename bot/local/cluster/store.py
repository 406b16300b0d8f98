"""The cluster's objects in memory, with resource versions, optimistic concurrency and a log for watches."""

import asyncio
import copy
import itertools
import uuid
from collections import deque
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias

from bot.local.cluster.kinds import Kind, Obj
from bot.local.cluster.selectors import Predicate
from bot.local.cluster.status import already_exists, conflict, expired, not_found

Key: TypeAlias = tuple[str, str, str]
_LOG_LENGTH = 20_000


@dataclass(frozen=True)
class Notice:
    """One entry of the watch log."""

    version: int
    type: str
    kind: Kind
    object: Obj


class ObjectStore:
    """All objects; single-threaded (one event loop). Objects handed out are copies."""

    def __init__(self) -> None:
        self._versions = itertools.count(1000)
        self._version = next(self._versions)
        self._objects: dict[Key, Obj] = {}
        self._log: deque[Notice] = deque(maxlen=_LOG_LENGTH)
        self._floor = self._version
        self._wakers: set[asyncio.Event] = set()
        self._epoch = 0

    @property
    def version(self) -> int:
        """The newest resource version."""
        return self._version

    def clear(self) -> None:
        """Forget everything and end all watches; versions go on counting, so an old one is answered with 410."""
        self._objects.clear()
        self._log.clear()
        self._version = next(self._versions)
        self._floor = self._version
        self._epoch += 1
        self._wake()

    def get(self, kind: Kind, namespace: str, name: str) -> Obj:
        """A copy of the object; 404 where there is none."""
        found = self._objects.get((kind.qualified, namespace, name))
        if found is None:
            raise not_found(kind, name)
        return copy.deepcopy(found)

    def peek(self, kind: Kind, namespace: str = "") -> Iterator[Obj]:
        """The stored objects themselves, in creation order, to read only; all namespaces where it is empty."""
        for (qualified, where, _), obj in list(self._objects.items()):
            if qualified == kind.qualified and namespace in ("", where):
                yield obj

    def create(self, kind: Kind, obj: Obj, at: str) -> Obj:
        """Store a new object; fills uid, creationTimestamp and resourceVersion."""
        meta = obj["metadata"]
        key = (kind.qualified, meta.get("namespace", ""), meta["name"])
        if key in self._objects:
            raise already_exists(kind, meta["name"])
        meta.setdefault("uid", str(uuid.uuid4()))
        meta.setdefault("creationTimestamp", at)
        return self._write(key, kind, "ADDED", {"kind": kind.kind, "apiVersion": kind.api_version, **obj})

    def replace(self, kind: Kind, obj: Obj) -> Obj:
        """Store a changed object; 409 where its resourceVersion is not the stored one. Unchanged: no new version."""
        meta = obj["metadata"]
        key = (kind.qualified, meta.get("namespace", ""), meta["name"])
        stored = self._objects.get(key)
        if stored is None:
            raise not_found(kind, meta["name"])
        if meta.get("resourceVersion", "") not in ("", stored["metadata"]["resourceVersion"]):
            raise conflict(kind, meta["name"])
        meta["resourceVersion"] = stored["metadata"]["resourceVersion"]
        if obj == stored:
            return copy.deepcopy(stored)
        return self._write(key, kind, "MODIFIED", obj)

    def delete(self, kind: Kind, namespace: str, name: str) -> Obj:
        """Remove an object and return its last state."""
        obj = self._objects.pop((kind.qualified, namespace, name), None)
        if obj is None:
            raise not_found(kind, name)
        gone = copy.deepcopy(obj)
        self._stamp(gone)
        self._announce("DELETED", kind, gone)
        return gone

    async def watch(self, kind: Kind, since: int, matches: Predicate) -> AsyncIterator[Notice]:
        """Changes after the version `since`, as they come, until the store is cleared; 410 for a lost version."""
        if since < self._floor:
            raise expired(since)
        epoch, seen, waker = self._epoch, since, asyncio.Event()
        self._wakers.add(waker)
        try:
            while epoch == self._epoch:
                fresh = [n for n in self._log if n.version > seen]
                for notice in fresh:
                    seen = notice.version
                    if notice.kind == kind and matches(notice.object):
                        yield notice
                if not fresh:
                    waker.clear()
                    await waker.wait()
        finally:
            self._wakers.discard(waker)

    def _write(self, key: Key, kind: Kind, change: str, obj: Obj) -> Obj:
        stored = copy.deepcopy(obj)
        self._stamp(stored)
        self._objects[key] = stored
        self._announce(change, kind, stored)
        return copy.deepcopy(stored)

    def _stamp(self, obj: dict[str, Any]) -> None:
        self._version = next(self._versions)
        obj["metadata"]["resourceVersion"] = str(self._version)

    def _announce(self, change: str, kind: Kind, obj: Obj) -> None:
        self._log.append(Notice(self._version, change, kind, obj))
        self._wake()

    def _wake(self) -> None:
        for waker in self._wakers:
            waker.set()
