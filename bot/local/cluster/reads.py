"""GET calls of the API: one object, a list, a watch, a Table, a pod's log."""

import json
from collections.abc import AsyncIterator, Callable
from typing import TypeAlias

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse

from bot.local.cluster.deployments import scale_of
from bot.local.cluster.kinds import PODS, Obj, Target
from bot.local.cluster.selectors import Predicate, field_selector, label_selector
from bot.local.cluster.status import ApiError, bad_request
from bot.local.cluster.store import ObjectStore
from bot.local.cluster.tables import table

LogSource: TypeAlias = Callable[[Obj, int], list[tuple[float, str]]]
"""A pod and a number of lines -> its last lines with their unix times, oldest first."""


def read(store: ObjectStore, now: Callable[[], float], target: Target, request: Request) -> Response:
    """Answer a GET on a resource: get, list or watch, as plain JSON or as a Table."""
    as_table = "as=Table" in request.headers.get("accept", "")
    if target.subresource == "scale":
        return JSONResponse(scale_of(store.get(target.kind, target.namespace, target.name)))
    if request.query_params.get("watch") in {"1", "true"}:
        stream = _watch(store, now, target, request, as_table=as_table)
        return StreamingResponse(stream, media_type="application/json")
    if target.name:
        obj = store.get(target.kind, target.namespace, target.name)
        if as_table:
            return JSONResponse(table(target.kind, [obj], now(), obj["metadata"]["resourceVersion"]))
        return JSONResponse(obj)
    matches = _filter(target, request)
    objects = [obj for obj in store.peek(target.kind, target.namespace) if matches(obj)]
    objects.sort(key=lambda obj: (obj["metadata"].get("namespace", ""), obj["metadata"]["name"]))
    version = str(store.version)
    if as_table:
        return JSONResponse(table(target.kind, objects, now(), version))
    return JSONResponse(
        {
            "kind": f"{target.kind.kind}List",
            "apiVersion": target.kind.api_version,
            "metadata": {"resourceVersion": version},
            "items": objects,
        }
    )


def _filter(target: Target, request: Request) -> Predicate:
    labels = label_selector(request.query_params.get("labelSelector", ""))
    fields = field_selector(request.query_params.get("fieldSelector", ""), target.kind.plural)

    def matches(obj: Obj) -> bool:
        meta = obj["metadata"]
        inside = target.namespace in ("", meta.get("namespace", ""))
        return inside and target.name in ("", meta["name"]) and labels(obj) and fields(obj)

    return matches


async def _watch(
    store: ObjectStore, now: Callable[[], float], target: Target, request: Request, *, as_table: bool
) -> AsyncIterator[bytes]:
    """The watch stream: the present objects first where the caller asks for them, then changes as they come."""
    matches = _filter(target, request)
    asked = request.query_params.get("resourceVersion", "")
    bookmark = request.query_params.get("sendInitialEvents") == "true"
    from_start = bookmark or asked in {"", "0"}
    header = True

    def event(change: str, obj: Obj) -> bytes:
        nonlocal header
        shown = obj
        if as_table and change != "BOOKMARK":
            version = obj["metadata"]["resourceVersion"]
            shown = table(target.kind, [obj], now(), version, header=header)
            header = False
        return json.dumps({"type": change, "object": shown}).encode() + b"\n"

    since = store.version if from_start else int(asked)
    present = store.peek(target.kind, target.namespace) if from_start else iter(())
    for obj in filter(matches, present):
        yield event("ADDED", obj)
    if bookmark:
        yield event("BOOKMARK", _bookmark(target, since))
    try:
        async for notice in store.watch(target.kind, since, matches):
            yield event(notice.type, notice.object)
    except ApiError as error:
        yield json.dumps({"type": "ERROR", "object": error.body}).encode() + b"\n"


def _bookmark(target: Target, version: int) -> Obj:
    return {
        "kind": target.kind.kind,
        "apiVersion": target.kind.api_version,
        "metadata": {
            "resourceVersion": str(version),
            "creationTimestamp": None,
            "annotations": {"k8s.io/initial-events-end": "true"},
        },
    }


def pod_log(store: ObjectStore, logs: LogSource, target: Target, request: Request) -> Response:
    """The last lines of a pod's log (tailLines, timestamps, container, previous as on the real API)."""
    pod = store.get(PODS, target.namespace, target.name)
    names = [c["name"] for c in pod["spec"]["containers"]]
    container = request.query_params.get("container", names[0])
    if container not in names:
        raise bad_request(f"container {container} is not valid for pod {target.name}")
    if not pod["status"].get("containerStatuses"):
        text = f'container "{container}" in pod "{target.name}" is waiting to start: ContainerCreating'
        raise bad_request(text)
    tail = request.query_params.get("tailLines", "200")
    if not tail.isdigit():
        raise bad_request(f"tailLines: Invalid value: {tail}")
    lines = logs(pod, int(tail))
    stamped = request.query_params.get("timestamps") == "true"
    text = "".join((f"{at:.3f} {line}\n" if stamped else f"{line}\n") for at, line in lines)
    return PlainTextResponse(text)
