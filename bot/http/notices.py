"""What operators are told when a proved source loses alerts by its own doing: an alert of ours, once an hour at most.

It goes into the intake like any other, so that it reaches Slack on the usual way.
"""

import json

OWN_KIND = "generic"
AGAIN_S = 3600.0


class Notices:
    """Remembers when each source was last told about; a restart may tell again."""

    def __init__(self) -> None:
        self._told: dict[str, float] = {}

    def too_large(self, source: str, most_bytes: int, *, now: float) -> bytes | None:
        """The body of the alert, or None where it was told within the hour."""
        if now - self._told.get(source, float("-inf")) < AGAIN_S:
            return None
        self._told[source] = now
        mib = most_bytes // 1024 // 1024
        said = {
            "id": f"too large from {source}",
            "name": "PayloadTooLarge",
            "service": source,
            "severity": "warning",
            "summary": f"{source} sent more than {mib} MiB in one call; it was refused with 413, and most senders do "
            "not repeat that, so its alerts are lost: make its groups smaller (docs/sources/index.md, Sizes)",
        }
        return json.dumps({"alerts": [said]}).encode()
