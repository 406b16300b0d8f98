"""One fault in a healthy cluster, read from the API's objects: the rules name its object and its cause first."""

from collections.abc import Callable

import pytest

from bot.domain.diagnosis.cluster.cause import Cause
from bot.domain.diagnosis.cluster.finding import SEEN
from bot.domain.diagnosis.cluster.state import Daemon, Measure, Reach, Shift
from tests.unit.domain.cluster_scene import NODES, PORTS, Scene, scene

Break = Callable[[Scene], None]
NO_NODE = "3 node(s) didn't match Pod's node affinity/selector, 1 node(s) were unschedulable."
UNBOUND = "pod has unbound immediate PersistentVolumeClaims."


def place(name: str, **spec: object) -> Break:
    def broken(one: Scene) -> None:
        one.unplaced(name, NO_NODE)
        for found in one.specs(name):
            found.update(spec)

    return broken


def refused(name: str, message: str) -> Break:
    return lambda one: one.never_made(name, message)


def over(resource: str, asked: str, used: str, limit: str) -> Break:
    said = f"exceeded quota: q, requested: {resource}={asked}, used: {resource}={used}, limited: {resource}={limit}"
    return refused("orders", f'Error creating: pods "orders-5d9-zz" is forbidden: {said}')


def unscheduled(message: str) -> Break:
    return lambda one: one.unplaced("orders", message)


def cordoned(one: Scene) -> None:
    one.of("Node", "node-b")["spec"]["unschedulable"] = True
    place("orders", nodeSelector={"kubernetes.io/hostname": "node-b"})(one)


def tainted(one: Scene) -> None:
    one.of("Node", "node-b")["metadata"]["labels"]["disk"] = "fast"
    one.of("Node", "node-b")["spec"]["taints"] = [{"key": "gpu", "value": "yes", "effect": "NoSchedule"}]
    one.unplaced(
        "orders",
        "1 node(s) had untolerated taint {gpu: yes}, 2 node(s) didn't match Pod's node affinity/selector.",
    )
    for spec in one.specs("orders"):
        spec["nodeSelector"] = {"disk": "fast"}


def claim(volume: dict[str, object], **asked: object) -> Break:
    def broken(one: Scene) -> None:
        one.unplaced("ledger", UNBOUND)
        one.pod("ledger")["spec"]["volumes"] = [{"persistentVolumeClaim": {"claimName": "data"}}]
        free = one.of("PersistentVolume", "disk")
        free["spec"].pop("claimRef")
        free["status"]["phase"] = "Available"
        free["spec"].update(volume)
        data = one.of("PersistentVolumeClaim", "data")
        data["status"]["phase"], data["spec"]["volumeName"] = "Pending", ""
        data["spec"].update(asked)

    return broken


def occupied(one: Scene) -> None:
    claim({"claimRef": {"namespace": "other", "name": "theirs"}})(one)
    one.of("PersistentVolume", "disk")["status"]["phase"] = "Bound"


def pull(message: str, image: str = "registry.test/shop/orders:1.2", **spec: object) -> Break:
    def broken(one: Scene) -> None:
        one.waiting("orders", "ErrImagePull")
        for container in one.container("orders"):
            container["image"] = image
        for found in one.specs("orders"):
            found.update(spec)
        one.say("Pod/orders-5d9-x1", "Failed", f'Failed to pull image "{image}": rpc error: {message}')

    return broken


def crash(name: str, line: str = "", **ended: object) -> Break:
    def broken(one: Scene) -> None:
        last = {"terminated": {"reason": "Error", "exitCode": 1, **ended}}
        one.status(name, restartCount=4, state={"waiting": {"reason": "CrashLoopBackOff"}}, lastState=last)
        if line:
            one.logs(name, line)

    return broken


def mounted(one: Scene) -> None:
    crash("ledger", "Fatal error: can't open /var/lib/data: Permission denied")(one)
    for container in one.container("ledger"):
        container["volumeMounts"] = [{"mountPath": "/var/lib/data"}]


