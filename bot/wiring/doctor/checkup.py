"""The order of the checks, written once; a part that is not configured is 'off' and costs nothing."""

from collections.abc import Iterator

from bot.settings import Settings
from bot.wiring.doctor.finding import Check, Finding
from bot.wiring.doctor.here import (
    check_data_dir,
    check_database,
    check_files,
    check_life,
    check_mode,
    check_playbooks,
    check_redis,
    check_settings,
)
from bot.wiring.doctor.slack import check_slack
from bot.wiring.doctor.systems import check_aws, check_kubernetes, check_model, check_telemetry

CHECKS: tuple[Check, ...] = (
    check_settings,
    check_data_dir,
    check_files,
    check_database,
    check_redis,
    check_slack,
    check_telemetry,
    check_kubernetes,
    check_aws,
    check_model,
    check_playbooks,
    check_life,
    check_mode,
)


def findings(settings: Settings) -> Iterator[Finding]:
    """Every line, as soon as it is known."""
    for check in CHECKS:
        yield from check(settings)
