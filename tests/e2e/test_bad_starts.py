"""Whatever is wrong at the start is one clear line on stderr and a non-zero exit, and never a traceback."""

import contextlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.e2e.command import BIN, ROOT, end, environment, free_port, minimum, spawned, watchkeeper

PROCESSES = ("serve", "correlator", "worker", "executor")


def working(folder: Path) -> dict[str, str]:
    """Settings with which every process would get as far as looking for its servers."""
    return {
        **minimum(folder),
        "SLACK_BOT_TOKEN": "xoxb-local",
        "SLACK_APP_TOKEN": "xapp-local",
        "SLACK_API_URL": "http://127.0.0.1:9/api/",
        "demo": "true",
        "redis_url": "redis://127.0.0.1:9/0",
    }


def acting(folder: Path) -> dict[str, str]:
    """The same for an executor that has something to do."""
    config = folder / "some.kubeconfig"
    config.write_text("{}")
    return {
        **working(folder),
        "mode": "supervised",
        "prometheus_url": "http://127.0.0.1:9",
        "kubectl": str(BIN / "kubectl"),
        "kube_reader_config": str(config),
        "kube_executor_config": str(config),
    }


def refused(*command: str, settings: Mapping[str, str], words: str) -> None:
    done = watchkeeper(*command, settings=settings)
    assert done.returncode in (1, 2), done.stderr
    assert "Traceback" not in done.stderr
    lines = done.stderr.strip().splitlines()
    assert len(lines) == 1, done.stderr
    assert lines[0].startswith("watchkeeper: ")
    assert words in lines[0]
    assert done.stdout == ""


