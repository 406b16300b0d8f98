"""One fault with all that follows from it, in the words of Java, Go, Python and MySQL: the fault still comes first."""

from collections.abc import Callable

import pytest

from bot.domain.diagnosis.cluster.cause import Cause
from bot.domain.diagnosis.cluster.state import Daemon
from tests.unit.domain.cluster_scene import NODES, Scene, scene
from tests.unit.domain.test_cluster_faults import (
    Break,
    claim,
    crash,
    env,
    liveness,
    mounted,
    not_ready,
    occupied,
    over,
    pull,
    readiness,
    refused,
    service,
    unscheduled,
    zero,
)

CLIENTS = ("orders", "search", "billing")
LINK = "com.mysql.cj.jdbc.exceptions.CommunicationsException: Communications link failure"
POOL = "HikariPool-1 - Connection is not available, request timed out after 30000ms."
REFUSED = "java.net.ConnectException: Connection refused (Connection refused)"
DENIED = "java.sql.SQLException: Access denied for user 'shop'@'10.244.1.5' (using password: YES)"
FULL = 'Data source rejected establishment of connection,  message from server: "Too many connections"'
NO_WRITE = "The MySQL server is running with the --super-read-only option so it cannot execute this statement"
OVERHEAD = "web: upstream returned 500 Internal Server Error for /api/v1/orders"


def also(*parts: Break) -> Break:
    def broken(one: Scene) -> None:
        for part in parts:
            part(one)

    return broken


def says(name: str, *lines: str) -> Break:
    def broken(one: Scene) -> None:
        for line in lines:
            one.logs(name, line)

    return broken


def looping(name: str, code: int = 1) -> Break:
    """It ends and is started again, and its readiness probe fails meanwhile."""

    def broken(one: Scene) -> None:
        crash(name, exitCode=code)(one)
        one.say(f"Pod/{name}-5d9-x1", "BackOff", "Back-off restarting failed container main in pod")
        one.say(
            f"Pod/{name}-5d9-x1",
            "Unhealthy",
            f"Readiness probe failed: dial tcp 10.0.0.5:{one.container(name)[0]['ports'][0]['containerPort']}: connect: connection refused",
        )

    return broken


def cut_off(*names: str) -> Break:
    """Clients of a database that does not answer."""
    return also(
        *(also(says(name, LINK, POOL, REFUSED), looping(name)) for name in names), says("web", OVERHEAD)
    )


def zero_of(name: str) -> Break:
    def broken(one: Scene) -> None:
        del one.objects[f"Pod/{name}-5d9-x1"]
        one.of("Deployment", name)["spec"]["replicas"] = 0
        one.of("Deployment", name)["status"] = {"replicas": 0, "readyReplicas": 0}
        one.of("ReplicaSet", f"{name}-5d9")["status"] = {"replicas": 0}
        one.of("Endpoints", name)["subsets"] = []

    return broken


def lost_node(one: Scene) -> None:
    """What ran on a node that went away: its pods are no longer ready, their Services have no endpoints."""
    not_ready("Unknown", "NodeStatusUnknown", "Kubelet stopped posting node status.")(one)
    for key, pod in list(one.objects.items()):
        if key.startswith("Pod/") and pod["spec"].get("nodeName") == "node-b":
            pod["status"]["conditions"][0]["status"] = "False"
            name = key.split("/")[1].rsplit("-", 2)[0]
            one.of("Deployment", name)["status"]["readyReplicas"] = 0
            one.of("Endpoints", name)["subsets"] = []
            one.say(key, "NodeNotReady", "Node is not ready")
    says("web", REFUSED, OVERHEAD)(one)


def stopped(name: str) -> Break:
    def broken(one: Scene) -> None:
        one.more["daemons"] = tuple(Daemon(node, name, node != "node-b", "inactive (dead)") for node in NODES)

    return broken


def slow_start(one: Scene) -> None:
    """A JVM needs half a minute; the probe gives it three seconds."""
    said = "dial tcp 10.0.0.5:7000: connect: connection refused"
    liveness(said, tcpSocket={"port": 7000}, periodSeconds=1, initialDelaySeconds=1, failureThreshold=2)(one)
    last = {"terminated": {"reason": "Error", "exitCode": 143}}
    one.status("orders", restartCount=9, state={"waiting": {"reason": "CrashLoopBackOff"}}, lastState=last)
    one.say("Pod/orders-5d9-x1", "BackOff", "Back-off restarting failed container main in pod")
    one.say("Pod/orders-5d9-x1", "Unhealthy", f"Readiness probe failed: {said}")
    says("web", REFUSED, OVERHEAD)(one)


