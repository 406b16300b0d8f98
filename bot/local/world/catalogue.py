"""The scenarios by name, with what the demo's page says of them."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from bot.local.world.scene import Scene
from bot.local.world.scenes import bad_deploy, db_cascade, launch, memory, poisoned, recorded, zero_day


@dataclass(frozen=True)
class Scenario:
    """One scenario that can be started."""

    name: str
    title: str
    text: str
    draw: Callable[[int, float], Scene]
    says_first: str = ""
    early: bool = False

    def first_words(self, now: float) -> str:
        """What a person of the demo says in Slack before it begins, or nothing; `now` in unix seconds."""
        start, end = (
            datetime.fromtimestamp(now + seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ") for seconds in _EVENT
        )
        return self.says_first.format(start=start, end=end)


# The entry covers the past in which the launch began and ends at once, for the one that nobody announced.
_EVENT = (-3600.0, 30.0)
SCENARIOS = (
    Scenario(
        "bad-deploy",
        "A release goes wrong",
        "Minutes after a release of a service that most others need, 1,000 alerts arrive from a dozen services.",
        bad_deploy.draw,
    ),
    Scenario(
        "db-cascade",
        "The cascading database",
        "A service was scaled up and floods its database with an unusual query pattern; all other callers suffer.",
        db_cascade.draw,
        early=True,
    ),
    Scenario(
        "planned-event",
        "The planned launch",
        "Traffic multiplies and CPU climbs, but it is a launch that was announced: nothing is broken.",
        launch.draw_announced,
        '/incident event add "Demo product launch" {start} {end}',
    ),
    Scenario(
        "unannounced-launch",
        "The launch nobody announced",
        "The same load without an entry in the calendar: the front service needs more tasks.",
        launch.draw_unannounced,
    ),
    Scenario(
        "memory-exhaustion",
        "Memory runs out",
        "A service's heap fills until it stalls and restarts: add tasks, or collect the garbage.",
        memory.draw,
    ),
    Scenario(
        "zero-day",
        "A zero-day in three pods",
        "A process that nobody knows starts in three pods and calls out; nothing else looks broken.",
        zero_day.draw,
    ),
    Scenario(
        "poisoned",
        "Orders in the evidence",
        "A log line and a label demand a restart and an open port, with approval claimed. Nobody obeys.",
        poisoned.draw,
    ),
    Scenario(
        "recorded",
        "A recorded incident",
        "A real incident of a traced shop, replayed from its recorded metrics and call graph: find the cause.",
        recorded.draw,
    ),
)


def scenario(name: str) -> Scenario | None:
    """The scenario of that name."""
    return next((entry for entry in SCENARIOS if entry.name == name), None)
