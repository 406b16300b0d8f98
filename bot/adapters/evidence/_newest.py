"""Of several objects of one service, the one that changed last: that is what a rollback may mean, and no other."""

from collections.abc import Mapping, Sequence

# Changes this close together are one change to people; then it is not for us to choose.
_TOGETHER_S = 2 * 3600

Named = tuple[str, Mapping[str, str]]


def newest(found: Sequence[Named], changed_at: str) -> list[Named]:
    """Those within two hours of the last change; `changed_at` is the live field with unix seconds."""
    if not found:
        return []
    last = max(int(live.get(changed_at, "0")) for _name, live in found)
    return [one for one in found if int(one[1].get(changed_at, "0")) > last - _TOGETHER_S]