def wrong_liveness(one: Scene) -> None:
    said = "dial tcp 10.0.0.5:7999: connect: connection refused"
    liveness(said, tcpSocket={"port": 7999})(one)
    last = {"terminated": {"reason": "Error", "exitCode": 143}}
    one.status("orders", restartCount=9, state={"waiting": {"reason": "CrashLoopBackOff"}}, lastState=last)
    says(
        "orders",
        "Commencing graceful shutdown. Waiting for active requests to complete",
        "Error: signal: terminated",
    )(one)
    says("web", REFUSED, OVERHEAD)(one)


def two_servers(line: str) -> Break:
    """A second container of the pod takes the port and declares nothing."""

    def broken(one: Scene) -> None:
        for spec in one.specs("orders"):
            spec["containers"].append({"name": "agent", "image": "agent:1"})
        looping("orders")(one)
        says("orders", line)(one)

    return broken


def own_secret(one: Scene) -> None:
    """Everybody else has the secret of the registry; this one lost it."""
    for name in ("web", "search", "billing"):
        for spec in one.specs(name):
            spec["imagePullSecrets"] = [{"name": "registry-key"}]
    pull(
        "code = Unknown desc = failed to resolve reference: pull access denied, repository does not exist or may "
        "require authorization: authorization failed: no basic auth credentials"
    )(one)


def unmounted(one: Scene) -> None:
    one.waiting("orders", "ContainerCreating")
    one.say(
        "Pod/orders-5d9-x1",
        "FailedMount",
        'MountVolume.SetUp failed for volume "cert" : secret "orders-cert" not found',
    )
    one.say(
        "Pod/orders-5d9-x1",
        "FailedMount",
        "Unable to attach or mount volumes: unmounted volumes=[cert], unattached volumes=[cert]: timed out waiting for the condition",
    )
    says("web", REFUSED)(one)


def renamed_service(one: Scene) -> None:
    del one.objects["Service/ledger"]
    del one.objects["Endpoints/ledger"]
    for name in CLIENTS:
        also(says(name, "java.net.UnknownHostException: ledger: Name or service not known"), looping(name))(
            one
        )


def image_of(name: str) -> Break:
    def broken(one: Scene) -> None:
        one.waiting(name, "ImagePullBackOff", 'Back-off pulling image "mysql:8-nope"')
        for container in one.container(name):
            container["image"] = "mysql:8-nope"
        said = 'Failed to pull image "mysql:8-nope": rpc error: code = NotFound desc = failed to pull and unpack image "docker.io/library/mysql:8-nope": failed to resolve reference: docker.io/library/mysql:8-nope: not found'
        one.say(f"Pod/{name}-5d9-x1", "Failed", said)

    return broken


def kept_on(name: str, node: str) -> Break:
    def broken(one: Scene) -> None:
        one.of("Node", node)["spec"]["unschedulable"] = True
        one.unplaced(
            name, "2 node(s) didn't match Pod's node affinity/selector, 2 node(s) were unschedulable."
        )
        for spec in one.specs(name):
            spec["nodeSelector"] = {"kubernetes.io/hostname": node}

    return broken