@contextlib.contextmanager
def taken_port() -> Iterator[str]:
    """A port on which somebody listens."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        yield str(other.getsockname()[1])


@pytest.mark.parametrize("process", ["serve", "worker"])
def test_a_bad_value_names_its_variable(tmp_path: Path, process: str) -> None:
    refused(
        process,
        settings={**working(tmp_path), "http_port": "eighty"},
        words="WATCHKEEPER_HTTP_PORT: Expected `int`",
    )


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("htpp_port", "1", "unknown settings: WATCHKEEPER_HTPP_PORT"),
        ("sources", "{nope", "WATCHKEEPER_SOURCES is not JSON"),
        ("sources", '{"p": {"kind": "generic"}}', "WATCHKEEPER_SOURCES[p]: a token is needed"),
        ("mode", "autopilot", "WATCHKEEPER_MODE: must be 'observe' or 'supervised'"),
        ("redis_url", "nonsense", "WATCHKEEPER_REDIS_URL is no Redis URL"),
        ("redis_url", "redis://127.0.0.1:9/0", "the job queue is not available"),
        ("audit_key", "", "set WATCHKEEPER_AUDIT_KEY"),
    ],
)
def test_settings_that_cannot_work(tmp_path: Path, name: str, value: str, words: str) -> None:
    refused("correlator", settings={**working(tmp_path), name: value}, words=words)


@pytest.mark.parametrize("process", ["serve", "correlator"])
def test_an_unknown_source_kind_names_those_that_exist(tmp_path: Path, process: str) -> None:
    given = {**working(tmp_path), "sources": '{"p": {"kind": "nagbot", "token": "t"}}'}
    refused(process, settings=given, words="'nagbot'; known: alertmanager, ")


def test_a_busy_port_of_the_web_process(tmp_path: Path) -> None:
    with taken_port() as port:
        refused("serve", settings={**working(tmp_path), "http_port": port}, words=f"port {port}")


@pytest.mark.parametrize("command", ["demo", "slack-double", "valkey"])
def test_a_busy_port_of_the_demo_and_its_servers(tmp_path: Path, command: str) -> None:
    folder = ["--data-dir", str(tmp_path / "data")] if command != "slack-double" else []
    with taken_port() as port:
        refused(command, "--port", port, *folder, settings={}, words=f"port {port}")


@pytest.mark.parametrize("process", ["worker", "executor"])
def test_a_missing_kubectl(tmp_path: Path, process: str) -> None:
    given = {**acting(tmp_path), "kubectl": "no-such-kubectl"}
    refused(process, settings=given, words="kubectl 'no-such-kubectl' was not found; set WATCHKEEPER_KUBECTL")


@pytest.mark.parametrize(
    ("process", "broken"),
    [
        ("worker", "syntax"),
        ("executor", "syntax"),
        ("executor", "bytes"),
        ("executor", "folder"),
        ("executor", "rights"),
    ],
)
def test_an_unreadable_playbook(tmp_path: Path, process: str, broken: str) -> None:
    folder = tmp_path / "playbooks"
    folder.mkdir()
    file = folder / "broken.yaml"
    if broken == "folder":
        file.mkdir()
    else:
        file.write_bytes(b"\xff\xfe\x00" if broken == "bytes" else b"id: [unclosed")
    if broken == "rights":
        file.chmod(0)
        if os.access(file, os.R_OK):
            pytest.skip("this user reads every file: a playbook without read rights was NOT tried")
    given = {**acting(tmp_path), "playbooks_dir": str(folder)}
    refused(process, settings=given, words=f"{file}:")


@pytest.mark.parametrize("process", ["serve", "worker", "executor"])
def test_a_playbook_that_does_not_lint(tmp_path: Path, process: str) -> None:
    """A shipped playbook with one word changed: the file, the line and the rule."""
    folder = tmp_path / "playbooks"
    folder.mkdir()
    text = (ROOT / "playbooks" / "rollback-deployment.yaml").read_text()
    file = folder / "rollback-deployment.yaml"
    file.write_text(text.replace("uses: kubectl/rollout-undo", "uses: kubectl/delete"))
    line = 1 + next(n for n, one in enumerate(text.splitlines()) if "uses: kubectl/rollout-undo" in one)
    given = {**acting(tmp_path), "playbooks_dir": str(folder)}
    refused(process, settings=given, words=f"{file}:{line}: unknown action 'kubectl/delete'")


@pytest.mark.parametrize("process", PROCESSES)
def test_an_unreachable_database(tmp_path: Path, process: str) -> None:
    given = {**acting(tmp_path), "database_url": "postgresql://nobody:hidden-word@127.0.0.1:9/none"}
    refused(process, settings=given, words="postgresql+psycopg://nobody:***@127.0.0.1:9/none cannot be used")


@pytest.mark.parametrize("process", ["correlator", "executor"])
def test_a_data_directory_that_cannot_be_written(tmp_path: Path, process: str) -> None:
    taken = tmp_path / "taken"
    taken.write_text("")
    given = {**acting(tmp_path), "data_dir": str(taken)}
    refused(process, settings=given, words=f"cannot write to {taken}")


def test_a_database_in_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    taken = tmp_path / "taken"
    taken.write_text("")
    given = {**working(tmp_path), "database_url": f"sqlite:///{taken}/deeper/w.sqlite3"}
    refused("correlator", settings=given, words="for the database")
    refused(
        "correlator",
        settings={**given, "database_url": f"sqlite:///{tmp_path}"},
        words="cannot be used: unable to open database file",
    )


@pytest.fixture
def full_disk(tmp_path: Path) -> Iterator[Path]:
    """A tmpfs of 64 KiB that is full; skipped where this user may not mount."""
    folder = tmp_path / "full"
    folder.mkdir()
    mounted = subprocess.run(
        ["/usr/bin/mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(folder)],
        capture_output=True,
        check=False,
    )
    if mounted.returncode != 0:
        pytest.skip("this user may not mount a tmpfs: a full disk was NOT tried at the start")
    try:
        with contextlib.suppress(OSError), (folder / "ballast").open("wb") as file:
            while True:
                file.write(b"x" * 4096)
                file.flush()
        yield folder
    finally:
        subprocess.run(["/usr/bin/umount", str(folder)], check=True)


@pytest.mark.parametrize("process", ["serve", "correlator"])
def test_a_full_disk(full_disk: Path, tmp_path: Path, process: str) -> None:
    given = {**acting(tmp_path), "database_url": f"sqlite:///{full_disk}/w.sqlite3"}
    refused(process, settings=given, words="cannot be used")


@pytest.mark.parametrize(
    "arguments",
    [("demo",), ("valkey",)],
    ids=lambda arguments: arguments[0],
)
def test_a_data_dir_option_that_cannot_be_written(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    taken = tmp_path / "taken"
    taken.write_text("")
    given = (*arguments, "--port", str(free_port()), "--data-dir", str(taken / "deeper"))
    refused(*given, settings={}, words="choose another --data-dir")


def test_a_second_demo_on_the_same_data_directory(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    command = ("demo", "--port", str(free_port()), "--data-dir", str(folder))
    first = spawned(*command, settings={}, log=tmp_path / "first.log")
    try:
        waiting = time.monotonic() + 90
        while not (folder / "run.json").exists():
            assert first.poll() is None, (tmp_path / "first.log").read_text()
            assert time.monotonic() < waiting
            time.sleep(0.05)
        refused(
            "demo", "--port", str(free_port()), "--data-dir", str(folder),
            settings={}, words=f"another demo runs on {folder}",
        )  # fmt: skip
        assert first.poll() is None
    finally:
        end(first)
    assert not (folder / "run.json").exists()


def test_two_valkeys_never_share_a_data_directory(tmp_path: Path) -> None:
    port = free_port()
    arguments = ("--data-dir", str(tmp_path / "valkey"))
    first = spawned("valkey", "--port", str(port), *arguments, settings={}, log=tmp_path / "first.log")
    try:
        waiting = time.monotonic() + 60
        while True:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=0.5):
                break
            assert time.monotonic() < waiting
            time.sleep(0.05)
        refused("valkey", "--port", str(free_port()), *arguments, settings={}, words="another Valkey uses")
    finally:
        end(first)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("nonsense",), "there is no command 'nonsense'"),
        (("demo", "--headless"), "--headless needs --scenario"),
        (("sources",), "no source is configured"),
        (("stop",), "there is no database at"),
    ],
)
def test_commands_that_cannot_work(tmp_path: Path, arguments: tuple[str, ...], words: str) -> None:
    given = {"database_url": f"sqlite:///{tmp_path}/none.sqlite3", "audit_key": "a", "storage_key": "s"}
    refused(*arguments, settings=given, words=words)


def test_the_installed_command_says_the_same(tmp_path: Path) -> None:
    """`watchkeeper` and `python -m bot` are one program."""
    installed = Path(sys.executable).parent / "watchkeeper"
    done = subprocess.run(
        [installed, "correlator"],
        env=environment({}),
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
    )
    assert done.returncode == 2
    assert "correlator cannot start: set WATCHKEEPER_SOURCES" in done.stderr
