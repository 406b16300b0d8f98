"""What the cluster shows, in a diagnosis: before shifted metrics where it is near, after them where it is not."""

from dataclasses import replace

from bot.domain.alert import Alert, AlertSeverity, AlertStatus
from bot.domain.diagnosis import tuning
from bot.domain.diagnosis.engine import diagnose
from bot.domain.evidence import CauseClass, Conclusion
from bot.domain.telemetry import Change, ChangeKind, LogLine, MetricSeries, Signal, Telemetry
from bot.domain.topology import Topology
from tests.unit.domain.cluster_scene import CALLS, scene
from tests.unit.domain.test_cluster_faults import Break, crash, pull, service

NOW = 1_767_225_660.0
OPENED = NOW - 300


def line(name: str, signal: Signal, before: float, after: float) -> MetricSeries:
    times = tuple(NOW - 2700 + 30 * step for step in range(91))
    return MetricSeries(name, signal, times, tuple(before if at < OPENED - 60 else after for at in times))


def told(*breaks: Break, cluster: bool = True) -> Telemetry:
    """Users of web get errors; a deploy of search looks guilty of something else."""
    alert = Alert(
        "a1", "test", "High error rate", AlertStatus.FIRING, AlertSeverity.CRITICAL, "web", "errors", OPENED, OPENED
    )  # fmt: skip
    return Telemetry(
        opened_at=OPENED,
        now=NOW,
        alerts=(alert,),
        series=(
            line("web", Signal.ERROR_RATIO, 0.001, 0.3),
            line("orders", Signal.ERROR_RATIO, 0.001, 0.002),
            line("search", Signal.LATENCY, 0.1, 0.11),
        ),
        topology=Topology(calls=CALLS, kinds={}, as_of=NOW),
        cluster=scene(*breaks).state() if cluster else None,
    )


def test_a_fault_of_what_the_alerting_service_calls_is_the_cause() -> None:
    without = diagnose(told(cluster=False))
    assert without.hypotheses[0].service == "web"
    found = diagnose(told(pull("not found")))
    top = found.hypotheses[0]
    assert (top.service, top.cause, found.conclusion) == ("orders", CauseClass.DEPLOY, Conclusion.CAUSE_FOUND)
    assert top.rules[0] == "image/pull/1"
    assert top.solid == top.confidence
    assert top.path == ("orders", "web")
    [fact] = [one for one in found.evidence if one.id == top.evidence[0]]
    assert fact.value["cause"] == "image_reference"
    assert "not found" in fact.quote
    assert fact.id in top.because[0]


def test_a_healthy_cluster_changes_nothing() -> None:
    with_state, without = diagnose(told()), diagnose(told(cluster=False))
    assert [one.service for one in with_state.hypotheses] == [one.service for one in without.hypotheses]
    assert with_state.conclusion == without.conclusion
    assert all(not one.rules for one in with_state.hypotheses)


def test_a_fault_that_nothing_unwell_depends_on_stays_behind() -> None:
    found = diagnose(told(service("billing", selector={"app": "nobody"})))
    assert found.hypotheses[0].service == "web"
    assert all(one.confidence < tuning.CAUSE_FOUND_AT for one in found.hypotheses if one.service == "billing")


def test_a_rollout_stays_a_rollout_when_its_pods_crash() -> None:
    change = Change("orders", ChangeKind.DEPLOY, OPENED - 120, "release 9", "revision 1", "revision 2")
    broken = told(crash("orders", reason="OOMKilled", exitCode=137))
    series = (*broken.series, line("orders", Signal.ERROR_RATIO, 0.001, 0.6))
    top = diagnose(replace(broken, changes=(change,), series=series[:1] + series[3:])).hypotheses[0]
    assert (top.service, top.cause) == ("orders", CauseClass.DEPLOY)
    assert "crash/memory/1" in top.rules


def test_words_of_a_workload_alone_are_no_solid_ground() -> None:
    said = tuple(
        LogLine("orders", OPENED + step, f"query {step} failed: Too many connections") for step in range(30)
    )
    found = diagnose(replace(told(), logs=said))
    [ledger] = [one for one in found.hypotheses if one.service == "ledger"]
    assert ledger.rules == ("database/refused/1",)
    assert ledger.confidence < tuning.CAUSE_FOUND_AT
    assert ledger.solid == 0.0