def liveness(said: str, **probe: object) -> Break:
    def broken(one: Scene) -> None:
        for container in one.container("orders"):
            container["livenessProbe"] = {"periodSeconds": 5, "initialDelaySeconds": 5, **probe}
        last = {"terminated": {"reason": "Error", "exitCode": 137}}
        one.status("orders", restartCount=5, state={"running": {}}, lastState=last)
        one.say("Pod/orders-5d9-x1", "Unhealthy", f"Liveness probe failed: {said}")
        one.say(
            "Pod/orders-5d9-x1",
            "Killing",
            "Container main failed liveness probe, will be restarted",
            warning=False,
        )

    return broken


def readiness(said: str, **probe: object) -> Break:
    def broken(one: Scene) -> None:
        for container in one.container("orders"):
            container["readinessProbe"] = probe
        one.status("orders", state={"running": {}})
        one.say("Pod/orders-5d9-x1", "Unhealthy", f"Readiness probe failed: {said}")

    return broken


def sidecar(one: Scene) -> None:
    for spec in one.specs("orders"):
        spec["containers"].append({"name": "proxy", "image": "proxy:1", "ports": [{"containerPort": 7000}]})
    crash("orders", "listen tcp :7000: bind: address already in use")(one)


def service(name: str, **spec: object) -> Break:
    def broken(one: Scene) -> None:
        one.of("Service", name)["spec"].update(spec)
        if "selector" in spec:
            one.of("Endpoints", name)["subsets"] = []

    return broken


def env(name: str, key: str, value: str, line: str = "") -> Break:
    def broken(one: Scene) -> None:
        for container in one.container(name):
            others = [entry for entry in container["env"] if entry["name"] != key]
            container["env"] = [*others, {"name": key, "value": value}]
        if line:
            one.logs(name, line)

    return broken


def odd_password(one: Scene) -> None:
    for name in ("orders", "search", "billing", "web"):
        env(name, "DB_PASSWORD", "hunter3" if name == "search" else "hunter2")(one)
    one.logs("search", "Access denied for user 'shop'@'10.0.0.9' (using password: YES)")


def port_apart(one: Scene) -> None:
    env("search", "DB_HOST", "ledger")(one)
    env("search", "DB_PORT", "3307", "Communications link failure")(one)


def no_scheduler(one: Scene) -> None:
    one.unplaced("orders", "")
    one.pod("orders")["status"]["conditions"] = []


def daemon(name: str) -> Break:
    def broken(one: Scene) -> None:
        one.more["daemons"] = tuple(Daemon(node, name, node != "node-b", "inactive (dead)") for node in NODES)

    return broken


def not_ready(status: str, reason: str, message: str) -> Break:
    def broken(one: Scene) -> None:
        condition = {"type": "Ready", "status": status, "reason": reason, "message": message}
        one.of("Node", "node-b")["status"]["conditions"] = [condition]

    return broken


def no_proxy(one: Scene) -> None:
    one.more["reaches"] = tuple(Reach("ledger", 3306, node != "node-b", node) for node in NODES)


def slow(*shifts: Shift) -> Break:
    def broken(one: Scene) -> None:
        one.more["shifts"] = shifts

    return broken


def full(resource: str, gone: str) -> Break:
    def broken(one: Scene) -> None:
        quota = one._put("ResourceQuota", "q", {}, {})
        quota["status"] = {"hard": {resource: "5"}, "used": {resource: "5"}}
        del one.objects[gone]

    return broken


def never_claimed(one: Scene) -> None:
    full("requests.storage", "PersistentVolumeClaim/data")(one)
    one.unplaced("ledger", 'persistentvolumeclaim "data" not found.')


def zero(one: Scene) -> None:
    del one.objects["Pod/orders-5d9-x1"]
    one.of("Deployment", "orders")["spec"]["replicas"] = 0
    one.of("Deployment", "orders")["status"] = {"replicas": 0, "readyReplicas": 0}
    one.of("ReplicaSet", "orders-5d9")["status"] = {"replicas": 0}
    one.of("Endpoints", "orders")["subsets"] = []


def resolver(one: Scene) -> None:
    for spec in one.specs("search"):
        spec.update({"dnsPolicy": "None", "dnsConfig": {"nameservers": ["192.0.2.1"]}})
    one.logs("search", "lookup ledger on 192.0.2.1:53: no such host")


def gateway(one: Scene) -> None:
    path = {"path": "/", "backend": {"service": {"name": "webb", "port": {"number": 8080}}}}
    one._put("Ingress", "web", {"rules": [{"http": {"paths": [path]}}]}, {})


