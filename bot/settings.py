"""Settings: read once from the environment, frozen, passed in. Unknown or missing keys stop the start.

Prefix WATCHKEEPER_; Slack's keys keep Slack's own names. Each process asks `require()` for what it needs,
so that a key which a process must not have (the grant key in the worker) need not be given to it.
"""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    model_validator,
)
from pydantic_settings import BaseSettings, SettingsConfigDict, SettingsError

from bot.domain.errors import Permanent

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


# ARN of an SNS topic: a wrong one would only refuse all that it sends.
_TOPIC = r"^arn:aws(-cn|-us-gov)?:sns:[a-z0-9-]+:\d{12}:[A-Za-z0-9_.-]{1,256}$"


class Source(BaseModel):
    """One alert source: which parser reads it and how it proves itself; docs/sources/ has a page for each kind.

    `proof` names another scheme than the kind's first; `previous_token` is still taken during a rotation. An alert
    named `heartbeat` is owed every `heartbeat_s` seconds where that is not 0.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: str
    token: SecretStr = SecretStr("")
    previous_token: SecretStr | None = None
    proof: str = ""
    topics: tuple[Annotated[str, Field(pattern=_TOPIC)], ...] = ()
    queue_url: str = ""
    mapping: Path | None = None
    heartbeat: str = "Watchdog"
    heartbeat_s: float = Field(default=0.0, ge=0)

    @model_validator(mode="after")
    def _proves_itself(self) -> "Source":
        elsewise = self.topics or self.queue_url or self.kind == "slack"
        if not self.token.get_secret_value() and not elsewise:
            message = "a token is needed (or topics, or queue_url)"
            raise ValueError(message)
        return self


class WafIpSet(BaseModel):
    """The IP set that blocks for one service, and the operators' own rule whose requests may be blocked by it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    id: str
    scope: Literal["REGIONAL", "CLOUDFRONT"] = "REGIONAL"
    web_acl: str
    rule: str


