"""Settings: read once from the environment, frozen, passed in. Unknown or missing keys stop the start.

Prefix WATCHKEEPER_; Slack's keys keep Slack's own names. Each process asks `require()` for what it needs,
so that a key which a process must not have (the grant key in the worker) need not be given to it.
"""

import math
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta, Struct, field

from bot.domain.errors import Permanent
from bot.domain.secret import SecretStr

PREFIX = "WATCHKEEPER_"
# Variables of the test suite, which runs the commands too, are no settings of the product.
TEST_PREFIX = "WATCHKEEPER_TEST_"

DEFAULT_QUERIES = {
    "error_ratio": "service:error_ratio",
    "availability": "service:availability",
    "request_rate": "service:request_rate",
    "latency_seconds": "service:latency_p95_seconds",
    "cpu_utilisation": "service:cpu_utilisation",
    "memory_utilisation": "service:memory_utilisation",
    "connections_utilisation": "service:connections_utilisation",
    "query_rate": "service:query_rate",
    "runtime_alerts": "service:runtime_alerts",
}


# Slack's keys keep Slack's own names.
_NAMES = {
    name: name.upper()
    for name in ("slack_bot_token", "slack_app_token", "slack_signing_secret", "slack_api_url")
}
_FLAGS = {
    **dict.fromkeys(("1", "true", "t", "yes", "y", "on"), True),
    **dict.fromkeys(("0", "false", "f", "no", "n", "off"), False),
}
_SHORTEST_TOKEN = 20
# ARN of an SNS topic: a wrong one would only refuse all that it sends.
_TOPIC = r"^arn:aws(-cn|-us-gov)?:sns:[a-z0-9-]+:\d{12}:[A-Za-z0-9_.-]{1,256}\Z"


