"""Checks of this machine: settings of each process, data directory, database, Redis, signs of life, playbooks, mode."""

import os
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from redis.exceptions import RedisError

from bot.adapters.playbooks.yaml_files import read_folder
from bot.adapters.queue import rq as rq_queue
from bot.adapters.store.checkup import look_at
from bot.adapters.store.sql import open_store
from bot.domain.errors import Permanent, WatchkeeperError
from bot.http.doors import Doors
from bot.settings import Settings, environment_name
from bot.wiring.doctor.finding import Finding, caught, failed, good, judged, off, warning
from bot.wiring.parts import parsers

STALE_S = 20.0
_STORE = ("audit_key", "storage_key")


def needs(settings: Settings) -> Mapping[str, tuple[str, ...]]:
    """The settings without which each process refuses to start."""
    slack = "slack_app_token" if settings.slack_mode == "socket" else "slack_signing_secret"
    acting = ("grant_key", "prometheus_url") if settings.mode == "supervised" else ()
    return {
        "web": ("sources", *_STORE, "grant_key", "slack_bot_token", slack),
        "correlator": ("sources", *_STORE),
        "worker": _STORE,
        "executor": (*_STORE, *acting),
    }


def check_settings(settings: Settings) -> Iterator[Finding]:
    """One line a process: what it needs and does not have."""
    for process, names in needs(settings).items():
        try:
            settings.require(process, names)
        except Permanent:
            missing = [environment_name(name) for name in names if _absent(settings, name)]
            fix = f"set {', '.join(missing)} (docs/settings.md; `watchkeeper init` draws the keys: source its three files)"
            yield failed(f"settings of {process}", f"{len(missing)} missing", fix)
        else:
            yield good(f"settings of {process}", f"all {len(names)} needed are set")
    yield from _check_sources(settings)


def _absent(settings: Settings, name: str) -> bool:
    try:
        settings.require("doctor", [name])
    except Permanent:
        return True
    return False


def _check_sources(settings: Settings) -> Iterator[Finding]:
    if not settings.sources:
        return  # The lines above name it.
    try:
        Doors(settings.sources, parsers(settings))
    except Permanent as error:
        yield caught(
            "alert sources", error, "correct WATCHKEEPER_SOURCES; docs/sources/ has a page for each kind"
        )
        return
    kinds = sorted({source.kind for source in settings.sources.values()})
    yield good(
        "alert sources", f"{len(settings.sources)} configured ({', '.join(kinds)}); `watchkeeper sources`"
    )


def check_data_dir(settings: Settings) -> Iterator[Finding]:
    """The data directory can be written."""
    folder = settings.data_dir
    probe = folder / ".doctor"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe.write_text("")
        probe.unlink()
    except OSError as error:
        fix = f"make it writable for this user, or set WATCHKEEPER_DATA_DIR elsewhere (uid {os.getuid()})"
        yield failed("data directory", f"{folder} cannot be written: {error.strerror}", fix)
        return
    yield good("data directory", f"{folder} can be written")


def check_database(settings: Settings) -> Iterator[Finding]:
    """The database answers and has this version's schema."""
    try:
        seen = look_at(settings.database_url)
    except WatchkeeperError as error:
        yield caught("database", error, "start it, or correct WATCHKEEPER_DATABASE_URL")
        return
    if seen.schema is None:
        yield good("database", f"{seen.shown} is empty; the first process that starts makes the schema")
        return
    text = f"{seen.shown} answers, schema {seen.schema}"
    fix = f"this version wants schema {seen.wanted}: start web once to upgrade, or upgrade Watchkeeper"
    yield judged("database", seen.schema == seen.wanted, text, fix)


def check_redis(settings: Settings) -> Iterator[Finding]:
    """Redis answers, keeps what it is given, and never evicts."""
    try:
        server = rq_queue.connect(settings.redis_url)
        server.ping()
    except (RedisError, Permanent) as error:
        fix = "start Redis or Valkey (`watchkeeper valkey` runs one), or correct WATCHKEEPER_REDIS_URL"
        yield failed("redis", f"no answer: {error}", fix)
        return
    yield good("redis", "answers")
    try:
        wanted = {**server.config_get("appendonly"), **server.config_get("maxmemory-policy")}
    except RedisError as error:
        yield warning("redis persistence", f"cannot be read: {error}", "see that appendonly is on")
        return
    kept, policy = str(wanted.get("appendonly", "?")), str(wanted.get("maxmemory-policy", "?"))
    yield judged(
        "redis persistence", kept == "yes", f"appendonly {kept}", "redis-cli config set appendonly yes"
    )
    fix = "redis-cli config set maxmemory-policy noeviction"
    yield judged("redis eviction", policy == "noeviction", f"maxmemory-policy {policy}", fix)


