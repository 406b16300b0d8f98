"""Which recorded change could have caused what: shortly before the onset, at the suspect, and no reaction to it."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

from bot.domain.diagnosis import tuning
from bot.domain.evidence import CauseClass
from bot.domain.telemetry import Change, ChangeKind

CLASS_OF = {
    ChangeKind.DEPLOY: CauseClass.DEPLOY,
    ChangeKind.SCALE: CauseClass.CAPACITY,
    ChangeKind.CONFIG: CauseClass.CONFIGURATION,
    ChangeKind.FLAG: CauseClass.CONFIGURATION,
}


@dataclass(frozen=True, slots=True)
class NearChange:
    """A change and how near before the onset it came: 1 just before, 0 far away or after."""

    change: Change
    proximity: float
    lead_s: float


def proximity(change: Change, onset_at: float) -> float:
    """1 within CHANGE_FULL_S before the onset, fading after; 0 for a change that came later than the onset."""
    lead = onset_at - change.at
    if lead < -tuning.CHANGE_AFTER_S:
        return 0.0
    return math.exp(-max(0.0, lead - tuning.CHANGE_FULL_S) / tuning.CHANGE_DECAY_S)


def nearest(changes: Iterable[Change], service: str, onset_at: float) -> NearChange | None:
    """The change at `service` that lies best before `onset_at`, or None."""
    found = [
        NearChange(change, proximity(change, onset_at), onset_at - change.at)
        for change in changes
        if change.service == service
    ]
    found = [near for near in found if near.proximity > 0.05]
    return max(found, key=lambda near: (near.proximity, near.change.at), default=None)