def mesh(one: Scene) -> None:
    spec = {
        "hosts": ["*"],
        "http": [{"route": [{"destination": {"host": "orders", "port": {"number": 7000}}}]}],
    }
    one._put("VirtualService", "web", spec, {})


def walled(one: Scene) -> None:
    spec = {"podSelector": {"matchLabels": {"app": "ledger"}}, "policyTypes": ["Ingress"]}
    one._put("NetworkPolicy", "wall", spec, {})


def unserved(one: Scene) -> None:
    del one.objects["Service/orders"]


def edge(one: Scene) -> None:
    spec = {"type": "NodePort", "selector": {"app": "orders"}, "ports": [{"port": 80, "targetPort": 7000}]}
    one._put("Service", "web-external", spec, {})
    one._put("Endpoints", "web-external", {}, {})["subsets"] = [{"addresses": [{"ip": "10.0.0.3"}]}]


LATENCY = Measure.LATENCY
AFFINITY = {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {
    "nodeSelectorTerms": [{"matchExpressions": [{"key": "zone", "operator": "In", "values": ["x"]}]}]}}}  # fmt: skip
FAULTS: list[tuple[Cause, str, Break]] = [
    (Cause.SERVICE_ACCOUNT_MISSING, "orders", refused("orders", 'error looking up service account prod/orders: serviceaccount "orders" not found')),
    (Cause.QUOTA_CPU, "prod", over("requests.cpu", "1", "4", "4")),
    (Cause.QUOTA_MEMORY, "prod", over("limits.memory", "1Gi", "4Gi", "4Gi")),
    (Cause.QUOTA_PODS, "prod", over("pods", "1", "5", "5")),
    (Cause.QUOTA_SERVICES, "prod", full("services", "Service/orders")),
    (Cause.QUOTA_STORAGE, "prod", never_claimed),
    (Cause.SCALED_TO_ZERO, "orders", zero),
    (Cause.POLICY_REFUSED, "orders", refused("orders", 'pods "orders-5d9-z" is forbidden: violates PodSecurity "restricted:latest"')),
    (Cause.RUNTIME_DOWN, "node-b", daemon("containerd")),
    (Cause.KUBELET_DOWN, "node-b", daemon("kubelet")),
    (Cause.PROXY_DOWN, "node-b", daemon("kube-proxy")),
    (Cause.PROXY_DOWN, "node-b", no_proxy),
    (Cause.KUBELET_DOWN, "node-b", not_ready("Unknown", "NodeStatusUnknown", "Kubelet stopped posting node status.")),
    (Cause.RUNTIME_DOWN, "node-b", not_ready("False", "KubeletNotReady", "container runtime is down")),
    (Cause.NODE_NETWORK_DOWN, "node-b", not_ready("False", "KubeletNotReady", "Network plugin is not ready: cni config uninitialized")),
    (Cause.SCHEDULER_DOWN, "control", no_scheduler),
    (Cause.CPU_CAPACITY, "orders", unscheduled("3 Insufficient cpu, 1 node(s) were unschedulable.")),
    (Cause.MEMORY_CAPACITY, "orders", unscheduled("3 Insufficient memory, 1 node(s) were unschedulable.")),
    (Cause.ANTI_AFFINITY, "orders", unscheduled("3 node(s) didn't match pod anti-affinity rules, 1 node(s) were unschedulable.")),
    (Cause.NODE_SELECTOR, "orders", place("orders", nodeSelector={"disk": "fast"})),
    (Cause.NODE_AFFINITY, "orders", place("orders", affinity=AFFINITY)),
    (Cause.NODE_CORDONED, "orders", cordoned),
    (Cause.NODE_CORDONED, "orders", unscheduled("4 node(s) were unschedulable.")),
    (Cause.TAINT, "orders", tainted),
    (Cause.TAINT, "orders", unscheduled("1 node(s) were unschedulable, 3 node(s) had untolerated taint {dedicated: batch}.")),
    (Cause.VOLUME_OCCUPIED, "ledger", occupied),
    (Cause.CLAIM_MODE, "ledger", claim({}, accessModes=["ReadWriteMany"])),
    (Cause.CLAIM_CAPACITY, "ledger", claim({}, resources={"requests": {"storage": "50Gi"}})),
    (Cause.CLAIM_SELECTOR, "ledger", claim({}, selector={"matchLabels": {"tier": "gold"}})),
    (Cause.CLAIM_CLASS, "ledger", claim({}, storageClassName="fast")),
    (Cause.IMAGE_REFERENCE, "orders", pull("code = NotFound desc = failed to resolve reference: not found", "registry.test/shop/orders:9.9")),
    (Cause.IMAGE_REFERENCE, "orders", pull("unexpected status from HEAD request: 403 Forbidden", "redsi:alpine")),
    (Cause.PULL_AUTH, "orders", pull("failed to authorize: 401 Unauthorized", "private.test/shop/orders:1.2")),
    (Cause.REGISTRY_NAME, "orders", pull("dial tcp: lookup registrie.test on 10.0.0.10:53: no such host", "registrie.test/shop/orders:1.2")),
    (Cause.CREDENTIAL_MISSING, "orders", lambda one: one.waiting("orders", "CreateContainerConfigError", 'secret "orders-key" not found')),
    (Cause.CONFIG_MISSING, "orders", lambda one: one.waiting("orders", "CreateContainerConfigError", 'configmap "orders-conf" not found')),
    (Cause.MOUNT_PERMISSION, "ledger", mounted),
    (Cause.OUT_OF_MEMORY, "orders", crash("orders", reason="OOMKilled", exitCode=137)),
    (Cause.APPLICATION_CRASH, "orders", crash("orders", "panic: nil map")),
    (Cause.SIDECAR_PORT, "orders", sidecar),
    (Cause.LIVENESS_PORT, "orders", liveness("dial tcp 10.0.0.5:7009: connect: connection refused", tcpSocket={"port": 7009})),
    (Cause.LIVENESS_PROTOCOL, "orders", liveness('Get "http://10.0.0.5:7000/": EOF', httpGet={"port": 7000, "path": "/"})),
    (Cause.LIVENESS_TIMING, "orders", liveness("dial tcp 10.0.0.5:7000: connect: connection refused", tcpSocket={"port": 7000}, periodSeconds=1, initialDelaySeconds=0, failureThreshold=1)),
    (Cause.READINESS_PORT, "orders", readiness("dial tcp 10.0.0.5:7009: connect: connection refused", tcpSocket={"port": 7009})),
    (Cause.READINESS_PROTOCOL, "orders", readiness('Get "http://10.0.0.5:7000/": net/http: malformed HTTP response', httpGet={"port": 7000})),
    (Cause.SERVICE_SELECTOR, "orders", service("orders", selector={"application": "orders"})),
    (Cause.SERVICE_PORT, "orders", service("orders", ports=[{"port": 7000, "targetPort": 7999}])),
    (Cause.SERVICE_PORT, "ledger", service("ledger", ports=[{"port": 3399, "targetPort": 3306}])),
    (Cause.SERVICE_PROTOCOL, "orders", service("orders", ports=[{"port": 7000, "targetPort": 7000, "protocol": "UDP"}])),
    (Cause.GATEWAY_ROUTE, "web", gateway),
    (Cause.GATEWAY_ROUTE, "web", edge),
    (Cause.GATEWAY_ROUTE, "web", mesh),
    (Cause.NETWORK_POLICY, "ledger", walled),
    (Cause.NAME_RESOLUTION, "search", resolver),
    (Cause.NAME_RESOLUTION, "orders", unserved),
    (Cause.ADDRESS, "web", env("web", "ORDERS_SERVICE_ADDR", "orders-old:7000", "dial tcp: lookup orders-old: no such host")),
    (Cause.ADDRESS, "web", env("web", "ORDERS_SERVICE_ADDR", "orders:7001")),
    (Cause.ADDRESS, "web", env("web", "ORDERS_SERVICE_ADDR", "search:7100")),
    (Cause.CONNECTIONS_EXHAUSTED, "ledger", lambda one: one.logs("orders", "Error 1040: Too many connections")),
    (Cause.READ_ONLY, "ledger", lambda one: one.logs("orders", "The MySQL server is running with the --read-only option")),
    (Cause.DATABASE_CREDENTIALS, "search", lambda one: one.logs("search", "Access denied for user 'shop'@'10.0.0.9'")),
    (Cause.DATABASE_CREDENTIALS, "search", odd_password),
    (Cause.DATABASE_PORT, "search", port_apart),
    (Cause.CPU_OVERLOAD, "orders", slow(Shift("workload", "orders", Measure.THROTTLED, None, 0.9), Shift("workload", "orders", LATENCY, 5, 90), Shift("workload", "web", LATENCY, 30, 120))),
    (Cause.NODE_LOSS, "node-b", slow(Shift("node", "node-b", Measure.RETRANSMISSION, 0.01, 6.0), Shift("workload", "web", LATENCY, 30, 900))),
    (Cause.NODE_DELAY, "node-b", slow(Shift("node", "node-b", Measure.ROUND_TRIP, 0.2, 200.0), Shift("workload", "web", LATENCY, 30, 900))),
    (Cause.POD_DELAY, "ledger", slow(*(Shift("workload", name, LATENCY, 20, 400) for name in ("web", "orders", "search", "billing")))),
]  # fmt: skip