CASES: list[tuple[str, Cause, str, Break]] = [
    ("a wrong database port", Cause.DATABASE_PORT, "orders",
     also(env("orders", "MYSQL_HOST", "ledger"), env("orders", "MYSQL_PORT", "3307"), says("orders", POOL, LINK, REFUSED), looping("orders"), says("web", OVERHEAD))),
    ("a wrong database port in an address", Cause.DATABASE_PORT, "orders",
     also(env("orders", "SPRING_DATASOURCE_URL", "jdbc:mysql://ledger:3307/shop?useSSL=false"), says("orders", POOL, LINK), looping("orders"))),
    ("a password in a secret that is wrong", Cause.DATABASE_CREDENTIALS, "orders",
     also(says("orders", DENIED, "HikariPool-1 - Exception during pool initialization.", POOL), looping("orders"), says("web", OVERHEAD))),
    ("no connection left", Cause.CONNECTIONS_EXHAUSTED, "ledger", also(*(also(says(one, FULL, POOL), looping(one)) for one in CLIENTS))),
    ("no connection left, clients live", Cause.CONNECTIONS_EXHAUSTED, "ledger", also(*(says(one, POOL, FULL) for one in CLIENTS), says("web", OVERHEAD))),
    ("a database that refuses writes", Cause.READ_ONLY, "ledger", also(*(says(one, NO_WRITE) for one in CLIENTS), says("web", OVERHEAD))),
    ("a read-only connection", Cause.READ_ONLY, "ledger", says("orders", "java.sql.SQLException: Connection is read-only. Queries leading to data modification are not allowed")),
    ("a claim that is too large", Cause.CLAIM_CAPACITY, "ledger", also(claim({}, resources={"requests": {"storage": "50Gi"}}), cut_off(*CLIENTS))),
    ("a database with no replica", Cause.SCALED_TO_ZERO, "ledger", also(zero_of("ledger"), cut_off(*CLIENTS))),
    ("a service with no replica", Cause.SCALED_TO_ZERO, "orders", also(zero, says("web", REFUSED, OVERHEAD))),
    ("a database's selector", Cause.SERVICE_SELECTOR, "ledger", also(service("ledger", selector={"app": "ledgerr"}), cut_off(*CLIENTS))),
    ("a database's port", Cause.SERVICE_PORT, "ledger", also(service("ledger", ports=[{"port": 3399, "targetPort": 3306}]), cut_off(*CLIENTS))),
    ("a database's target port", Cause.SERVICE_PORT, "ledger", also(service("ledger", ports=[{"port": 3306, "targetPort": 3399}]), cut_off(*CLIENTS))),
    ("a hasty liveness probe", Cause.LIVENESS_TIMING, "orders", slow_start),
    ("a liveness probe of another port", Cause.LIVENESS_PORT, "orders", wrong_liveness),
    ("a readiness probe of another port", Cause.READINESS_PORT, "orders", also(readiness("dial tcp 10.0.0.5:7009: connect: connection refused", tcpSocket={"port": 7009}), says("web", REFUSED, OVERHEAD))),
    ("a readiness probe by HTTP of what speaks gRPC", Cause.READINESS_PROTOCOL, "orders", also(readiness('Get "http://10.0.0.5:7000/healthz": net/http: HTTP/1.x transport connection broken: malformed HTTP response "\\x00\\x00\\x06\\x04"', httpGet={"port": 7000, "path": "/healthz"}), says("web", REFUSED))),
    ("two servers on a port, Spring", Cause.SIDECAR_PORT, "orders", two_servers("Web server failed to start. Port 7000 was already in use.")),
    ("two servers on a port, Python", Cause.SIDECAR_PORT, "orders", two_servers("OSError: [Errno 98] Address already in use")),
    ("two servers on a port, nginx", Cause.SIDECAR_PORT, "orders", two_servers("nginx: [emerg] bind() to 0.0.0.0:7000 failed (98: Address in use)")),
    ("a kubelet that went away", Cause.KUBELET_DOWN, "node-b", lost_node),
    ("a kubelet that was stopped", Cause.KUBELET_DOWN, "node-b", also(lost_node, stopped("kubelet"))),
    ("a registry's name", Cause.REGISTRY_NAME, "orders", also(pull('code = Unknown desc = failed to pull and unpack image: failed to do request: Head "https://registry.invalid/v2/shop/orders/manifests/1.2": dial tcp: lookup registry.invalid on 10.96.0.10:53: server misbehaving', "registry.invalid/shop/orders:1.2"), says("web", REFUSED))),
    ("a registry's name that times out", Cause.REGISTRY_NAME, "orders", pull("code = DeadlineExceeded desc = dial tcp: lookup registry.invalid on 10.96.0.10:53: read udp 10.0.0.4:4242->10.96.0.10:53: i/o timeout", "registry.invalid/shop/orders:1.2")),
    ("a registry's secret", Cause.PULL_AUTH, "orders", own_secret),
    ("a secret to mount", Cause.CREDENTIAL_MISSING, "orders", unmounted),
    ("a key of a secret", Cause.CREDENTIAL_MISSING, "orders", lambda one: one.waiting("orders", "CreateContainerConfigError", "couldn't find key password in Secret prod/orders-db")),
    ("a database's Service of another name", Cause.NAME_RESOLUTION, "ledger", renamed_service),
    ("a MongoDB password", Cause.DATABASE_CREDENTIALS, "orders", also(says("orders", "MongoServerError: Authentication failed."), looping("orders"))),
    ("a PostgreSQL password", Cause.DATABASE_CREDENTIALS, "orders", also(says("orders", 'FATAL:  password authentication failed for user "shop"'), looping("orders"))),
    ("PostgreSQL has no slot left", Cause.CONNECTIONS_EXHAUSTED, "ledger", also(*(says(one, "FATAL: sorry, too many clients already") for one in CLIENTS))),
    ("a database killed for memory", Cause.OUT_OF_MEMORY, "ledger", also(crash("ledger", reason="OOMKilled", exitCode=137), cut_off(*CLIENTS))),
    ("a database's volume held by another", Cause.VOLUME_OCCUPIED, "ledger", also(occupied, cut_off(*CLIENTS))),
    ("a database's volume that may not be written", Cause.MOUNT_PERMISSION, "ledger", also(mounted, cut_off(*CLIENTS))),
    ("a database's image", Cause.IMAGE_REFERENCE, "ledger", also(image_of("ledger"), cut_off(*CLIENTS))),
    ("a database on a cordoned node", Cause.NODE_CORDONED, "ledger", also(kept_on("ledger", "node-b"), cut_off(*CLIENTS))),
    ("a runtime that was stopped", Cause.RUNTIME_DOWN, "node-b", also(lost_node, stopped("containerd"))),
    ("an address of no service", Cause.ADDRESS, "web", also(env("web", "ORDERS_SERVICE_ADDR", "order:7000"), says("web", "java.net.UnknownHostException: order", OVERHEAD))),
    ("a service's port, refused at its address", Cause.SERVICE_PORT, "orders", also(service("orders", clusterIP="10.96.3.4", ports=[{"port": 7000, "targetPort": 7999}]), says("web", 'rpc error: code = Unavailable desc = connection error: desc = "transport: Error while dialing: dial tcp 10.96.3.4:7000: connect: connection refused"'))),
    ("a service's port, Python", Cause.SERVICE_PORT, "orders", also(service("orders", ports=[{"port": 7000, "targetPort": 7999}]), says("web", "requests.exceptions.ConnectionError: HTTPConnectionPool(host='orders', port=7000): Max retries exceeded (Caused by NewConnectionError('[Errno 111] Connection refused'))"))),
    ("a service's protocol", Cause.SERVICE_PROTOCOL, "orders", also(service("orders", ports=[{"port": 7000, "targetPort": 7000, "protocol": "UDP"}]), says("web", "dial tcp 10.96.3.4:7000: i/o timeout", OVERHEAD))),
    ("quota and the pods that are there", Cause.QUOTA_MEMORY, "prod", also(over("limits.memory", "1Gi", "4Gi", "4Gi"), says("web", REFUSED, OVERHEAD))),
    ("a service account and its callers", Cause.SERVICE_ACCOUNT_MISSING, "orders", also(refused("orders", 'Error creating: pods "orders-5d9-" is forbidden: error looking up service account prod/orders: serviceaccount "orders" not found'), says("web", REFUSED, OVERHEAD))),
    ("too much CPU asked for", Cause.CPU_CAPACITY, "orders", also(unscheduled("1 node(s) had untolerated taint {node-role.kubernetes.io/control-plane: }, 3 Insufficient cpu. preemption: 0/4 nodes are available: 1 Preemption is not helpful for scheduling, 3 No preemption victims found for incoming pod."), says("web", REFUSED))),
    ("anti-affinity", Cause.ANTI_AFFINITY, "orders", unscheduled("1 node(s) had untolerated taint {node-role.kubernetes.io/control-plane: }, 3 node(s) didn't match pod anti-affinity rules. preemption: 0/4 nodes are available: 1 Preemption is not helpful for scheduling, 3 node(s) didn't match pod anti-affinity rules.")),
]  # fmt: skip


