"""The order in which rules are asked about one database, and which of their verdicts is a symptom of another."""

from collections.abc import Callable

from bot.domain.databases import Database
from bot.domain.diagnosis.managed import availability, compute, connections, contention, replication, storage
from bot.domain.diagnosis.managed.verdict import Fact, Judgement, Verdict
from bot.domain.diagnosis.managed.view import View, is_write

# In the order in which, of two that explain each other, the first is the cause.
_RULES: tuple[Callable[[View], Verdict | None], ...] = (
    availability.interrupted,
    storage.full,
    connections.used_up,
    replication.behind,
    compute.cpu_full,
    compute.memory_short,
    contention.disk_slow,
    storage.stalled_writes,
    contention.locked,
    contention.ids_short,
    availability.vanished,
    compute.cpu_raised,
)
_FINE: tuple[Callable[[View], tuple[Fact, ...]], ...] = (
    storage.recovered,
    connections.not_full,
    compute.cpu_fine,
    replication.in_step,
    availability.misleading,
)


def judge(database: Database, claims: tuple[str, ...] = ()) -> Judgement:
    """What is wrong with a database; `claims` are the alerts' own words, which never suffice alone."""
    view = View(database, claims)
    found = [verdict for verdict in (rule(view) for rule in _RULES) if verdict is not None]
    causes, symptoms = _sorted(found, view)
    guess = None if causes else compute.pressed(view)
    causes = causes if guess is None else (guess,)
    ruled_out = tuple(fact for check in _FINE for fact in check(view))
    covers = frozenset({database.service}) if view.measured else frozenset()
    return Judgement(database.service, database.instance, causes, symptoms, ruled_out, covers)


def _sorted(found: list[Verdict], view: View) -> tuple[tuple[Verdict, ...], tuple[Verdict, ...]]:
    """A verdict that a cause explains is a symptom of it; of two that explain each other the earlier rule is the cause."""
    causes: list[Verdict] = []
    symptoms: list[Verdict] = []
    for verdict in found:
        explained = any(verdict.name in cause.explains for cause in causes) and not _of_its_own(
            verdict, causes, view
        )
        if explained or verdict.sure <= 0:
            symptoms.append(verdict)
        else:
            taken = [
                cause for cause in causes if cause.name in verdict.explains and cause.sure < verdict.sure
            ]
            causes = [cause for cause in causes if cause not in taken]
            symptoms += taken
            causes.append(verdict)
    return tuple(sorted(causes, key=lambda one: -one.sure)), tuple(symptoms)


def _of_its_own(verdict: Verdict, causes: list[Verdict], view: View) -> bool:
    """CPU at its limit under a lagging replica is a fault of its own where a reading statement burns it."""
    reader = view.driving(writes=False)
    lagging = any(cause.name == "db.replica_lag" for cause in causes)
    leading = view.busiest
    return (
        verdict.name == "db.cpu_full"
        and lagging
        and reader is not None
        and leading is not None
        and not is_write(leading[0])
    )
