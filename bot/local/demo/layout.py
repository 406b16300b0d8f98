"""Which processes the demo runs, with which ports, secrets and environment; nobody gets a key that it must not hold."""

import contextlib
import json
import os
import secrets
import socket
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from bot.domain.errors import Permanent
from bot.local.world.databases import role_of
from bot.local.world.topology import words

_PLAYBOOKS = Path(__file__).resolve().parents[3] / "playbooks"
_KEPT = (
    "PATH",
    "HOME",
    "LANG",
    "LC_ALL",
    "TZ",
    "TMPDIR",
    "CI",
    "OPENBLAS_CORETYPE",
    "OPENBLAS_L2_SIZE",
    "NO_COLOR",
)
_MODEL = ("WATCHKEEPER_MODEL_BASE_URL", "WATCHKEEPER_MODEL_NAME", "WATCHKEEPER_MODEL_API_KEY")
SOURCE = "demo-alertmanager"
SENSOR = "demo-runtime-sensor"
DEFAULT_PAGE_PORT = 8065
_EARLY_S = 24  # In which a scenario that begins quietly shows itself to the watcher alone.
_FIRST_PORT, _PORTS = 20_000, 12_000


@dataclass(frozen=True, slots=True)
class Ports:
    """Every port of the demo, all on 127.0.0.1."""

    page: int
    web: int
    valkey: int
    control: int
    telemetry: int
    cluster: int
    aws: int
    management: int
    database: int


@dataclass(frozen=True, slots=True)
class Secrets:
    """Keys made up for one data directory."""

    audit: str
    storage: str
    grant: str
    source: str
    sensor: str
    sql_reader: str
    sql_executor: str


@dataclass(frozen=True, slots=True)
class Layout:
    """One demo: where it keeps its files, its ports and its secrets."""

    data_dir: Path
    ports: Ports
    secrets: Secrets

    @property
    def page_url(self) -> str:
        """The address that a person opens."""
        return f"http://127.0.0.1:{self.ports.page}/"

    @property
    def web_url(self) -> str:
        """The product's HTTP address."""
        return f"http://127.0.0.1:{self.ports.web}"

    @property
    def control_url(self) -> str:
        """The world's control address."""
        return f"http://127.0.0.1:{self.ports.control}"

    @property
    def database(self) -> Path:
        """The SQLite file."""
        return self.data_dir / "watchkeeper.sqlite3"


@dataclass(frozen=True, slots=True)
class Process:
    """One child: its name, its command and its whole environment."""

    name: str
    argv: tuple[str, ...]
    environment: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Trouble:
    """A share (0 to 1) of the calls to Slack, cluster, AWS and telemetry that fails, drawn from a seed."""

    share: float = 0.0
    seed: int = 0


NO_TROUBLE = Trouble()
INFRASTRUCTURE = ("valkey", "slack-double", "world")
_TROUBLED = ("slack-double", "world")
PRODUCT = ("web", "correlator", "worker", "executor")


def new_layout(data_dir: Path, page_port: int) -> Layout:
    """Choose free ports and fresh secrets; raises Permanent when the page's port is taken."""
    _refuse_taken(page_port)
    free = _free_ports(8)
    made = Secrets(*(secrets.token_hex(32) for _ in range(7)))
    layout = Layout(data_dir.resolve(), Ports(page_port or _free_ports(1)[0], *free), made)
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
        keys = data_dir / "secrets.json"
        keys.touch(mode=0o600)
        keys.write_text(json.dumps(asdict(made)))
        (data_dir / "audit.key").touch(mode=0o600)
        (data_dir / "audit.key").write_text(made.audit)
    except OSError as error:
        message = f"cannot write to {data_dir}: {error.strerror}; choose another --data-dir"
        raise Permanent(message) from error
    return layout


