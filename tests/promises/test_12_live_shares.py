"""Promise 12, what only the live state tells: how much of a service a step would take away right now.

Isolated pods, load balancer weights and drained nodes, at the cap's boundary through the stage, and against oracles
that count the pods, or the traffic that fits, one by one.
"""

import itertools
import random
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bot.adapters.executors.scripted import key_of
from bot.adapters.store.sql import SqlStore
from bot.domain.actions.kubernetes_node import DRAIN
from bot.domain.actions.kubernetes_pod import ISOLATE
from bot.domain.actions.load_balancing import SET_WEIGHTS
from bot.domain.caps import Caps
from bot.domain.catalogue import Params, planned_step
from bot.domain.live_node import live_node
from bot.domain.live_pod import live_pod
from bot.domain.plan import ActionClass, Plan, Target
from bot.domain.playbook import Playbook
from bot.pipeline.execute import step as step_module
from bot.pipeline.execute.terms import Outcome
from tests.promises.conftest import Tally
from tests.unit.pipeline.execution_scene import START, WIDE, Scene, declare, plan_of

_FULL = 5_000
_PLACES = ("first", "second")


def plant(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is taken away is not too much."""
    monkeypatch.setattr(step_module, "too_large", lambda _taken, _name, _caps: "")


def _isolated() -> tuple[Target, dict[str, str], Plan]:
    live = dict.fromkeys(("ready", "labelled"), "1") | dict.fromkeys(
        ("isolated", "detached", "protected"), "0"
    )
    live |= {"uid": "uid-pod", "node": "n", "replaced": "0", "wanted": "10", "serving": "3"}
    target = Target("k8s.pod", f"cart-{random.randrange(10**9)}", "production", "uid-pod", "cart")
    step = planned_step(ISOLATE, "isolate", target, live, {"isolated": 1})
    return (
        target,
        live,
        replace(plan_of([], checks=(), klass=ActionClass.RISKY), steps=(step,), blast_radius={"pods": 1}),
    )


def _weighed() -> tuple[Target, dict[str, str], Plan]:
    live = {"uid": "arn:rule", "groups": "2", "first_group": "a", "second_group": "b"}
    live |= {"first_weight": "100", "second_weight": "0", "first_healthy": "10", "second_healthy": "3"}
    live |= {"first_targets": "10", "second_targets": "3"}
    name = f"app/cart/{random.randrange(10**9, 10**10)}/0123456789/0123456789"
    target = Target("elbv2.rule", name, "eu-west-1", "arn:rule", "cart")
    params: Params = {"first_group": "a", "first_weight": 0, "second_group": "b", "second_weight": 100}
    step = planned_step(SET_WEIGHTS, "weigh", target, live, params)
    radius = {"rules": 1, "percent_of_traffic": 100}
    return (
        target,
        live,
        replace(plan_of([], checks=(), klass=ActionClass.RISKY), steps=(step,), blast_radius=radius),
    )


def _drained() -> tuple[Target, dict[str, str], Plan]:
    live = {"uid": "uid-node", "unschedulable": "1", "ready": "1", "pods": "9", "share": "70"}
    live |= {"last_of": "", "blocked_by": "", "other_nodes": "2"}
    target = Target("k8s.node", f"node-{random.randrange(10**9)}", "cluster", "uid-node", "cart")
    plan = replace(
        plan_of([], checks=(), klass=ActionClass.RISKY),
        steps=(planned_step(DRAIN, "drain", target, live, {}),),
    )
    radius = {"nodes": 1, "pods": 9}
    return target, live, replace(plan, blast_radius=radius, klass=ActionClass.DESTRUCTIVE, on_failure="stop")


def _book(scene: Scene, plan: Plan) -> Playbook:
    return replace(scene.books[0], blast_radius=plan.blast_radius)


def test_the_boundary_of_the_share_that_is_live(
    store: SqlStore, tmp_path: Path, promise: Callable[[int], Tally]
) -> None:
    """Each of the three takes 70 of a hundred."""
    tally = promise(12)
    declare(store)
    store.transact(lambda tx: tx.save_approvers(["U1", "U2"], at=START))
    for made, over in itertools.product((_isolated, _weighed, _drained), (-1, 0, 1)):
        scene = Scene(store, tmp_path / f"{made.__name__}{over}")
        target, live, plan = made()
        plan_hash = scene.stage(plan, world={key_of(target): live}, seconded_by="U2")
        scene.books = [_book(scene, plan)]
        result = scene.run(plan_hash, caps=replace(WIDE, replica_percent=70 - over))
        wanted = Outcome.REFUSED if over > 0 else Outcome.DONE
        tally.check(result.outcome is wanted, f"70 % by {made.__name__} under {70 - over}: {result}")


def test_pods_counted_one_by_one(promise: Callable[[int], Tally]) -> None:
    """Random clusters, pods isolated one after another while the cap lets them: what serves never falls below it."""
    tally = promise(12)
    for _ in range(tally.size(_FULL, least=250)):
        pods = [_pod(number) for number in range(random.randrange(1, 9))]
        wanted, most = random.randrange(0, 9), random.randrange(0, 101)
        deployment = {"spec": {"replicas": wanted, "selector": {"matchLabels": {"service": "cart"}}}}
        for pod in random.sample(pods, len(pods)):
            there = [one for one in pods if "service" in one["metadata"]["labels"]]
            taken = ISOLATE.takes_away(live_pod(pod, there, [deployment]), {"isolated": 1})
            passed = not step_module.too_large(taken, "cart", Caps(replica_percent=most))
            left = sum(_serves(one) for one in there if one is not pod)
            harmless = not _is_ready(pod) or 100 * (wanted - left) <= most * wanted
            tally.check(passed == harmless, f"{left} of {wanted} left under {most} %: passed is {passed}")
            if passed:
                labels = pod["metadata"]["labels"]
                labels["watchkeeper-quarantine"] = labels.pop("service")


def _pod(number: int) -> dict[str, Any]:
    owned = random.random() < 0.8
    labels = {"service": "cart"} | ({"pod-template-hash": "h"} if owned else {"watchkeeper-hash": "h"})
    ready = "True" if random.random() < 0.8 else "False"
    meta = {"uid": f"u{number}", "name": f"cart-{number}", "labels": labels}
    meta |= {"deletionTimestamp": "now"} if random.random() < 0.1 else {}
    return {"metadata": meta, "spec": {}, "status": {"conditions": [{"type": "Ready", "status": ready}]}}


def _is_ready(pod: Mapping[str, Any]) -> bool:
    conditions = pod["status"]["conditions"]
    return conditions[0]["status"] == "True" and "deletionTimestamp" not in pod["metadata"]


def _serves(pod: Mapping[str, Any]) -> bool:
    return _is_ready(pod) and "pod-template-hash" in pod["metadata"]["labels"]


def test_traffic_that_fits(promise: Callable[[int], Tally]) -> None:
    """What must still fit is a share of what just fitted before; then no group has more than its healthy targets."""
    tally = promise(12)
    for _ in range(tally.size(_FULL, least=250)):
        healthy = [random.randrange(0, 9) for _ in _PLACES]
        before, after, most = _weights(), _weights(), random.randrange(0, 101)
        live = {f"{place}_healthy": str(count) for place, count in zip(_PLACES, healthy, strict=True)}
        live |= {f"{place}_weight": str(weight) for place, weight in zip(_PLACES, before, strict=True)}
        params = {f"{place}_weight": weight for place, weight in zip(_PLACES, after, strict=True)}
        taken = SET_WEIGHTS.takes_away(live, params)
        passed = not step_module.too_large(taken, "rule", Caps(replica_percent=most))
        # The greatest traffic that fitted, times both weights so that it is a whole number; None: any would.
        fitted = min(count * 100 * (before[1 - i] or 1) for i, count in enumerate(healthy) if before[i] > 0)
        scale = (before[0] or 1) * (before[1] or 1)
        fits = all(
            weight * fitted * (100 - most) <= count * 100 * scale * 100
            for weight, count in zip(after, healthy, strict=True)
        )
        tally.check(passed == fits, f"{healthy} from {before} to {after} under {most} %: passed is {passed}")


def _weights() -> tuple[int, int]:
    first = random.choice((0, 100, random.randrange(0, 101)))
    return first, 100 - first


def test_nodes_counted_pod_by_pod(promise: Callable[[int], Tally]) -> None:
    tally = promise(12)
    for _ in range(tally.size(_FULL, least=250)):
        pods = [_placed(number) for number in range(random.randrange(0, 13))]
        most = random.randrange(0, 101)
        node = {"metadata": {"name": "n0", "uid": "u"}, "spec": {}}
        taken = DRAIN.takes_away(live_node(node, [node], pods, []), {})
        passed = not step_module.too_large(taken, "n0", Caps(replica_percent=most))
        harmless = True
        for owner in ("web", "cart"):
            ready = [one for one in pods if _owner(one) == owner and _is_ready(one)]
            stay = sum(one["spec"]["nodeName"] != "n0" for one in ready)
            harmless = harmless and 100 * (len(ready) - stay) <= most * len(ready)
        tally.check(passed == harmless, f"draining under {most} %: passed is {passed}, of {len(pods)} pods")


def _placed(number: int) -> dict[str, Any]:
    pod, owner = _pod(number), random.choice(("web", "cart"))
    pod["metadata"]["ownerReferences"] = [
        {"kind": "ReplicaSet", "name": owner, "uid": owner, "controller": True}
    ]
    return {**pod, "spec": {"nodeName": random.choice(("n0", "n1", "n2"))}}


def _owner(pod: Mapping[str, Any]) -> str:
    return str(pod["metadata"]["ownerReferences"][0]["name"])