@pytest.mark.parametrize(("cause", "name", "broken"), FAULTS, ids=[f"{c.value}-{n}" for c, n, _ in FAULTS])
def test_the_fault_comes_first(cause: Cause, name: str, broken: Break) -> None:
    found = scene(broken).found()
    shown = [(one.name, one.cause, round(one.weight, 2)) for one in found]
    assert shown
    assert shown[0][:2] == (name, cause), shown
    assert found[0].because


def test_a_healthy_cluster_gives_no_finding() -> None:
    assert scene().found() == ()


def past_trouble(one: Scene) -> None:
    one.say("ReplicaSet/orders-5d9", "FailedCreate", 'serviceaccount "orders" not found')
    one.say("Pod/orders-5d9-x1", "Unhealthy", "Readiness probe failed: connection refused")
    one.say("Pod/orders-5d9-x1", "FailedScheduling", "0/4 nodes are available: 3 Insufficient cpu.")
    one.say("Node/node-b", "ContainerGCFailed", "dial unix /run/containerd/containerd.sock: no such file")
    one.logs("web", "lookup orders on 10.0.0.10:53: no such host", count=2, share=0.01)


def optional_feature(one: Scene) -> None:
    env("web", "ADVICE_SERVICE_ADDR", "advice:80")(one)


