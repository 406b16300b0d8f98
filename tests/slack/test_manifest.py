"""The manifest asks for what the code uses, and for nothing else."""

import ast
import json
from pathlib import Path

from bot.slack.commands.incident import NAMES

ROOT = Path(__file__).parents[2]
MANIFEST = json.loads((ROOT / "deploy/slack-manifest.json").read_text())
METHODS = {
    "auth.test": set[str](),
    "chat.postMessage": {"chat:write"},
    "chat.update": {"chat:write"},
    "chat.postEphemeral": {"chat:write"},
    "conversations.create": {"channels:manage"},
    "conversations.invite": {"channels:manage"},
    "conversations.setTopic": {"channels:manage"},
    "conversations.list": {"channels:read", "groups:read"},
    "conversations.info": {"channels:read", "groups:read"},
    "conversations.history": {"channels:history", "groups:history"},
    "conversations.replies": {"channels:history", "groups:history"},
    "pins.add": {"pins:write"},
    "usergroups.list": {"usergroups:read"},
    "usergroups.users.list": {"usergroups:read"},
    "users.info": {"users:read"},
    "views.open": set[str](),
}
EVENTS = {"app_mention": {"app_mentions:read"}, "message": {"channels:history", "groups:history"}}


def called_methods() -> set[str]:
    tree = ast.parse((ROOT / "bot/adapters/chat/slack.py").read_text())
    words = {
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    families = (
        "auth.",
        "chat.",
        "conversations.",
        "pins.",
        "usergroups.",
        "users.",
        "views.",
        "files.",
        "reactions.",
    )
    return {word for word in words if word.startswith(families) and " " not in word}


def heard_events() -> set[str]:
    heard = set()
    for path in (ROOT / "bot/slack/events").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "event":
                heard.add(ast.literal_eval(node.args[0]))
    return heard


def test_every_method_is_known_here() -> None:
    assert called_methods() == set(METHODS)
    assert heard_events() == set(EVENTS)


def test_scopes_are_those_that_the_code_needs() -> None:
    needed = {scope for method in called_methods() for scope in METHODS[method]}
    needed |= {scope for event in heard_events() for scope in EVENTS[event]} | {"commands"}
    assert set(MANIFEST["oauth_config"]["scopes"]["bot"]) == needed


def test_events_commands_and_mode() -> None:
    subscribed = MANIFEST["settings"]["event_subscriptions"]["bot_events"]
    assert {event.split(".")[0] for event in subscribed} == heard_events()
    assert {entry["command"] for entry in MANIFEST["features"]["slash_commands"]} == set(NAMES)
    assert MANIFEST["settings"]["socket_mode_enabled"] is True
    assert MANIFEST["settings"]["interactivity"]["is_enabled"] is True
    assert "agent_view" in MANIFEST["features"]
    assert "assistant_view" not in MANIFEST["features"]
