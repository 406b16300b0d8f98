"""Listeners verify nothing by hand and decide nothing: they record, acknowledge and poke, each in a few milliseconds."""

import ast
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from slack_bolt.async_app import AsyncBoltRequest

from bot.slack.app import LISTENERS, build_app
from bot.slack.listening import SlackPorts
from tests.slack.desk import TEAM, Desk

FOLDER = Path(__file__).parents[2] / "bot/slack"
FILES = sorted(
    path for name in ("commands", "actions", "events", "views") for path in (FOLDER / name).glob("[!_]*.py")
)
ALLOWED = ("bot.slack.keeping", "bot.slack.listening", "bot.blocks.ids", "slack_bolt.async_app", "re", "json")
TYPES = ("collections.abc", "typing")
CALLS = {"listener", "compile", "action", "command", "event", "view", "register"}
KEEPING_CALLS = {"record_alert", "ack", "source_of", "get", "next", "dumps", "encode", "len", "str"}


def imported(tree: ast.AST) -> set[str]:
    found = {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    return found | {
        alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names
    }


def called(tree: ast.AST) -> set[str]:
    calls = (node.func for node in ast.walk(tree) if isinstance(node, ast.Call))
    return {func.attr if isinstance(func, ast.Attribute) else getattr(func, "id", "") for func in calls}


def test_every_file_is_registered() -> None:
    assert {Path(str(module.__file__)) for module in LISTENERS} == set(FILES)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_listener_reaches_nothing_that_could_act(path: Path) -> None:
    tree = ast.parse(path.read_text())
    assert imported(tree) <= {*ALLOWED, *TYPES}
    extra = KEEPING_CALLS if path.stem == "message" else set()
    # The second call in `app.action(X)(listener(...))` has no name.
    assert called(tree) - {""} <= CALLS | extra


def test_the_shared_listener_records_then_acknowledges_then_pokes() -> None:
    tree = ast.parse((FOLDER / "listening.py").read_text())
    function = next(
        n for n in ast.walk(tree) if isinstance(n, ast.AsyncFunctionDef) and n.name == "record_and_ack"
    )
    lines = [ast.unparse(statement) for statement in function.body]
    assert [line.split("(")[0].strip() for line in lines[1:]] == [
        "await ports.record",
        "await ack",
        "ports.poke",
    ]
    assert not imported(tree) & {"bot.ports", "bot.pipeline", "slack_sdk"}


async def test_every_delivery_is_kept_and_acknowledged(desk: Desk) -> None:
    for at in range(50):
        answer = await desk.dispatch(command(f"t{at}"))
        assert answer.status == 200
    assert len(desk.store.read(lambda tx: tx.pending_inbox(limit=100))) == 50
    assert desk.chat.whispers == []


async def test_a_delivery_that_cannot_be_kept_is_not_acknowledged() -> None:
    async def broken(_dedupe: str, _kind: str, _payload: Mapping[str, Any]) -> bool:
        message = "the disk is full"
        raise OSError(message)

    async def unused(_dedupe: str, _source: str, _body: bytes) -> bool:
        raise AssertionError

    poked: list[int] = []

    async def unmarked() -> None:
        raise AssertionError

    ports = SlackPorts(broken, unused, unmarked, lambda: poked.append(1), TEAM, "U0BOT", "xoxb-test")
    app = build_app(ports)
    answer = await app.async_dispatch(AsyncBoltRequest(body=command("t1"), mode="socket_mode"))
    assert answer.status == 500
    assert poked == []


async def test_what_is_kept_names_person_and_place_and_no_content(desk: Desk) -> None:
    desk.declare()
    desk.propose()
    await desk.dispatch(desk.click_body("U0ONCALL1", desk.post("proposal"), "approve"))
    (row,) = desk.store.read(lambda tx: tx.pending_inbox(limit=10))
    assert row.kind == "click"
    assert set(row.payload) == {
        "action", "value", "channel", "message_ts", "thread_ts", "trigger_id", "external", "user", "team",
    }  # fmt: skip
    assert "kubectl" not in str(row.payload)


async def test_messages_of_other_people_and_apps_are_forgotten(desk: Desk) -> None:
    events = (
        {"type": "message", "user": "U0ONCALL1", "text": "hello", "channel": "C1", "ts": "1.1"},
        {
            "type": "message",
            "subtype": "bot_message",
            "bot_id": "B1",
            "username": "Other",
            "text": "x",
            "channel": "C1",
            "ts": "1.2",
        },
        {
            "type": "message",
            "subtype": "message_changed",
            "bot_id": "B1",
            "username": "Grafana",
            "channel": "C1",
            "ts": "1.3",
        },
        {
            "type": "message",
            "user": "U0ONCALL1",
            "username": "Grafana",
            "text": "worn name",
            "channel": "C1",
            "ts": "1.4",
        },
    )
    for event in events:
        assert (await desk.dispatch(desk.event(event))).status == 200
    assert desk.alerts == []
    assert desk.store.read(lambda tx: tx.pending_raw(limit=5)) == []


async def test_an_alert_of_a_configured_app_is_kept_once(desk: Desk) -> None:
    event = {
        "type": "message", "subtype": "bot_message", "bot_id": "B1", "username": "Grafana",
        "text": "[FIRING:1] HighErrorRate service: checkout", "channel": "C1", "ts": "1790000000.1",
    }  # fmt: skip
    body = desk.event(event)
    for _ in range(3):
        assert (await desk.dispatch(body)).status == 200
    (raw,) = desk.store.read(lambda tx: tx.pending_raw(limit=5))
    assert (raw.source, raw.kind) == ("grafana", "slack")
    assert b"HighErrorRate" in raw.body
    assert desk.alerts == ["pending"]


def command(trigger: str) -> dict[str, Any]:
    return {
        "command": "/incident", "text": "help", "user_id": "U0ONCALL1", "team_id": TEAM, "channel_id": "C0ALERTS",
        "trigger_id": trigger,
    }  # fmt: skip
