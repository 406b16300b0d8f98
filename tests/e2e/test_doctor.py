"""Every line of `watchkeeper doctor`, good and failing, against real servers on loopback."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from redis import Redis

from bot.adapters.store.sql import SqlStore
from bot.domain.errors import Permanent
from bot.settings import Settings, environment_name
from bot.wiring import correlator, executor, web, worker
from bot.wiring.doctor.checkup import findings
from bot.wiring.doctor.finding import Check, Finding, Mark
from bot.wiring.doctor.here import (
    check_data_dir,
    check_database,
    check_files,
    check_life,
    check_mode,
    check_playbooks,
    check_redis,
    check_settings,
    needs,
)
from bot.wiring.doctor.slack import check_slack, manifest_scopes
from bot.wiring.doctor.systems import check_aws, check_kubernetes, check_model, check_telemetry
from tests.double.conftest import start as start_double
from tests.e2e.command import ROOT, end, free_port, minimum, spawned, watchkeeper
from tests.world.stage import KUBECTL, running_world

Build = Callable[..., Settings]
STARTS: dict[str, Callable[[Settings], object]] = {
    "web": web.run,
    "correlator": correlator.build,
    "worker": worker.run,
    "executor": lambda settings: executor.build(settings, threading.Event()),
}


@dataclass(frozen=True)
class Servers:
    """Settings that reach the running servers."""

    working: dict[str, str]


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    """A real Valkey, the Slack double, and the simulated cluster, AWS and telemetry."""
    folder = tmp_path_factory.mktemp("doctor")
    port = free_port()
    valkey = spawned(
        "valkey", "--port", str(port), "--data-dir", str(folder / "valkey"), settings={}, log=folder / "v.log"
    )
    double = start_double(clock_rate=1000.0)  # Its rate limits run as fast.
    try:
        with running_world(folder, time_scale=4.0) as world:
            world.start("bad-deploy", 1)  # Telemetry exists once a scenario runs.
            yield Servers(
                {
                    "demo": "true",
                    "mode": "supervised",
                    "sources": minimum(folder)["sources"],
                    "redis_url": f"redis://127.0.0.1:{port}/0",
                    "slack_bot_token": double.options.bot_token,
                    "slack_app_token": double.options.app_token,
                    "slack_api_url": f"{double.url}/api/",
                    "prometheus_url": world.telemetry,
                    "loki_url": world.telemetry,
                    "metric_queries": '{"error_ratio": "service:error_ratio"}',
                    "kubectl": str(KUBECTL),
                    "kube_reader_config": str(folder / "kube" / "reader.kubeconfig"),
                    "kube_executor_config": str(folder / "kube" / "executor.kubeconfig"),
                    "kube_namespace": "production",
                    "aws_region": "eu-west-1",
                    "aws_endpoint_url": world.aws,
                    "aws_reader_credentials": str(folder / "aws" / "reader.credentials"),
                    "aws_executor_credentials": str(folder / "aws" / "executor.credentials"),
                    "ecs_cluster": "production",
                    "playbooks_dir": str(ROOT / "playbooks"),
                }
            )
    finally:
        double.stop()
        end(valkey)


def examined(settings: Settings, *checks: Check) -> dict[str, Finding]:
    found = (finding for check in checks for finding in check(settings)) if checks else findings(settings)
    return {finding.check: finding for finding in found}


def marks(found: dict[str, Finding], mark: Mark) -> list[str]:
    return [name for name, finding in found.items() if finding.mark is mark]


def test_a_whole_installation_is_good(servers: Servers, settings: Build, store: SqlStore) -> None:
    for process in ("web", "correlator", "worker", "executor"):
        store.transact(lambda tx, process=process: tx.beat(process, at=time.time()))
    found = examined(settings(**servers.working))
    assert marks(found, Mark.FAILED) == []
    # The simulated STS names one identity for every key.
    assert marks(found, Mark.WARNING) == ["aws identities"]
    assert marks(found, Mark.OFF) == ["model"]
    assert found["mode"].text.startswith("SUPERVISED")
    assert "schema" in found["database"].text


def test_nothing_started_and_nothing_changed_yet(servers: Servers, settings: Build, tmp_path: Path) -> None:
    given = {**servers.working, "mode": "observe", "kube_executor_config": "", "aws_executor_credentials": ""}
    given = {name: value for name, value in given.items() if value}
    found = examined(settings(**given))
    assert marks(found, Mark.FAILED) == []
    assert found["processes"].mark is Mark.OFF
    assert found["database"].text.endswith("makes the schema")
    assert "OBSERVE ONLY" in found["mode"].text
    assert not (tmp_path / "watchkeeper.sqlite3").exists()


READER_WRITES = "must not patch deployments.apps"

CASES = {
    "no token": ({"slack_bot_token": ""}, check_slack, "slack", Mark.FAILED, "no bot token"),
    "wrong token": ({"slack_bot_token": "xoxb-wrong"}, check_slack, "slack", Mark.FAILED, "invalid_auth"),
    "Slack away": ({"slack_api_url": "http://127.0.0.1:9/api/"}, check_slack, "slack", Mark.FAILED, "cannot be reached"),
    "no app token": ({"slack_app_token": ""}, check_slack, "slack socket", Mark.FAILED, "no app-level token"),
    "bot token as app token": ({"slack_app_token": "xoxb-local"}, check_slack, "slack socket", Mark.FAILED, "connections.open"),
    "no signing secret": ({"slack_mode": "http"}, check_slack, "slack requests", Mark.FAILED, "missing"),
    "no such channel": ({"alerts_channel": "nowhere"}, check_slack, "alerts channel", Mark.FAILED, "there is no channel #nowhere"),
    "no such group": ({"approver_group": "nobody"}, check_slack, "approver group", Mark.FAILED, "there is no user group @nobody"),
    "Redis away": ({"redis_url": "redis://127.0.0.1:9/0"}, check_redis, "redis", Mark.FAILED, "no answer"),
    "database away": (
        {"database_url": "postgresql+psycopg://nobody@127.0.0.1:9/none"}, check_database, "database", Mark.FAILED, "cannot be used",
    ),
    "database URL": ({"database_url": "nonsense"}, check_database, "database", Mark.FAILED, "no database URL"),
    "no topology file": ({"topology_files": '["/nonexistent.yaml"]'}, check_files, "files", Mark.FAILED, "/nonexistent.yaml"),
    "no stop folder": ({"stop_file": "/nonexistent/stop"}, check_files, "stop file", Mark.FAILED, "no folder /nonexistent"),
    "no source": ({"sources": "{}"}, check_settings, "settings of web", Mark.FAILED, "1 missing"),
    "source kind": (
        {"sources": '{"x": {"kind": "nagbot", "token": "t"}}'}, check_settings, "alert sources", Mark.FAILED, "nagbot",
    ),
    "metrics away": ({"prometheus_url": "http://127.0.0.1:9"}, check_telemetry, "prometheus", Mark.FAILED, "did not answer"),
    "no metrics": ({"prometheus_url": "", "mode": "observe"}, check_telemetry, "prometheus", Mark.OFF, "not configured"),
    "no edges": ({"topology_query": "no_such_metric"}, check_telemetry, "topology", Mark.WARNING, "no edge"),
    "silent metric": (
        {"metric_queries": '{"cpu_utilisation": "no_such_metric"}'}, check_telemetry, "metric queries", Mark.WARNING, "cpu_utilisation",
    ),
    "logs away": ({"loki_url": "http://127.0.0.1:9"}, check_telemetry, "loki", Mark.FAILED, "did not answer"),
    "no logs": ({"loki_url": ""}, check_telemetry, "loki", Mark.OFF, "not configured"),
    "kubectl missing": ({"kubectl": "no-such-kubectl"}, check_kubernetes, "kubectl", Mark.FAILED, "was not found"),
    "no kubeconfig file": ({"kube_reader_config": "/nonexistent"}, check_kubernetes, "kubernetes reader", Mark.FAILED, "cannot be read"),
    "no cluster": (
        {"kube_reader_config": "", "kube_executor_config": ""}, check_kubernetes, "kubernetes", Mark.OFF, "no kubeconfig is configured",
    ),
    "no AWS file": ({"aws_reader_credentials": "/nonexistent"}, check_aws, "aws reader", Mark.FAILED, "/nonexistent"),
    "AWS away": ({"aws_endpoint_url": "http://127.0.0.1:9"}, check_aws, "aws executor", Mark.FAILED, "Could not connect"),
    "no AWS": ({"aws_reader_credentials": "", "aws_executor_credentials": ""}, check_aws, "aws reader", Mark.OFF, "no credentials"),
    "model away": ({"model_base_url": "http://127.0.0.1:9/v1"}, check_model, "model", Mark.FAILED, "did not answer"),
    "no playbooks": ({"playbooks_dir": "/nonexistent"}, check_playbooks, "playbooks", Mark.FAILED, "is no folder"),
    "no executor": (
        {"kube_executor_config": "", "aws_executor_credentials": ""}, check_mode, "mode", Mark.FAILED, "no executor is configured",
    ),
    "unused credentials": ({"mode": "observe"}, check_mode, "write credentials", Mark.WARNING, "unused"),
}  # fmt: skip


@pytest.mark.parametrize(("changes", "look", "check", "mark", "words"), CASES.values(), ids=CASES)
def test_each_line_that_can_fail(
    servers: Servers,
    settings: Build,
    changes: dict[str, str],
    look: Check,
    check: str,
    mark: Mark,
    words: str,
) -> None:
    given = {name: value for name, value in {**servers.working, **changes}.items() if value}
    found = examined(settings(**given), look)[check]
    assert found.mark is mark
    assert words in found.text
    assert found.fix


def test_a_reader_that_may_write_is_found(servers: Servers, settings: Build) -> None:
    given = {**servers.working, "kube_reader_config": servers.working["kube_executor_config"]}
    found = examined(settings(**given), check_kubernetes)["kubernetes reader"]
    assert found.mark is Mark.FAILED
    assert READER_WRITES in found.text


def test_an_executor_that_may_not_write_is_found(servers: Servers, settings: Build) -> None:
    given = {**servers.working, "kube_executor_config": servers.working["kube_reader_config"]}
    assert (
        "may not patch deployments.apps"
        in examined(settings(**given), check_kubernetes)["kubernetes executor"].text
    )


def test_one_identity_for_both_roles_is_found(servers: Servers, settings: Build) -> None:
    given = {**servers.working, "aws_reader_credentials": servers.working["aws_executor_credentials"]}
    assert examined(settings(**given), check_aws)["aws identities"].mark is Mark.FAILED


def test_a_redis_that_forgets_is_found(servers: Servers, settings: Build) -> None:
    server = Redis.from_url(servers.working["redis_url"])
    server.config_set("appendonly", "no")
    server.config_set("maxmemory-policy", "allkeys-lru")
    try:
        found = examined(settings(**servers.working), check_redis)
    finally:
        server.config_set("appendonly", "yes")
        server.config_set("maxmemory-policy", "noeviction")
        server.close()
    assert found["redis persistence"].mark is Mark.FAILED
    assert found["redis eviction"].mark is Mark.FAILED


def test_a_silent_process_is_found(servers: Servers, settings: Build, store: SqlStore) -> None:
    store.transact(lambda tx: tx.beat("web", at=time.time() - 60))
    found = examined(settings(**servers.working), check_life)
    assert found["process web"].mark is Mark.FAILED
    assert found["process worker"].text == "never seen"
    assert "watchkeeper serve" in found["process web"].fix


def test_a_broken_playbook_is_found(servers: Servers, settings: Build, tmp_path: Path) -> None:
    folder = tmp_path / "playbooks"
    folder.mkdir()
    (folder / "broken.yaml").write_text("id: [unclosed")
    found = examined(settings(**{**servers.working, "playbooks_dir": str(folder)}), check_playbooks)[
        "playbooks"
    ]
    assert found.mark is Mark.FAILED
    assert "broken.yaml:" in found.text


def test_a_data_directory_that_is_a_file_is_found(servers: Servers, settings: Build, tmp_path: Path) -> None:
    taken = tmp_path / "taken"
    taken.write_text("")
    found = examined(settings(**{**servers.working, "data_dir": str(taken)}), check_data_dir)[
        "data directory"
    ]
    assert found.mark is Mark.FAILED


def test_another_schema_is_found(servers: Servers, settings: Build, store: SqlStore) -> None:
    with store.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    found = examined(settings(**servers.working), check_database)["database"]
    assert found.mark is Mark.FAILED
    assert "9999" in found.text


@dataclass
class Slackish:
    """Answers auth.test as a workspace with these scopes and this clock would."""

    url: str
    scopes: str
    ahead_s: float


@pytest.fixture
def slackish() -> Iterator[Slackish]:
    told = Slackish("", ",".join(manifest_scopes()), 0.0)

    class Door(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("content-length", 0)))
            body = json.dumps(
                {"ok": True, "user": "bot", "team": "Team", "channels": [], "usergroups": []}
            ).encode()
            self.send_response_only(200)
            date = datetime.now(UTC) + timedelta(seconds=told.ahead_s)
            self.send_header("Date", format_datetime(date, usegmt=True))
            self.send_header("X-OAuth-Scopes", told.scopes)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def do_GET(self) -> None:
            self.do_POST()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Door)
    told.url = f"http://127.0.0.1:{server.server_address[1]}/api/"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield told
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize(("ahead_s", "mark"), [(0.0, Mark.GOOD), (-60.0, Mark.WARNING), (600.0, Mark.FAILED)])
def test_the_clock_is_compared_with_slacks(
    servers: Servers, settings: Build, slackish: Slackish, ahead_s: float, mark: Mark
) -> None:
    slackish.ahead_s = ahead_s
    assert (
        examined(settings(**{**servers.working, "slack_api_url": slackish.url}), check_slack)["clock"].mark
        is mark
    )


def test_scopes_are_compared_with_the_manifest(servers: Servers, settings: Build, slackish: Slackish) -> None:
    given = {**servers.working, "slack_api_url": slackish.url}
    assert examined(settings(**given), check_slack)["slack scopes"].mark is Mark.GOOD
    slackish.scopes = ",".join(sorted(manifest_scopes() - {"usergroups:read"}))
    found = examined(settings(**given), check_slack)["slack scopes"]
    assert found.mark is Mark.FAILED
    assert "usergroups:read" in found.fix


def test_the_command_prints_a_line_a_check_and_its_exit_code(servers: Servers, tmp_path: Path) -> None:
    given = {**minimum(tmp_path), **servers.working}
    named = {environment_name(name): value for name, value in given.items()}
    good = watchkeeper("doctor", "--json", settings=named)
    assert good.returncode == 0, good.stdout
    assert json.loads(good.stdout)["ok"] is True
    bad = watchkeeper("doctor", settings={**named, "SLACK_BOT_TOKEN": ""})
    assert bad.returncode == 1
    assert "✘   slack" in bad.stdout
    assert "create the app from deploy/slack-manifest.json" in bad.stdout
    unknown = watchkeeper("doctor", settings={**named, "WATCHKEEPER_NO_SUCH_SETTING": "1"})
    assert unknown.returncode == 1
    assert "unknown settings: WATCHKEEPER_NO_SUCH_SETTING" in unknown.stdout
    assert "Traceback" not in bad.stderr + unknown.stderr


@pytest.mark.parametrize("process", STARTS)
def test_what_the_doctor_asks_for_is_what_the_process_asks_for(settings: Build, process: str) -> None:
    """A process that lacks one setting of the doctor's list refuses to start and names exactly that one."""
    everything = {
        "mode": "supervised",
        "prometheus_url": "http://127.0.0.1:9",
        "sources": '{"prod": {"kind": "alertmanager", "token": "t"}}',
        "slack_bot_token": "xoxb-1",
        "slack_app_token": "xapp-1",
    }
    wanted = needs(settings(**everything))[process]
    assert wanted
    for lacking in wanted:
        given = settings(**{**everything, lacking: "{}" if lacking == "sources" else ""})
        with pytest.raises(Permanent, match=f"set {environment_name(lacking)} "):
            STARTS[process](given)


def test_what_a_site_does_not_have_is_no_fault(servers: Servers, settings: Build) -> None:
    without_ecs = {name: value for name, value in servers.working.items() if name != "ecs_cluster"}
    assert examined(settings(**without_ecs), check_aws)["aws reader"].mark is Mark.GOOD
    databases = {"mode": "supervised", "postgres_executor_dsns": '{"orders": "postgresql://w@127.0.0.1/o"}'}
    assert examined(settings(**databases), check_mode)["mode"].mark is Mark.GOOD
