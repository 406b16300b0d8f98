"""What buttons and modals carry: constant action ids and opaque references, never a command or a target."""

import json
import re
from dataclasses import asdict, dataclass

APPROVE = "approve"
REJECT = "reject"
REVIEW = "review"
STOP = "stop"
UNDO = "undo"
MENU = "menu"
NEW_INCIDENT = "new_incident"
APPROVE_REVIEW = "approve_review"
PLANNED_EVENT = "planned_event"
UNFREEZE = "unfreeze"
REGROUP = "regroup"
ORDER_DRAFT = "order_draft"
ORDER_SIGN = "order_sign"
ORDER_REVIEW = "order_review"
ORDER_REVOKE = "order_revoke"
TIER_RAISE = "tier_raise"

_REFERENCE = re.compile(r"([^|\s]{1,100})\|([0-9a-f]{64}|)\|(\d{1,12})")


@dataclass(frozen=True, slots=True)
class Reference:
    """What a button means: an incident, a plan (or none) and the revision that was shown."""

    incident: str
    plan_hash: str
    revision: int

    def value(self) -> str:
        """As a button's value."""
        return f"{self.incident}|{self.plan_hash}|{self.revision}"


@dataclass(frozen=True, slots=True)
class ModalPlace:
    """What a modal remembers: the reference and the message of ours that it was opened for."""

    reference: str
    channel: str
    message_ts: str
    thread_ts: str = ""

    def metadata(self) -> str:
        """As a view's private_metadata."""
        return json.dumps(asdict(self), separators=(",", ":"))


def reference_of(value: object) -> Reference:
    """Read a button's value; raises ValueError when it is not one of ours."""
    found = _REFERENCE.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        message = "not a value of one of our buttons"
        raise ValueError(message)
    return Reference(found.group(1), found.group(2), int(found.group(3)))


def modal_place_of(metadata: str) -> ModalPlace:
    """Read a view's private_metadata; raises ValueError when it is not one of ours."""
    try:
        return ModalPlace(**json.loads(metadata))
    except TypeError as error:
        message = "not the metadata of one of our modals"
        raise ValueError(message) from error


def action_id(action: str, letter: str, plan_hash: str) -> str:
    """An action id that is unique in its message, also when a letter was used before."""
    return f"{action}:{letter[:20]}:{plan_hash[:6]}"
