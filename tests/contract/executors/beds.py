"""On what each action is proven, and by which test file; its documentation page and the table of pages say the same."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Bed(StrEnum):
    """What an action is tried on."""

    REAL_API = "real kube-apiserver"
    SIMULATED = "simulated cluster"
    MOTO = "moto"
    MINISTACK = "ministack"
    STUBBER = "botocore Stubber"
    POSTGRESQL = "embedded PostgreSQL"
    JVM = "stand-in JVM endpoint"


@dataclass(frozen=True, slots=True)
class Proof:
    """The beds of one action and the test file that uses them."""

    beds: tuple[Bed, ...]
    test: str

    @property
    def only_stubbed(self) -> bool:
        """Whether no server but hand-written answers prove it."""
        return set(self.beds) == {Bed.STUBBER}


_CLUSTERS = (Bed.REAL_API, Bed.SIMULATED)
_HERE = "tests/contract/executors"

BEDS: Mapping[str, Proof] = {
    "kubectl/rollout-undo": Proof(_CLUSTERS, f"{_HERE}/test_contract.py"),
    "kubectl/scale": Proof(_CLUSTERS, f"{_HERE}/test_kube_workloads.py"),
    "kubectl/rollout-restart": Proof(_CLUSTERS, f"{_HERE}/test_kube_workloads.py"),
    "kubectl/set-hpa-bounds": Proof(_CLUSTERS, f"{_HERE}/test_kube_workloads.py"),
    "forensics/collect": Proof(_CLUSTERS, f"{_HERE}/test_forensics.py"),
    "ecs/set-desired-count": Proof((Bed.MOTO,), f"{_HERE}/test_contract.py"),
    "ecs/set-task-definition": Proof((Bed.MOTO,), f"{_HERE}/test_contract.py"),
    "lambda/set-alias-version": Proof((Bed.MOTO,), f"{_HERE}/test_contract.py"),
    "ssm/restore-parameter": Proof((Bed.MOTO,), f"{_HERE}/test_contract.py"),
    "appconfig/start-deployment": Proof((Bed.MOTO,), f"{_HERE}/test_contract.py"),
    "autoscaling/set-desired-capacity": Proof((Bed.MOTO,), f"{_HERE}/test_contract.py"),
    "elbv2/set-weights": Proof((Bed.MOTO,), f"{_HERE}/test_contract.py"),
    "ec2/isolate-instance": Proof((Bed.MOTO,), f"{_HERE}/test_network.py"),
    "ec2/snapshot-volume": Proof((Bed.MOTO,), f"{_HERE}/test_network.py"),
    "postgresql/limit-role-connections": Proof((Bed.POSTGRESQL,), f"{_HERE}/test_postgresql.py"),
    "postgresql/terminate-query-class": Proof((Bed.POSTGRESQL,), f"{_HERE}/test_postgresql.py"),
}

# Why no shipped playbook uses an action that is in the catalogue.
WITHOUT_PLAYBOOK: Mapping[str, str] = {}