def fenced(one: Scene) -> None:
    """Nothing may enter, and each workload has its own way in."""
    one._put("NetworkPolicy", "none", {"podSelector": {}, "policyTypes": ["Ingress"]}, {})
    for name in PORTS:
        way = {"podSelector": {"matchLabels": {"app": name}}, "ingress": [{}], "policyTypes": ["Ingress"]}
        one._put("NetworkPolicy", name, way, {})


def undeclared(one: Scene) -> None:
    """Ports that a Service names and no container speaks of, and a tracer that only some clusters have."""
    one.of("Service", "orders")["spec"]["ports"] += [
        {"port": 9000, "targetPort": "metrics"},
        {"port": 9001, "targetPort": 9001},
    ]
    for name in ("web", "orders", "search"):
        env(name, "TRACER_ADDR", "billing:6831")(one)


def people_and_pools(one: Scene) -> None:
    """People mistype their passwords, retries succeed, and pools are short for a moment."""
    one.logs("web", "Authentication failed for alice: invalid password")
    one.logs("orders", "401 Unauthorized: token expired", share=0.02)
    one.logs("orders", "connection reset by peer, retrying (1/3)", count=2, share=0.01)
    one.logs("search", "rate limit: too many requests for client 10.0.0.7")


def worker(one: Scene) -> None:
    del one.objects["Service/billing"]
    del one.objects["Endpoints/billing"]


@pytest.mark.parametrize(
    "calm", [past_trouble, optional_feature, worker, fenced, undeclared, people_and_pools]
)
def test_what_is_over_or_never_mattered_is_no_finding(calm: Break) -> None:
    assert [one for one in scene(calm).found() if one.weight >= SEEN] == []


def test_the_order_of_what_was_read_changes_nothing() -> None:
    for _, _, broken in FAULTS:
        straight, back = scene(broken), scene(broken)
        back.objects = dict(reversed(back.objects.items()))
        back.events.reverse()
        assert straight.found() == back.found()