def processes(layout: Layout, trouble: Trouble = NO_TROUBLE) -> list[Process]:
    """Every child in start order; a product that only observes has no executor."""
    product = [name for name in PRODUCT if name != "executor" or _mode() != "observe"]
    faulty = ("--faults", str(trouble.share), "--fault-seed", str(trouble.seed)) if trouble.share else ()
    return [
        Process(name, _argv(name, layout) + (faulty if name in _TROUBLED else ()), environment(name, layout))
        for name in (*INFRASTRUCTURE, *product)
    ]


def environment(name: str, layout: Layout) -> dict[str, str]:
    """The environment of one child: what it needs, and nothing that it must not have."""
    kept = {key: os.environ[key] for key in _KEPT if key in os.environ}
    if name == "world":
        return {
            **kept,
            "WORLD_ALERT_TOKEN": layout.secrets.source,
            "WORLD_SENSOR_TOKEN": layout.secrets.sensor,
            "WORLD_SQL_READER": layout.secrets.sql_reader,
            "WORLD_SQL_EXECUTOR": layout.secrets.sql_executor,
        }
    if name in INFRASTRUCTURE:
        return kept
    return {**kept, **_common(layout), **_OWN[name](layout)}


def _common(layout: Layout) -> dict[str, str]:
    telemetry = f"http://127.0.0.1:{layout.ports.telemetry}"
    return {
        "WATCHKEEPER_DEMO": "true",
        "WATCHKEEPER_MODE": _mode(),
        "WATCHKEEPER_DATA_DIR": str(layout.data_dir),
        "WATCHKEEPER_DATABASE_URL": os.environ.get("WATCHKEEPER_DEMO_DATABASE_URL")
        or f"sqlite:///{layout.database}",
        "WATCHKEEPER_PLAYBOOKS_DIR": str(_PLAYBOOKS),
        "WATCHKEEPER_AUDIT_KEY": layout.secrets.audit,
        "WATCHKEEPER_STORAGE_KEY": layout.secrets.storage,
        "WATCHKEEPER_SOURCES": json.dumps(
            {
                SOURCE: {"kind": "alertmanager", "token": layout.secrets.source},
                SENSOR: {"kind": "generic", "token": layout.secrets.sensor},
            }
        ),
        "WATCHKEEPER_PROMETHEUS_URL": telemetry,
        "WATCHKEEPER_LOKI_URL": telemetry,
        "WATCHKEEPER_RUNTIME_STREAMS": 'source="syscall"',
        "WATCHKEEPER_RESOLVE_AFTER_S": "2",
        "WATCHKEEPER_WATCH_EVERY_S": "4",
        "WATCHKEEPER_VERIFY_INTERVAL_S": "0.5",
        "WATCHKEEPER_VERIFY_CAP_S": "15",
    }


def _mode() -> str:
    return os.environ.get("WATCHKEEPER_MODE") or "supervised"


def _web(layout: Layout) -> dict[str, str]:
    return {
        **_queue(layout),
        "WATCHKEEPER_HTTP_PORT": str(layout.ports.web),
        "WATCHKEEPER_GRANT_KEY": layout.secrets.grant,
        "SLACK_BOT_TOKEN": "xoxb-local",
        "SLACK_APP_TOKEN": "xapp-local",
        "SLACK_SIGNING_SECRET": "local-signing-secret",
        "SLACK_API_URL": f"{layout.page_url}api/",
    }


def _queue(layout: Layout) -> dict[str, str]:
    return {"WATCHKEEPER_REDIS_URL": f"redis://127.0.0.1:{layout.ports.valkey}/0"}


def _worker(layout: Layout) -> dict[str, str]:
    model = {key: os.environ[key] for key in _MODEL if key in os.environ}
    return {**_queue(layout), **_systems(layout, "reader"), **model}


def _executor(layout: Layout) -> dict[str, str]:
    return {"WATCHKEEPER_GRANT_KEY": layout.secrets.grant, **_systems(layout, "executor")}


