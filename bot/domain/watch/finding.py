"""One unusual thing about one service, as a detector saw it. Whether it is trouble is decided in verdict.py."""

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """What was looked at."""

    METRIC = "metric"
    TEMPLATE = "template"
    RATE = "rate"
    SESSION = "session"
    ORDER = "order"
    QUERY = "query_shape"
    BEHAVIOUR = "behaviour"


@dataclass(frozen=True, slots=True)
class Finding:
    """`words` is ours and holds numbers only; `quote` is a template, so workload text without its variable parts.

    `strength` is 0..1; `since_at` is when it began, in unix seconds. `felt` says that users notice it.
    """

    kind: Kind
    service: str
    strength: float
    since_at: float
    words: str
    quote: str = ""
    felt: bool = False
