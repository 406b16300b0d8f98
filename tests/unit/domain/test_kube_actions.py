"""Kubernetes actions as pure functions: what a redistribution adds up to, and the order in which pods are isolated."""

import json

import pytest

from bot.domain.binding import Bound, bind
from bot.domain.errors import Refused
from bot.domain.live_deployment import live_deployment
from bot.domain.plan import ActionClass, Target
from bot.domain.undo import inverse_of
from tests.unit.domain.sound_kube import KUBE_SOUND
from tests.unit.domain.test_binding import PLAYBOOKS

SHOP = Target("k8s.deployment", "shop", "production", "u-1", "shop")
BATCH = Target("k8s.deployment", "batch", "production", "u-2", "batch")


def live(replicas: int, name: str) -> dict[str, str]:
    return {**KUBE_SOUND["k8s.deployment"], "replicas": str(replicas), "template_hash": name}


def redistributed(target: int, donor: int) -> Bound:
    found = {"target": [(SHOP, live(target, "a"))], "donor": [(BATCH, live(donor, "b"))]}
    return bind(PLAYBOOKS["redistribute-replicas"], found, now=0.0)


def test_a_redistribution_never_grows_the_total() -> None:
    tried = 0
    for target in range(1, 41):
        for donor in range(1, 41):
            if donor < 2 or donor < target:
                with pytest.raises(Refused, match="it does not hold"):
                    redistributed(target, donor)
                continue
            shrink, grow = redistributed(target, donor).steps
            tried += 1
            after = int(shrink.params["replicas"]) + int(grow.params["replicas"])
            assert after <= target + donor
            assert int(shrink.params["replicas"]) >= 1
            assert int(grow.params["replicas"]) > target
    assert tried > 700


def test_a_redistribution_is_one_plan_with_one_undo() -> None:
    shrink, grow = redistributed(4, 6).steps
    assert (shrink.target, grow.target) == (BATCH, SHOP)
    assert (shrink.params, grow.params) == ({"replicas": 3}, {"replicas": 6})
    assert inverse_of(shrink, landed=True).params == {"replicas": 6}
    assert inverse_of(grow, landed=True).expect == {"uid": "u-1", "replicas": "6"}


def test_a_deployment_does_not_give_to_itself() -> None:
    found = {"target": [(SHOP, live(4, "a"))], "donor": [(SHOP, live(4, "a"))]}
    with pytest.raises(Refused, match="another deployment"):
        bind(PLAYBOOKS["redistribute-replicas"], found, now=0.0)


def test_quarantine_replaces_every_pod_before_it_isolates_one() -> None:
    zone = Target("k8s.namespace", "production", "production", "u-3", "shop")
    pods = [Target("k8s.pod", f"shop-{number}", "production", f"p-{number}", "shop") for number in range(3)]
    found = {
        "target": [(SHOP, live(4, "a"))],
        "zone": [(zone, KUBE_SOUND["k8s.namespace"])],
        "pods": [(pod, KUBE_SOUND["k8s.pod"]) for pod in pods],
    }
    bound = bind(PLAYBOOKS["quarantine-pods"], found, now=0.0)
    kinds = [step.id.partition("_")[0] for step in bound.steps]
    assert kinds == ["evidence", "deny", *["replace"] * 3, *["isolate"] * 3]
    assert bound.klass is ActionClass.RISKY
    assert bound.blast_radius == {"policies": 1, "replacements": 3, "pods": 3}
    policy = json.loads(bound.steps[1].stdin)
    assert policy["spec"] == {
        "podSelector": {"matchExpressions": [{"key": "watchkeeper-quarantine", "operator": "Exists"}]},
        "policyTypes": ["Ingress", "Egress"],
    }
    back = [inverse_of(step, landed=True) for step in reversed(bound.steps[1:])]
    assert [step.params for step in back] == [{"isolated": 0}] * 3 + [{"detached": 0}] * 3 + [{"present": 0}]
    assert back[-1].stdin == ""


def test_six_pods_are_too_many_for_one_plan() -> None:
    assert next(item.most for item in PLAYBOOKS["quarantine-pods"].inputs if item.name == "pods") == 5


def test_no_policy_ever_opens_anything() -> None:
    """A manifest of ours holds no address block, and names no namespace but the one that it keeps out."""
    zone = Target("k8s.namespace", "lab", "production", "u-3", "lab")
    found = {"target": [(SHOP, live(4, "a"))], "zone": [(zone, KUBE_SOUND["k8s.namespace"])]}
    [step] = bind(PLAYBOOKS["segment-namespace"], found, now=0.0).steps
    assert "ipBlock" not in step.stdin
    assert "0.0.0.0" not in step.stdin
    rule = json.loads(step.stdin)["spec"]["ingress"][0]["from"][0]["namespaceSelector"]["matchExpressions"][0]
    assert (rule["operator"], rule["values"]) == ("NotIn", ["lab"])


def replica_set(revision: int, made_at: str) -> dict[str, object]:
    owner = {"uid": "d-1", "controller": True}
    template = {"metadata": {"labels": {}}, "spec": {"containers": [{"image": f"shop:{revision}"}]}}
    return {
        "metadata": {
            "name": f"shop-{revision}",
            "creationTimestamp": f"2026-01-01T{made_at}:00Z",
            "annotations": {"deployment.kubernetes.io/revision": str(revision)},
            "labels": {"pod-template-hash": f"hash{revision}"},
            "ownerReferences": [owner],
        },
        "spec": {"template": template},
    }


@pytest.mark.parametrize(
    ("made", "revision", "ran_s"),
    [
        ({1: "08:00", 2: "09:00", 3: "12:00"}, "2", "10800"),
        # Revision 2 was replaced after five minutes: whoever goes back goes further.
        ({1: "08:00", 2: "11:55", 3: "12:00"}, "1", "14100"),
        # None stood for ten minutes: the newest, and people are told.
        ({1: "11:50", 2: "11:55", 3: "12:00"}, "2", "300"),
        # Revision 2 is a restored one, whose ReplicaSet is older than that of revision 1: nobody knows for how long.
        ({1: "11:00", 2: "09:00", 3: "12:00"}, "2", "0"),
        ({3: "12:00"}, "", ""),
    ],
)
def test_the_revision_to_go_back_to(made: dict[int, str], revision: str, ran_s: str) -> None:
    sets = [replica_set(number, at) for number, at in made.items()]
    newest = sets[-1]
    deployment = {
        "metadata": {
            "name": "shop",
            "uid": "d-1",
            "resourceVersion": "9",
            "annotations": {"deployment.kubernetes.io/revision": "3"},
        },
        "spec": {"replicas": 2, "template": newest["spec"]["template"]},  # type: ignore[index]  # JSON
    }
    live_fields = live_deployment(deployment, sets)
    assert live_fields.get("previous_revision", "") == revision
    assert live_fields.get("previous_ran_s", "") == ran_s
    assert ("previous_until" in live_fields) is (ran_s not in ("", "0"))