def _databases(layout: Layout, role: str) -> dict[str, str]:
    """One database of the world under all names that a seed may draw, and a role for each service that it may draw."""
    password = layout.secrets.sql_reader if role == "reader" else layout.secrets.sql_executor
    place = f"127.0.0.1:{layout.ports.database}/production?sslmode=disable"
    dsn = f"postgresql://watchkeeper_{role}:{password}@{place}"
    names = ["production", *words("databases")]
    services = [*words("entries"), *(f"{one}-{kind}" for one in words("subjects") for kind in words("roles"))]
    found = {f"WATCHKEEPER_POSTGRES_{role.upper()}_DSNS": json.dumps(dict.fromkeys(names, dsn))}
    if role == "reader":
        roles = {"production": {role_of(service): service for service in services}}
        found["WATCHKEEPER_POSTGRES_ROLES"] = json.dumps(roles)
    return found


def _systems(layout: Layout, role: str) -> dict[str, str]:
    return {
        **_databases(layout, role),
        "WATCHKEEPER_KUBECTL": str(Path(sys.executable).parent / "kubectl"),
        f"WATCHKEEPER_KUBE_{role.upper()}_CONFIG": str(layout.data_dir / "kube" / f"{role}.kubeconfig"),
        "WATCHKEEPER_KUBE_CONTEXT": "production",
        "WATCHKEEPER_KUBE_NAMESPACE": "production",
        "WATCHKEEPER_AWS_REGION": "eu-west-1",
        "WATCHKEEPER_AWS_ENDPOINT_URL": f"http://127.0.0.1:{layout.ports.aws}",
        f"WATCHKEEPER_AWS_{role.upper()}_CREDENTIALS": str(layout.data_dir / "aws" / f"{role}.credentials"),
        "WATCHKEEPER_ECS_CLUSTER": "production",
        "WATCHKEEPER_JVM_URL": f"http://127.0.0.1:{layout.ports.management}/jvm/{{service}}/jolokia/",
        f"WATCHKEEPER_JVM_{role.upper()}_TOKEN_FILE": str(layout.data_dir / "jvm" / f"{role}.token"),
        "WATCHKEEPER_PRICES": '{"ecs.service": 4.9, "autoscaling.group": 19.2, "rds.instance": 26.0}',
    }


_OWN = {"web": _web, "correlator": _queue, "worker": _worker, "executor": _executor}


def _argv(name: str, layout: Layout) -> tuple[str, ...]:
    ports = layout.ports
    start = (sys.executable, "-m", "bot")
    if name == "valkey":
        folder = str(layout.data_dir / "valkey")
        return (*start, "valkey", "--port", str(ports.valkey), "--data-dir", folder)
    if name == "slack-double":
        return (*start, "slack-double", "--port", str(ports.page), "--controls-url", layout.control_url)
    if name == "world":
        return (
            *start, "world", "--control-port", str(ports.control), "--telemetry-port", str(ports.telemetry),
            "--cluster-port", str(ports.cluster), "--aws-port", str(ports.aws),
            "--management-port", str(ports.management), "--database-port", str(ports.database),
            "--alert-url", f"{layout.web_url}/alerts/alertmanager",
            "--sensor-url", f"{layout.web_url}/alerts/generic", "--early", str(_EARLY_S), "--data-dir", str(layout.data_dir),
        )  # fmt: skip
    return (*start, "serve" if name == "web" else name)


def _refuse_taken(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            message = f"port {port} is in use; choose another one with --port"
            raise Permanent(message) from error


def _free_ports(count: int) -> list[int]:
    """Free ports, all held open until the last is known, so that none comes twice.

    They lie below the range from which systems take the ports of outgoing connections, so that none of those can
    take one before its server has it.
    """
    probes: list[socket.socket] = []
    try:
        while len(probes) < count:
            probe = socket.socket()
            with contextlib.suppress(OSError):
                probe.bind(("127.0.0.1", _FIRST_PORT + secrets.randbelow(_PORTS)))
                probes.append(probe)
                continue
            probe.close()
        return [probe.getsockname()[1] for probe in probes]
    finally:
        for probe in probes:
            probe.close()