class Settings(BaseSettings):
    """Everything configurable. Durations in seconds, paths as given, URLs without a trailing slash."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="forbid", populate_by_name=True)

    tenant: str = "main"
    demo: bool = False
    data_dir: Path = Path("var")
    database_url: str = "sqlite:///var/watchkeeper.sqlite3"
    redis_url: str = "redis://127.0.0.1:6379/0"
    playbooks_dir: Path = Path("playbooks")

    http_host: str = "127.0.0.1"
    http_port: int = Field(default=8080, ge=1, le=65535)
    sources: Mapping[str, Source] = Field(default_factory=dict)

    audit_key: SecretStr | None = None
    storage_key: SecretStr | None = None
    grant_key: SecretStr | None = None

    slack_bot_token: SecretStr | None = Field(default=None, alias="SLACK_BOT_TOKEN")
    slack_app_token: SecretStr | None = Field(default=None, alias="SLACK_APP_TOKEN")
    slack_signing_secret: SecretStr | None = Field(default=None, alias="SLACK_SIGNING_SECRET")
    slack_api_url: str = Field(default="https://slack.com/api/", alias="SLACK_API_URL")
    slack_mode: Literal["socket", "http"] = "socket"
    alerts_channel: str = "alerts"
    approver_group: str = "oncall"
    slack_alert_apps: Mapping[str, str] = Field(default_factory=dict)

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
    appconfig_strategy: str = Field(default="", pattern=r"^(|[a-z0-9]{4,7})$")
    prices: Mapping[str, Annotated[float, Field(ge=0, le=1_000_000)]] = Field(default_factory=dict)

    jvm_url: str = ""
    jvm_reader_token_file: Path | None = None
    jvm_executor_token_file: Path | None = None
    postgres_roles: Mapping[str, Mapping[str, str]] = Field(default_factory=dict)
    postgres_reader_dsns: Mapping[str, SecretStr] = Field(default_factory=dict)
    postgres_executor_dsns: Mapping[str, SecretStr] = Field(default_factory=dict)
    quarantine_groups: Mapping[str, str] = Field(default_factory=dict)
    protected_instances: tuple[str, ...] = ()
    protected_ranges: tuple[str, ...] = ()
    waf_ip_sets: Mapping[str, WafIpSet] = Field(default_factory=dict)
    ssm_documents: Mapping[str, str] = Field(default_factory=dict)
    forensics_bucket: str = Field(default="", pattern=r"^(watchkeeper-[a-z0-9.-]{1,50})?$")

    prometheus_url: str = ""
    loki_url: str = ""
    traces_url: str = ""
    call_metrics: str = ""
    runtime_streams: str = ""
    metric_queries: Mapping[str, str] = Field(default_factory=lambda: dict(DEFAULT_QUERIES))
    topology_query: str = "traces_service_graph_request_total"
    topology_files: tuple[Path, ...] = ()
    topology_from_cluster: bool = False
    planned_calendars: tuple[str, ...] = ()

    model_base_url: str = ""
    model_name: str = ""
    model_api_key: SecretStr | None = None
    model_deadline_s: float = Field(default=20.0, gt=0, le=120)

    watch_every_s: int = Field(default=60, ge=0, le=3600)

    resolve_after_s: float = Field(default=300.0, ge=0)
    verify_interval_s: float = Field(default=2.0, gt=0)
    verify_cap_s: int = Field(default=0, ge=0)

    stop_file: Path | None = None
    operator_token: SecretStr | None = Field(default=None, min_length=20)
    undo_max_age_s: float = Field(default=86_400.0, gt=0)
    max_runs_per_action: int = Field(default=20, ge=1)
    max_runs_per_service: int = Field(default=10, ge=1)
    max_running_plans: int = Field(default=4, ge=1)
    max_plan_targets: int = Field(default=10, ge=1)
    max_replica_percent: int = Field(default=75, ge=0, le=100)
    max_plan_cents_per_hour: int = Field(default=5000, ge=0)
    max_open_proposals: int = Field(default=5, ge=1)

    @model_validator(mode="after")
    def _only_loopback_double(self) -> "Settings":
        url = urlsplit(self.slack_api_url)
        host = url.hostname or ""
        if url.scheme == "https" and f".{host}".endswith(".slack.com"):
            return self
        if not (self.demo and host in ("127.0.0.1", "localhost", "::1")):
            message = "SLACK_API_URL may differ from Slack's only with WATCHKEEPER_DEMO=true and on loopback"
            raise ValueError(message)
        return self

    def require(self, process: str, names: Sequence[str]) -> None:
        """Raise Permanent naming every setting that `process` needs and does not have."""
        missing = [environment_name(name) for name in names if not _given(getattr(self, name))]
        if missing:
            message = f"{process} cannot start: set {', '.join(missing)} (watchkeeper doctor explains each)"
            raise Permanent(message)


def environment_name(field: str) -> str:
    """The environment variable of a field."""
    alias = Settings.model_fields[field].alias
    return alias or f"{PREFIX}{field.upper()}"


def load() -> Settings:
    """Read settings from the environment; raises Permanent with one line that names each wrong or unknown key."""
    known = {environment_name(field) for field in Settings.model_fields}
    ours = (key for key in os.environ if key.startswith(PREFIX) and not key.startswith(TEST_PREFIX))
    unknown = sorted(key for key in ours if key not in known)
    if unknown:
        message = f"unknown settings: {', '.join(unknown)} (check the spelling against docs/settings.md)"
        raise Permanent(message)
    try:
        return Settings()
    except ValidationError as error:
        raise Permanent(_one_line(error)) from None
    except SettingsError as error:
        raise Permanent(_not_json(str(error))) from None
    except ValueError as error:
        message = f"settings cannot be read: {error}"
        raise Permanent(message) from None


def _given(value: Any) -> bool:
    if isinstance(value, SecretStr):
        return bool(value.get_secret_value())
    return bool(value)


def _not_json(reason: str) -> str:
    """The library names the field in quotation marks; we name the variable."""
    field = next((name for name in reason.split('"')[1::2] if name in Settings.model_fields), "")
    return f"bad settings: {environment_name(field)} is not JSON" if field else f"bad settings: {reason}"


def _one_line(error: ValidationError) -> str:
    parts = []
    for problem in error.errors(include_input=False, include_url=False):
        name = str(problem["loc"][0]) if problem["loc"] else ""
        inside = "".join(f"[{part}]" for part in problem["loc"][1:])
        shown = (environment_name(name) if name in Settings.model_fields else name or "settings") + inside
        parts.append(f"{shown}: {problem['msg']}")
    return "bad settings: " + "; ".join(parts)
