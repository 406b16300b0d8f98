"""Puts a standing order in force over the public doors: one person drafts it, two others read and sign it, as in Slack."""

import time
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from bot.local.demo.outside import Outside
from bot.local.demo.reading import buttons, says
from bot.local.world.catalogue import SCENARIOS

T = TypeVar("T")
Until = Callable[[Callable[[], T | None], str], T]

DRAFTER, SIGNERS = "oncall-1", ("oncall-2", "oncall-3")
_PLAYBOOK = "rollback-deployment"
_CHANNEL = "alerts"
_MOST_SERVICES = 20


def services_of(scenario: str, seed: int) -> list[str]:
    """What the company of this run calls its deployments; its people know that before anything breaks."""
    found = next(one for one in SCENARIOS if one.name == scenario)
    return sorted(workload.name for workload in found.draw(seed, time.time()).workloads)[:_MOST_SERVICES]


def put_in_force(outside: Outside, services: list[str], until: Until[Any]) -> str:
    """Draft and sign an order for these services; returns its id when Slack shows it in force."""
    words = f"tier auto {_PLAYBOOK} {' '.join(services)}"
    slash = {"as": DRAFTER, "type": "slash", "command": "/incident", "text": words, "channel": _CHANNEL}
    until(lambda: outside.act(**slash).get("acked"), "the order's command to be taken")
    _submit(outside, DRAFTER, until)
    message = until(lambda: _to_sign(outside), "the drafted order")
    for signer in SIGNERS:
        button = buttons(message, "order_sign")[0]
        click = {
            "as": signer,
            "type": "click",
            "channel": _CHANNEL,
            "message_ts": message["ts"],
            "action_id": button,
        }
        until(lambda act=click: outside.act(**act).get("acked"), f"{signer} to open the order")  # type: ignore[misc]  # mypy does not infer a lambda's default
        _submit(outside, signer, until)
    signed = until(lambda: _order(outside, "in force"), "the order to be in force")
    return str(signed["text"].split()[2])


def _submit(outside: Outside, name: str, until: Until[Any]) -> None:
    """Wait for the form and send it as it is filled in already."""
    form = until(lambda: outside.open_form(name), f"{name}'s form")
    submit = {"as": name, "type": "view_submit", "view_id": form["view_id"], "values": {}}
    until(lambda: outside.act(**submit).get("acked"), f"an answer to {name}'s form")


def _to_sign(outside: Outside) -> Mapping[str, Any] | None:
    """The newest message of an order while it can still be signed; an older one also says that it was drafted."""
    message = _order(outside, "drafted")
    return message if message is not None and buttons(message, "order_sign") else None


def _order(outside: Outside, state: str) -> Mapping[str, Any] | None:
    """The newest message of a standing order, once it says this."""
    for channel in outside.slack()["channels"]:
        for message in reversed(channel["messages"]):
            if message["bot"] and message["text"].startswith("Standing order SO-"):
                return message if says(message, state) else None
    return None