def check_life(settings: Settings) -> Iterator[Finding]:
    """Each process was seen in the last seconds; none at all means that nothing has been started yet."""
    try:
        if look_at(settings.database_url).schema is None:
            yield off("processes", "none has been started yet", "start serve, correlator, worker, executor")
            return
        beats = open_store(settings, migrate=False).read(lambda tx: dict(tx.beats()))
    except WatchkeeperError as error:
        yield caught("processes", error, "see the lines on settings and database")
        return
    if not beats:
        yield off("processes", "none has been started yet", "start serve, correlator, worker, executor")
        return
    acting = ("executor",) if settings.mode == "supervised" else ()
    for process in ("web", "correlator", "worker", *acting):
        age = time.time() - beats.get(process, 0.0)
        shown = f"seen {max(age, 0.0):.0f} s ago" if process in beats else "never seen"
        command = "serve" if process == "web" else process
        yield judged(f"process {process}", age <= STALE_S, shown, f"start it: watchkeeper {command}")


def check_playbooks(settings: Settings) -> Iterator[Finding]:
    """Every playbook loads without a finding."""
    try:
        sound, findings = read_folder(settings.playbooks_dir)
    except WatchkeeperError as error:
        yield caught("playbooks", error, "set WATCHKEEPER_PLAYBOOKS_DIR to the folder with the *.yaml files")
        return
    if findings:
        yield failed("playbooks", str(findings[0]), f"{len(findings)} findings: watchkeeper playbooks lint")
        return
    fix = "set WATCHKEEPER_PLAYBOOKS_DIR to a folder with *.yaml"
    yield judged("playbooks", bool(sound), f"{len(sound)} in {settings.playbooks_dir}, no findings", fix)


def check_mode(settings: Settings) -> Iterator[Finding]:
    """Whether anything can be changed at all, said plainly."""
    writers = [
        settings.kube_executor_config,
        settings.aws_executor_credentials,
        settings.jvm_executor_token_file,
        settings.postgres_executor_dsns,
    ]
    if settings.mode == "observe":
        yield off(
            "mode",
            "OBSERVE ONLY: nothing is ever changed; options read 'would propose'",
            "WATCHKEEPER_MODE=supervised, and write credentials for the executor",
        )
        if any(writers):
            fix = "take them away from every process but the executor, or set WATCHKEEPER_MODE=supervised"
            yield warning("write credentials", "configured, but unused in this mode", fix)
    elif any(writers):
        yield good("mode", "SUPERVISED: a plan runs after a person of the approver group clicked Approve")
    else:
        fix = "set one of the executors' credentials (WATCHKEEPER_*_EXECUTOR_*), or mode observe"
        yield failed("mode", "supervised, but no executor is configured: nothing could be changed", fix)


def check_files(settings: Settings) -> Iterator[Finding]:
    """The files that settings name and that are read later, where a missing one would only be a line in a log."""
    named = [
        *(("WATCHKEEPER_TOPOLOGY_FILES", path) for path in settings.topology_files),
        *(
            ("WATCHKEEPER_PLANNED_CALENDARS", Path(place))
            for place in settings.planned_calendars
            if not place.startswith("https://")
        ),
        *(("WATCHKEEPER_SOURCES", one.mapping) for one in settings.sources.values()),
        ("WATCHKEEPER_JVM_READER_TOKEN_FILE", settings.jvm_reader_token_file),
        ("WATCHKEEPER_JVM_EXECUTOR_TOKEN_FILE", settings.jvm_executor_token_file),
        ("WATCHKEEPER_AWS_INTAKE_CREDENTIALS", settings.aws_intake_credentials),
    ]
    given = [(name, path) for name, path in named if path is not None]
    missing = [(name, path) for name, path in given if not readable(path)]
    for name, path in missing:
        yield failed("files", f"{path} cannot be read", f"correct {name}")
    if given and not missing:
        yield good("files", f"all {len(given)} that settings name can be read")
    stop = settings.stop_file
    if stop is not None and not stop.parent.is_dir():
        yield failed(
            "stop file", f"there is no folder {stop.parent}", "make it: WATCHKEEPER_STOP_FILE is put there"
        )


def readable(path: Path | None) -> bool:
    """Whether a configured file is there for this user."""
    return path is not None and path.is_file() and os.access(path, os.R_OK)
