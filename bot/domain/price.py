"""What a change adds to the bill, from the operators' own price table; no price is ever guessed or fetched.

Prices are given in cents per hour and unit (one task, one instance, one pod) under `KIND/NAME` or `KIND`. Live
fields carry them as `unit_price`, in whole thousandths of a cent, "0" where the table has none.
"""

from collections.abc import Mapping

COST = "cents_per_hour"
PRICE = "unit_price"
UNKNOWN = -1


def unit_price(prices: Mapping[str, float], kind: str, name: str) -> str:
    """The live field `unit_price` of one object."""
    cents = prices.get(f"{kind}/{name}", prices.get(kind, 0))
    return str(round(cents * 1000))


def added_cost(live: Mapping[str, str], units: int) -> dict[str, int]:
    """The blast radius unit `cents_per_hour` for `units` more (rounded up); UNKNOWN where they have no price."""
    if units <= 0:
        return {COST: 0}
    price = int(live.get(PRICE, "0"))
    return {COST: -(-price * units // 1000) if price > 0 else UNKNOWN}
