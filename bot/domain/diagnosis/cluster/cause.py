"""The causes that rules name, each with its class and the words that a reader sees."""

from collections.abc import Mapping
from enum import StrEnum

from bot.domain.evidence import CauseClass


class Cause(StrEnum):
    """One way in which a cluster keeps a workload from serving."""

    # Admission: the pod or object was never made.
    SERVICE_ACCOUNT_MISSING = "service_account_missing"
    QUOTA_CPU = "quota_cpu"
    QUOTA_MEMORY = "quota_memory"
    QUOTA_PODS = "quota_pods"
    QUOTA_SERVICES = "quota_services"
    QUOTA_STORAGE = "quota_storage"
    QUOTA_OTHER = "quota_other"
    LIMIT_RANGE = "limit_range"
    POLICY_REFUSED = "policy_refused"
    WEBHOOK_FAILED = "webhook_failed"
    SCALED_TO_ZERO = "scaled_to_zero"
    # Nodes and control plane.
    RUNTIME_DOWN = "container_runtime_down"
    PROXY_DOWN = "kube_proxy_down"
    SCHEDULER_DOWN = "scheduler_down"
    KUBELET_DOWN = "kubelet_down"
    NODE_PRESSURE = "node_pressure"
    NODE_NETWORK_DOWN = "node_network_down"
    NODE_DELAY = "node_network_delay"
    NODE_LOSS = "node_packet_loss"
    # Placement.
    CPU_CAPACITY = "cpu_capacity"
    MEMORY_CAPACITY = "memory_capacity"
    POD_CAPACITY = "pod_capacity"
    NODE_SELECTOR = "node_selector_mismatch"
    NODE_AFFINITY = "node_affinity_mismatch"
    ANTI_AFFINITY = "pod_anti_affinity"
    POD_AFFINITY = "pod_affinity"
    NODE_CORDONED = "node_cordoned"
    TAINT = "taint_not_tolerated"
    HOST_PORT = "host_port_taken"
    VOLUME_ELSEWHERE = "volume_on_other_node"
    # Storage.
    VOLUME_OCCUPIED = "volume_occupied"
    CLAIM_MODE = "claim_access_mode"
    CLAIM_CAPACITY = "claim_capacity"
    CLAIM_SELECTOR = "claim_selector"
    CLAIM_CLASS = "claim_storage_class"
    CLAIM_MISSING = "claim_missing"
    CLAIM_UNBOUND = "claim_unbound"
    VOLUME_ATTACH = "volume_attach_failed"
    MOUNT_PERMISSION = "mount_permission_denied"
    MOUNT_FAILED = "mount_failed"
    # Images and start.
    IMAGE_REFERENCE = "image_reference"
    PULL_AUTH = "image_pull_secret_missing"
    REGISTRY_NAME = "registry_name_unresolved"
    REGISTRY_UNREACHABLE = "registry_unreachable"
    IMAGE_UNAVAILABLE = "image_unavailable"
    CREDENTIAL_MISSING = "secret_missing"
    CONFIG_MISSING = "config_missing"
    COMMAND_INVALID = "command_invalid"
    SECURITY_CONTEXT = "security_context"
    # Running.
    OUT_OF_MEMORY = "out_of_memory"
    LIVENESS_PORT = "liveness_probe_port"
    LIVENESS_PROTOCOL = "liveness_probe_protocol"
    LIVENESS_TIMING = "liveness_probe_timing"
    READINESS_PORT = "readiness_probe_port"
    READINESS_PROTOCOL = "readiness_probe_protocol"
    READINESS_FAILING = "readiness_probe_failing"
    SIDECAR_PORT = "sidecar_port_conflict"
    PORT_IN_USE = "port_in_use"
    APPLICATION_CRASH = "application_crash"
    # Routes and names.
    SERVICE_SELECTOR = "service_selector"
    SERVICE_PORT = "service_port"
    SERVICE_PROTOCOL = "service_protocol"
    SERVICE_MISSING = "service_missing"
    GATEWAY_ROUTE = "gateway_route"
    NAME_RESOLUTION = "name_resolution"
    ADDRESS = "configured_address"
    NETWORK_POLICY = "network_policy"
    # Databases.
    CONNECTIONS_EXHAUSTED = "database_connections_exhausted"
    READ_ONLY = "database_read_only"
    DATABASE_CREDENTIALS = "database_credentials"
    DATABASE_PORT = "database_port"
    # Speed.
    CPU_OVERLOAD = "cpu_overload"
    POD_DELAY = "pod_network_delay"

    @property
    def words(self) -> str:
        """The cause as a noun phrase."""
        return self.value.replace("_", " ")

    @property
    def incident_class(self) -> CauseClass:
        """The class that playbooks match on."""
        return _CLASSES.get(self, CauseClass.CONFIGURATION)


_CLASSES: Mapping[Cause, CauseClass] = {
    **dict.fromkeys(
        (
            Cause.QUOTA_CPU, Cause.QUOTA_MEMORY, Cause.QUOTA_PODS, Cause.QUOTA_SERVICES, Cause.QUOTA_STORAGE,
            Cause.QUOTA_OTHER, Cause.CPU_CAPACITY, Cause.MEMORY_CAPACITY, Cause.POD_CAPACITY,
            Cause.CLAIM_CAPACITY, Cause.CPU_OVERLOAD, Cause.SCALED_TO_ZERO,
        ),
        CauseClass.CAPACITY,
    ),
    **dict.fromkeys(
        (
            Cause.RUNTIME_DOWN, Cause.PROXY_DOWN, Cause.SCHEDULER_DOWN, Cause.KUBELET_DOWN,
            Cause.NODE_PRESSURE, Cause.NODE_CORDONED, Cause.VOLUME_ATTACH, Cause.VOLUME_ELSEWHERE,
        ),
        CauseClass.INFRASTRUCTURE,
    ),
    **dict.fromkeys(
        (
            Cause.NODE_NETWORK_DOWN, Cause.NODE_DELAY, Cause.NODE_LOSS, Cause.POD_DELAY, Cause.NETWORK_POLICY,
            Cause.NAME_RESOLUTION, Cause.REGISTRY_NAME, Cause.REGISTRY_UNREACHABLE,
        ),
        CauseClass.NETWORK,
    ),
    **dict.fromkeys((Cause.CONNECTIONS_EXHAUSTED, Cause.READ_ONLY), CauseClass.DEPENDENCY),
    Cause.OUT_OF_MEMORY: CauseClass.MEMORY,
    Cause.IMAGE_REFERENCE: CauseClass.DEPLOY,
    Cause.APPLICATION_CRASH: CauseClass.DEPLOY,
    Cause.COMMAND_INVALID: CauseClass.DEPLOY,
}  # fmt: skip
