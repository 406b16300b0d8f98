"""Who, which class and where: the table of the gate, with the rule that must deny, or None where it must pass."""

from itertools import product
from typing import Any

from bot.domain.gate import Rule
from bot.domain.plan import ActionClass
from tests.gate_stage import HOME, person

ME = "U0ME"
IDENTITIES: dict[str, tuple[dict[str, Any], Rule | None]] = {
    "member": (person(ME), None),
    "single-channel guest": (person(ME, is_restricted=True, is_ultra_restricted=True), Rule.GUEST),
    "multi-channel guest": (person(ME, is_restricted=True), Rule.GUEST),
    "invited, not joined": (person(ME, is_invited_user=True), Rule.GUEST),
    "bot": (person(ME, is_bot=True), Rule.BOT),
    "workflow": (person(ME, is_workflow_bot=True), Rule.BOT),
    "connector": (person(ME, is_connector_bot=True), Rule.BOT),
    "slackbot": (person("USLACKBOT"), Rule.BOT),
    "deactivated": (person(ME, deleted=True), Rule.DEACTIVATED),
    "stranger": (person(ME, is_stranger=True), Rule.STRANGER),
    "member of another workspace": (person(ME, team_id="T0OTHER"), Rule.STRANGER),
    "somebody else's object": (person("U0ELSE"), Rule.USER_UNREADABLE),
    "no id": (person(""), Rule.USER_UNREADABLE),
    "no workspace": (person(ME, team_id=None), Rule.USER_UNREADABLE),
    "empty object": ({}, Rule.USER_UNREADABLE),
    "flags left out": ({"id": ME, "team_id": HOME}, Rule.DEACTIVATED),
    "guest flags left out": ({"id": ME, "team_id": HOME, "deleted": False, "is_bot": False}, Rule.GUEST),
}
PLACES: dict[str, tuple[dict[str, Any], Rule | None]] = {
    "the card": ({}, None),
    "another message": ({"message_ts": "1.2"}, Rule.CARD_MISMATCH),
    "another channel": ({"channel": "C0ELSE"}, Rule.CARD_MISMATCH),
    "a direct message": ({"channel": "D0ME"}, Rule.CARD_MISMATCH),
    "a shared channel": ({"external": True}, Rule.SHARED_CHANNEL),
}
CLASSES: dict[ActionClass, Rule | None] = {
    ActionClass.SAFE: None,
    ActionClass.RISKY: None,
    ActionClass.DESTRUCTIVE: Rule.TYPED_NAME,
}
MATRIX = list(product(IDENTITIES, CLASSES, PLACES))
