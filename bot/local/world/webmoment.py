"""Times and durations as the Prometheus and Loki APIs accept them."""

import re
from datetime import UTC, datetime

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}


def unix_seconds(text: str) -> float:
    """Unix seconds, nanoseconds (Loki) or RFC 3339; ValueError for anything else."""
    try:
        number = float(text)
    except ValueError:
        return datetime.fromisoformat(text).timestamp()
    return number / 1e9 if number > 1e14 else number


def duration_seconds(text: str) -> float:
    """Seconds from a plain number or a duration such as 15s or 5m; ValueError for anything else."""
    match = re.fullmatch(r"([\d.]+)(ms|s|m|h|d)?", text)
    if match is None:
        raise ValueError(f'invalid parameter "step": cannot parse "{text}" to a valid duration')
    return float(match.group(1)) * _UNITS[match.group(2) or "s"]


def moment(at: float) -> str:
    """RFC 3339 with milliseconds, UTC."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