@pytest.mark.parametrize(("what", "cause", "name", "broken"), CASES, ids=[one[0] for one in CASES])
def test_the_fault_comes_before_what_follows_from_it(
    what: str, cause: Cause, name: str, broken: Callable[[Scene], None]
) -> None:
    found = scene(broken).found()
    shown = [(one.name, one.cause.value, round(one.weight, 2), one.rule) for one in found]
    assert shown, what
    assert shown[0][:2] == (name, cause.value), shown


def unread(kind: str) -> Break:
    """Nobody was allowed to read objects of a kind."""

    def broken(one: Scene) -> None:
        one.objects = {key: found for key, found in one.objects.items() if not key.startswith(f"{kind}/")}

    return broken


@pytest.mark.parametrize("kind", ["ReplicaSet", "Deployment"])
@pytest.mark.parametrize(
    ("cause", "name", "broken"),
    [
        (Cause.SERVICE_SELECTOR, "orders", service("orders", selector={"application": "orders"})),
        (Cause.IMAGE_REFERENCE, "orders", pull("code = NotFound desc = not found", "registry.test/shop/orders:9.9")),
        (Cause.SERVICE_ACCOUNT_MISSING, "orders", lambda one: one.never_made("orders", 'serviceaccount "orders" not found')),
        (Cause.ADDRESS, "web", env("web", "ORDERS_SERVICE_ADDR", "orders:7001")),
    ],
)  # fmt: skip
def test_what_owns_the_pods_need_not_be_readable(
    kind: str, cause: Cause, name: str, broken: Callable[[Scene], None]
) -> None:
    found = scene(broken, unread(kind)).found()
    assert [(one.name, one.cause) for one in found[:1]] == [(name, cause)]


@pytest.mark.parametrize("kind", ["ReplicaSet", "Deployment"])
def test_a_healthy_cluster_stays_healthy_where_owners_are_not_readable(kind: str) -> None:
    assert scene(unread(kind)).found() == ()
