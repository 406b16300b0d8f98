"""bind: give each alert the service that the graph knows it by, and take out those that are only signs of life."""

from collections.abc import Mapping

from bot.domain.alert import Alert
from bot.domain.entities import Names
from bot.pipeline.heartbeat import Owed, is_sign_of_life


def bind(
    alerts: tuple[Alert, ...], names: Names, owed: Mapping[str, Owed]
) -> tuple[tuple[Alert, ...], frozenset[str]]:
    """The alerts to be placed, themselves where nothing changes, and the sources that gave a sign of life."""
    signs = (
        frozenset(alert.source for alert in alerts if is_sign_of_life(alert, owed)) if owed else frozenset()
    )
    real = alerts if not signs else tuple(alert for alert in alerts if not is_sign_of_life(alert, owed))
    return names.all_bound(real), signs
