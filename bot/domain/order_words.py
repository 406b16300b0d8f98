"""What people type about tiers and standing orders, read strictly: a scope, a tier, the fields of the drafting form."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bot.domain.playbook import Tier

TENANT = "tenant"
_NAMES = re.compile(r"[,\s]+")
_WHOLE = re.compile(r"[0-9]{1,6}")
_PERCENT = re.compile(r"([0-9]{1,2})(?:\.([0-9]))?")
_BOUND = re.compile(r"([a-z0-9/-]{1,80}\.[a-z0-9_]{1,60})=([0-9]{1,9})-([0-9]{1,9})")
_CAP = re.compile(r"([a-z_]{1,40})=([0-9]{1,9})")
TIER_USAGE = (
    "Say `tier observe|supervised [service NAME | playbook ID]` to lower it, "
    "or `tier auto [PLAYBOOK] [SERVICE]` to draft a standing order."
)


@dataclass(frozen=True, slots=True)
class TierWords:
    """A tier with the scope that it is meant for; for `auto` the playbook and the services that were named."""

    tier: Tier
    scope: str = TENANT
    playbook: str = ""
    services: str = ""


@dataclass(frozen=True, slots=True)
class FormWords:
    """The drafting form's fields, each of its type."""

    playbook: str
    services: tuple[str, ...]
    targets: tuple[str, ...]
    confidence_milli: int
    hour: int
    day: int
    days: int
    bounds: Mapping[str, tuple[int, int]]
    caps: Mapping[str, int]


def tier_words(rest: str) -> TierWords:
    """Read `supervised service basket`; raises ValueError with the usage."""
    words = rest.split()
    tier = next((tier for tier in Tier if words and words[0].lower() == tier.value), None)
    if tier is None:
        raise ValueError(TIER_USAGE)
    if tier is Tier.AUTO:
        return _auto_words(words[1:])
    if len(words) == 1:
        return TierWords(tier)
    kind = words[1].lower()
    if len(words) != 3 or kind not in ("service", "playbook"):
        raise ValueError(TIER_USAGE)
    return TierWords(tier, f"{kind}:{words[2][:80]}")


def _auto_words(words: Sequence[str]) -> TierWords:
    """`PLAYBOOK SERVICE ...`, or either after its own word; `service NAME` alone names no playbook."""
    playbook, services, kind = "", [], ""
    for word in words:
        if word.lower() in ("service", "services", "playbook"):
            kind = word.lower()
        elif kind == "playbook" or (not kind and not playbook):
            playbook, kind = word, ""
        else:
            services.append(word.strip(","))
    return TierWords(Tier.AUTO, playbook=playbook[:100], services=" ".join(services)[:300])


def form_words(values: Mapping[str, str]) -> FormWords:
    """Read the form; raises ValueError with a sentence for the first field that cannot be read."""
    percent = _PERCENT.fullmatch(values.get("confidence", "").strip().removesuffix("%").strip())
    if percent is None:
        message = "The confidence is a number of per cent, like 90 or 92.5."
        raise ValueError(message)
    bounds, caps = _bounds(values.get("bounds", ""))
    return FormWords(
        playbook=values.get("playbook", ""),
        services=_names(values.get("services", "")),
        targets=_names(values.get("targets", "")),
        confidence_milli=int(percent.group(1)) * 10 + int(percent.group(2) or 0),
        hour=_number(values, "hour", "The runs an hour are a whole number."),
        day=_number(values, "day", "The runs a day are a whole number."),
        days=_number(values, "days", "The days are a whole number."),
        bounds=bounds,
        caps=caps,
    )


def _number(values: Mapping[str, str], field: str, message: str) -> int:
    text = values.get(field, "").strip()
    if not _WHOLE.fullmatch(text):
        raise ValueError(message)
    return int(text)


def _names(text: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for name in _NAMES.split(text.strip()) if name))


def _bounds(text: str) -> tuple[dict[str, tuple[int, int]], dict[str, int]]:
    bounds: dict[str, tuple[int, int]] = {}
    caps: dict[str, int] = {}
    for part in _names(text):
        bound, cap = _BOUND.fullmatch(part), _CAP.fullmatch(part)
        if bound:
            bounds[bound.group(1)] = (int(bound.group(2)), int(bound.group(3)))
        elif cap:
            caps[cap.group(1)] = int(cap.group(2))
        else:
            message = f"{part[:60]!r} is no bound; write ACTION.PARAMETER=LOW-HIGH or UNIT=MOST."
            raise ValueError(message)
    return bounds, caps
