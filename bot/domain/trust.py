"""Trust classes: every string knows who could have written it.

Only operator strings may become parameters; evidence that rests on public text alone never lifts confidence.
"""

from enum import StrEnum


class Trust(StrEnum):
    """Who could have written a text: configuration (operator), our workloads, anybody, or a language model."""

    OPERATOR = "operator"
    WORKLOAD = "workload"
    PUBLIC = "public"
    MODEL = "model"
