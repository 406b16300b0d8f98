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
_BOTH = (Bed.MOTO, Bed.MINISTACK)
_HERE = "tests/contract/executors"

BEDS: Mapping[str, Proof] = {
    "kubectl/rollout-undo": Proof(_CLUSTERS, f"{_HERE}/test_contract.py"),
    "kubectl/scale": Proof(_CLUSTERS, f"{_HERE}/test_kube_workloads.py"),
    "kubectl/rollout-restart": Proof(_CLUSTERS, f"{_HERE}/test_kube_workloads.py"),
    "kubectl/set-hpa-bounds": Proof(_CLUSTERS, f"{_HERE}/test_kube_workloads.py"),
    "kubectl/quarantine-policy": Proof(_CLUSTERS, f"{_HERE}/test_kube_isolation.py"),
    "kubectl/deny-namespace": Proof(_CLUSTERS, f"{_HERE}/test_kube_isolation.py"),
    "kubectl/detach-pod": Proof(_CLUSTERS, f"{_HERE}/test_kube_isolation.py"),
    "kubectl/isolate-pod": Proof(_CLUSTERS, f"{_HERE}/test_kube_isolation.py"),
    "kubectl/cordon": Proof(_CLUSTERS, f"{_HERE}/test_kube_nodes.py"),
    "kubectl/drain": Proof(_CLUSTERS, f"{_HERE}/test_kube_nodes.py"),
    "kubectl/set-feature-flag": Proof(_CLUSTERS, f"{_HERE}/test_kube_configuration.py"),
    "forensics/collect": Proof((*_CLUSTERS, Bed.MOTO, Bed.STUBBER), f"{_HERE}/test_forensics.py"),
    "ecs/set-desired-count": Proof(_BOTH, f"{_HERE}/test_contract.py"),
    "ecs/set-task-definition": Proof(_BOTH, f"{_HERE}/test_contract.py"),
    "lambda/set-alias-version": Proof((Bed.MOTO,), f"{_HERE}/test_contract.py"),
    "ssm/restore-parameter": Proof(_BOTH, f"{_HERE}/test_contract.py"),
    "appconfig/start-deployment": Proof((Bed.MINISTACK, Bed.STUBBER), f"{_HERE}/test_contract.py"),
    "autoscaling/set-desired-capacity": Proof(_BOTH, f"{_HERE}/test_contract.py"),
    "elbv2/set-weights": Proof((Bed.MOTO,), f"{_HERE}/test_contract.py"),
    "ec2/isolate-instance": Proof((Bed.MOTO,), f"{_HERE}/test_network.py"),
    "ec2/snapshot-volume": Proof((Bed.MOTO,), f"{_HERE}/test_network.py"),
    "rds/add-read-replica": Proof((Bed.MOTO,), f"{_HERE}/test_rds.py"),
    "rds/failover": Proof((Bed.STUBBER,), f"{_HERE}/test_rds.py"),
    "rds/reboot": Proof((Bed.MINISTACK, Bed.STUBBER), f"{_HERE}/test_rds_second_opinion.py"),
    "rds/set-storage": Proof(_BOTH, f"{_HERE}/test_rds.py"),
    "ssm/run-gc-document": Proof((Bed.MOTO, Bed.STUBBER), f"{_HERE}/test_ssm_documents.py"),
    "ssm/run-kill-queries-document": Proof((Bed.MOTO, Bed.STUBBER), f"{_HERE}/test_ssm_documents.py"),
    "waf/block-address": Proof((Bed.MOTO, Bed.STUBBER), f"{_HERE}/test_waf.py"),
    "jvm/run-gc": Proof((Bed.JVM,), f"{_HERE}/test_jvm.py"),
    "postgresql/limit-role-connections": Proof((Bed.POSTGRESQL,), f"{_HERE}/test_postgresql.py"),
    "postgresql/terminate-query-class": Proof((Bed.POSTGRESQL,), f"{_HERE}/test_postgresql.py"),
}

# Why no shipped playbook uses an action that is in the catalogue.
WITHOUT_PLAYBOOK: Mapping[str, str] = {}
