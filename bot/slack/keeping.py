"""From Slack's bodies to what is kept of them: identities, places and values, no rendered content.

Pure. Every field comes from the verified body; nothing here decides whether it may have an effect.
"""

from typing import Any

from bot.slack.listening import Body, Kept

_LONGEST_ADDRESS = 500


def click(body: Body) -> Kept:
    """A button or menu choice, on a message."""
    action = body["actions"][0]
    container, channel = body.get("container", {}), body.get("channel", {})
    chosen = (action.get("selected_option") or {}).get("value")
    payload = {
        "action": str(action["action_id"]).split(":")[0],
        "value": chosen if chosen is not None else action.get("value", ""),
        "channel": channel.get("id") or container.get("channel_id", ""),
        "message_ts": container.get("message_ts", ""),
        "thread_ts": container.get("thread_ts", ""),
        "trigger_id": body.get("trigger_id", ""),
        "external": _external(body),
        **_person(body),
        **_reply(body),
    }
    dedupe = body.get("trigger_id") or f"{action.get('action_ts')}:{payload['user']}"
    return f"click:{dedupe}:{action['action_id']}"[:400], "click", payload


def submission(body: Body) -> Kept:
    """A submitted modal."""
    view = body["view"]
    values = {
        block: {name: _value(element) for name, element in elements.items()}
        for block, elements in view.get("state", {}).get("values", {}).items()
    }
    payload = {
        "action": str(view["callback_id"]),
        "metadata": str(view.get("private_metadata", "")),
        "values": {block: next(iter(named.values()), "") for block, named in values.items()},
        "external": _external(body),
        **_person(body),
    }
    return f"view:{view['id']}:{view.get('hash', '')}"[:400], "click", payload


def command(body: Body) -> Kept:
    """A slash command."""
    payload = {
        "text": str(body.get("text", "")),
        "user": str(body["user_id"]),
        "team": str(body.get("team_id", "")),
        "channel": str(body["channel_id"]),
        "thread_ts": "",
        "trigger_id": str(body.get("trigger_id", "")),
        **_reply(body),
    }
    return f"command:{payload['trigger_id']}"[:400], "command", payload


def mention(body: Body) -> Kept:
    """A message that names the bot."""
    event = body["event"]
    payload = {
        "text": str(event.get("text", "")),
        "user": str(event.get("user", "")),
        "team": str(event.get("user_team") or event.get("team") or body.get("team_id", "")),
        "channel": str(event["channel"]),
        "thread_ts": str(event.get("thread_ts") or ""),
        "trigger_id": "",
    }
    return f"event:{body['event_id']}"[:400], "command", payload


def _person(body: Body) -> dict[str, Any]:
    """Who did it; where workspace and account disagree about the team, the foreign one counts."""
    user, team = body["user"], (body.get("team") or {}).get("id", "")
    own = user.get("team_id") or team
    return {"user": str(user["id"]), "team": str(own if own == team or not team else f"{own}/{team}")}


def _reply(body: Body) -> dict[str, str]:
    """Slack's own address for answers to this act: a secret, which the store seals."""
    address = body.get("response_url")
    usable = isinstance(address, str) and address.isascii() and 0 < len(address) <= _LONGEST_ADDRESS
    return {"reply_url": str(address)} if usable else {}


def _external(body: Body) -> bool:
    channel = body.get("channel") or {}
    flags = (body.get("is_ext_shared_channel"), channel.get("is_ext_shared"), channel.get("is_shared"))
    return any(bool(flag) for flag in flags)


def _value(element: Body) -> str:
    several = element.get("selected_options")
    if isinstance(several, list):
        return "\n".join(str(one.get("value", "")) for one in several if isinstance(one, dict))
    chosen = element.get("selected_option")
    return str(chosen.get("value", "") if isinstance(chosen, dict) else element.get("value") or "")