class Source(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One alert source: which parser reads it and how it proves itself; docs/sources/ has a page for each kind.

    `proof` names another scheme than the kind's first; `previous_token` is still taken during a rotation. An alert
    named `heartbeat` is owed every `heartbeat_s` seconds where that is not 0.
    """

    kind: str
    token: SecretStr = SecretStr("")
    previous_token: SecretStr | None = None
    proof: str = ""
    topics: tuple[Annotated[str, Meta(pattern=_TOPIC)], ...] = ()
    queue_url: str = ""
    mapping: Path | None = None
    heartbeat: str = "Watchdog"
    heartbeat_s: Annotated[float, Meta(ge=0)] = 0.0

    def __post_init__(self) -> None:
        elsewise = self.topics or self.queue_url or self.kind == "slack"
        if not self.token.get_secret_value() and not elsewise:
            message = "a token is needed (or topics, or queue_url)"
            raise ValueError(message)


class WafIpSet(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The IP set that blocks for one service, and the operators' own rule whose requests may be blocked by it."""

    name: str
    id: str
    scope: Literal["REGIONAL", "CLOUDFRONT"] = "REGIONAL"
    web_acl: str
    rule: str


class Settings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything configurable. Durations in seconds, paths as given, URLs without a trailing slash."""

    tenant: str = "main"
    demo: bool = False
    data_dir: Path = Path("var")
    database_url: str = "sqlite:///var/watchkeeper.sqlite3"
    redis_url: str = "redis://127.0.0.1:6379/0"
    playbooks_dir: Path = Path("playbooks")

    http_host: str = "127.0.0.1"
    http_port: Annotated[int, Meta(ge=1, le=65535)] = 8080
    sources: Mapping[str, Source] = field(default_factory=dict)

    audit_key: SecretStr | None = None
    storage_key: SecretStr | None = None
    grant_key: SecretStr | None = None

    slack_bot_token: SecretStr | None = None
    slack_app_token: SecretStr | None = None
    slack_signing_secret: SecretStr | None = None
    slack_api_url: str = "https://slack.com/api/"
    slack_mode: Literal["socket", "http"] = "socket"
    alerts_channel: str = "alerts"
    approver_group: str = "oncall"
    slack_alert_apps: Mapping[str, str] = field(default_factory=dict)

    mode: Literal["observe", "supervised"] = "observe"
    kubectl: str = "kubectl"
    kube_reader_config: Path | None = None
    kube_executor_config: Path | None = None
    kube_context: str = ""
    kube_namespace: str = "default"
    kube_protected_namespaces: tuple[str, ...] = (
        "kube-system",
        "kube-public",
        "kube-node-lease",
        "watchkeeper",
    )
    aws_region: str = ""
    aws_endpoint_url: str = ""
    aws_reader_credentials: Path | None = None
    aws_intake_credentials: Path | None = None
    aws_executor_credentials: Path | None = None
    aws_executor_role: str = ""
    ecs_cluster: str = ""
    appconfig_strategy: Annotated[str, Meta(pattern=r"^(|[a-z0-9]{4,7})\Z")] = ""
    prices: Mapping[str, Annotated[float, Meta(ge=0, le=1_000_000)]] = field(default_factory=dict)

    jvm_url: str = ""
    jvm_reader_token_file: Path | None = None
    jvm_executor_token_file: Path | None = None
    postgres_roles: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    postgres_reader_dsns: Mapping[str, SecretStr] = field(default_factory=dict)
    postgres_executor_dsns: Mapping[str, SecretStr] = field(default_factory=dict)
    quarantine_groups: Mapping[str, str] = field(default_factory=dict)
    protected_instances: tuple[str, ...] = ()
    protected_ranges: tuple[str, ...] = ()
    waf_ip_sets: Mapping[str, WafIpSet] = field(default_factory=dict)
    ssm_documents: Mapping[str, str] = field(default_factory=dict)
    forensics_bucket: Annotated[str, Meta(pattern=r"^(watchkeeper-[a-z0-9.-]{1,50})?\Z")] = ""

    prometheus_url: str = ""
    loki_url: str = ""
    traces_url: str = ""
    call_metrics: str = ""
    runtime_streams: str = ""
    metric_queries: Mapping[str, str] = field(default_factory=lambda: dict(DEFAULT_QUERIES))
    topology_query: str = "traces_service_graph_request_total"
    topology_files: tuple[Path, ...] = ()
    topology_from_cluster: bool = False
    planned_calendars: tuple[str, ...] = ()

    model_base_url: str = ""
    model_name: str = ""
    model_api_key: SecretStr | None = None
    model_deadline_s: Annotated[float, Meta(gt=0, le=120)] = 20.0

    watch_every_s: Annotated[int, Meta(ge=0, le=3600)] = 60

    resolve_after_s: Annotated[float, Meta(ge=0)] = 300.0
    verify_interval_s: Annotated[float, Meta(gt=0)] = 2.0
    verify_cap_s: Annotated[int, Meta(ge=0)] = 0

    stop_file: Path | None = None
    operator_token: SecretStr | None = None
    undo_max_age_s: Annotated[float, Meta(gt=0)] = 86_400.0
    max_runs_per_action: Annotated[int, Meta(ge=1)] = 20
    max_runs_per_service: Annotated[int, Meta(ge=1)] = 10
    max_running_plans: Annotated[int, Meta(ge=1)] = 4
    max_plan_targets: Annotated[int, Meta(ge=1)] = 10
    max_replica_percent: Annotated[int, Meta(ge=0, le=100)] = 75
    max_plan_cents_per_hour: Annotated[int, Meta(ge=0)] = 5000
    max_open_proposals: Annotated[int, Meta(ge=1)] = 5

    def __post_init__(self) -> None:
        if self.operator_token is not None and len(self.operator_token.get_secret_value()) < _SHORTEST_TOKEN:
            message = f"{PREFIX}OPERATOR_TOKEN: at least {_SHORTEST_TOKEN} characters are needed"
            raise ValueError(message)
        url = urlsplit(self.slack_api_url)
        host = url.hostname or ""
        if url.scheme == "https" and f".{host}".endswith(".slack.com"):
            return
        if not (self.demo and host in ("127.0.0.1", "localhost", "::1")):
            message = "SLACK_API_URL may differ from Slack's only with WATCHKEEPER_DEMO=true and on loopback"
            raise ValueError(message)

    def require(self, process: str, names: Sequence[str]) -> None:
        """Raise Permanent naming every setting that `process` needs and does not have."""
        missing = [environment_name(name) for name in names if not _given(getattr(self, name))]
        if missing:
            message = f"{process} cannot start: set {', '.join(missing)} (watchkeeper doctor explains each)"
            raise Permanent(message)


def environment_name(field: str) -> str:
    """The environment variable of a field."""
    return _NAMES.get(field) or f"{PREFIX}{field.upper()}"


def load() -> Settings:
    """Read settings from the environment; raises Permanent with one line that names each wrong or unknown key."""
    fields = {environment_name(name): name for name in Settings.__struct_fields__}
    ours = (key for key in os.environ if key.startswith(PREFIX) and not key.startswith(TEST_PREFIX))
    unknown = sorted(key for key in ours if key not in fields)
    if unknown:
        message = f"unknown settings: {', '.join(unknown)} (check the spelling against docs/settings.md)"
        raise Permanent(message)
    kinds = get_type_hints(Settings, include_extras=True)
    problems: list[str] = []
    found = {
        name: _read(kinds[name], os.environ[variable], variable, problems)
        for variable, name in fields.items()
        if variable in os.environ
    }
    if problems:
        message = f"bad settings: {'; '.join(problems)}"
        raise Permanent(message)
    try:
        return Settings(**found)
    except ValueError as error:
        message = f"bad settings: {error}"
        raise Permanent(message) from None


def _given(value: Any) -> bool:
    if isinstance(value, SecretStr):
        return bool(value.get_secret_value())
    return bool(value)


def _read(kind: Any, text: str, place: str, problems: list[str]) -> Any:
    """What a variable's text says; what is wrong with it is added to `problems`."""
    kind = _given_kind(kind)
    bare = get_args(kind)[0] if get_origin(kind) is Annotated else kind
    if get_origin(bare) in (Mapping, tuple):
        return _from_json(kind, text, place, problems)
    if get_origin(bare) is Literal and text not in get_args(bare):
        problems.append(f"{place}: must be {' or '.join(map(repr, get_args(bare)))}")
        return None
    given: object = text
    if bare is bool:
        given = _FLAGS.get(text.strip().lower(), text)
    elif bare in (int, float):
        given = text.strip()
    return _converted(kind, given, place, problems)


def _given_kind(kind: Any) -> Any:
    """What may be None is None only where it is not set."""
    return get_args(kind)[0] if get_origin(kind) is UnionType else kind


def _from_json(kind: Any, text: str, place: str, problems: list[str]) -> Any:
    """A mapping is read entry by entry, so that each wrong one is named."""
    try:
        found = msgspec.json.decode(text)
    except (msgspec.DecodeError, ValueError, RecursionError):
        problems.append(f"{place} is not JSON")
        return None
    if get_origin(kind) is Mapping and isinstance(found, dict):
        inner = get_args(kind)[1]
        return {key: _converted(inner, one, f"{place}[{key}]", problems) for key, one in found.items()}
    return _converted(kind, found, place, problems)


def _converted(kind: Any, given: object, place: str, problems: list[str]) -> Any:
    try:
        made = msgspec.convert(given, kind, strict=False, dec_hook=_made)
    except (msgspec.ValidationError, RecursionError) as error:
        words, _, path = str(error).partition(" - at `$")
        inside = "".join(f"[{step}]" for step in re.findall(r"[^.\[\]`]+", path))
        problems.append(f"{place}{inside}: {words}")
        return None
    if isinstance(made, float) and not math.isfinite(made):
        problems.append(f"{place}: Expected a finite number")
    return made


def _made(kind: type, given: object) -> object:
    """What the library does not know; never says the value, which may be secret."""
    if kind in (SecretStr, Path) and isinstance(given, str):
        return kind(given)
    message = f"Expected `str`, got `{type(given).__name__}`"
    raise ValueError(message)
