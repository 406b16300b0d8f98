"""The rules on managed databases: which fault, what it explains, and when nothing is wrong."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from bot.domain.alert import Alert, AlertSeverity, AlertStatus
from bot.domain.databases import Database, DatabaseEvent, DatabaseMetric, DatabaseSeries, Statement, Wait
from bot.domain.diagnosis.engine import diagnose
from bot.domain.diagnosis.managed.judge import judge
from bot.domain.evidence import CauseClass, Conclusion, EvidenceRole
from bot.domain.instance_class import size_of, usual_ceiling
from bot.domain.telemetry import Telemetry
from bot.domain.topology import Topology

START, STEP, COUNT = 1_800_000_000.0, 60.0, 20
GIB = 2**30
CALM = {
    DatabaseMetric.CPU: [20.0, 22.0] * 10,
    DatabaseMetric.CONNECTIONS: [100.0, 104.0] * 10,
    DatabaseMetric.FREE_STORAGE: [80.0 * GIB] * COUNT,
    DatabaseMetric.FREE_MEMORY: [20.0 * GIB] * COUNT,
    DatabaseMetric.WRITE_IOPS: [900.0, 950.0] * 10,
    DatabaseMetric.READ_IOPS: [1800.0, 1750.0] * 10,
    DatabaseMetric.LOG_RATE: [4e6, 4.1e6] * 10,
    DatabaseMetric.LOAD: [1.0, 1.1] * 10,
}
READS = Statement(
    "SELECT * FROM basket WHERE owner = $1", 6.0, (Wait("CPU", 5.0), Wait("IO:DataFileRead", 1.0)), 3.0
)
WRITES = Statement("UPDATE basket SET state = $1", 5.0, (Wait("IO:WALWrite", 4.0), Wait("CPU", 1.0)), 8.0)
HELD = (Wait("Client:ClientRead", 6.0), Wait("CPU", 1.0))


def ramp(first: float, last: float) -> list[float]:
    return [first + (last - first) * at / (COUNT - 1) for at in range(COUNT)]


def step(first: float, last: float, *, at: int = 6) -> list[float]:
    return [first] * at + [last] * (COUNT - at)


def hole(level: float, low: float, *, at: int = 8) -> list[float]:
    return [level] * at + [low] * 2 + [level] * (COUNT - at - 2)


def database(
    *,
    without: Sequence[DatabaseMetric] = (),
    events: Sequence[tuple[int, str]] = (),
    statements: Sequence[Statement] = (),
    waits: Sequence[Wait] = (),
    lag: Sequence[float] = (),
    **moved: Sequence[float],
) -> Database:
    """A calm database but for what is given; `moved` by the metric's name in lower case, events by minute."""
    series = {**CALM, **{DatabaseMetric[name.upper()]: list(values) for name, values in moved.items()}}
    times = tuple(START + STEP * at for at in range(COUNT))
    rows = [DatabaseSeries("main-db", m, times, tuple(v)) for m, v in series.items() if m not in without]
    if lag:
        rows.append(DatabaseSeries("main-db-copy", DatabaseMetric.REPLICA_LAG, times, tuple(lag)))
    return Database(
        service="main-db",
        instance="main-db",
        engine="postgres",
        instance_class="db.r6g.xlarge",
        storage_bytes=100.0 * GIB,
        replicas=("main-db-copy",),
        series=tuple(rows),
        events=tuple(DatabaseEvent("main-db", START + STEP * at, text) for at, text in events),
        statements=tuple(statements),
        waits=tuple(waits),
    )


FAULTS = [
    ("db.storage_full", CauseClass.CAPACITY, database(free_storage=ramp(9 * GIB, 0.2 * GIB))),
    (
        "db.storage_full",
        CauseClass.CAPACITY,
        database(free_storage=ramp(30 * GIB, 4 * GIB), statements=[WRITES]),
    ),
    (
        "db.storage_full",
        CauseClass.CAPACITY,
        database(
            without=[DatabaseMetric.FREE_STORAGE],
            events=[(9, "DB instance ran out of storage space")],
            write_iops=step(900, 3, at=10),
            write_latency=step(0.001, 12, at=10),
        ),
    ),
    (
        "db.connections_full",
        CauseClass.DATABASE_LOAD,
        database(connections=ramp(900, 3590), cpu=step(20, 60), waits=HELD),
    ),
    (
        "db.connections_full",
        CauseClass.DATABASE_LOAD,
        database(
            connections=ramp(100, 198),
            events=[(15, "FATAL: too many clients already: 198 connections of 200")],
        ),
    ),
    ("db.cpu_full", CauseClass.DATABASE_LOAD, database(cpu=step(20, 96), statements=[READS])),
    (
        "db.cpu_full",
        CauseClass.DATABASE_LOAD,
        database(without=[DatabaseMetric.CPU], load=step(1, 7), waits=[Wait("CPU", 6.0)], statements=[READS]),
    ),
    (
        "db.replica_lag",
        CauseClass.DATABASE_LOAD,
        database(
            lag=ramp(1, 900),
            log_rate=step(4e6, 2e8, at=1),
            write_iops=step(900, 9000, at=1),
            cpu=step(20, 60),
        ),
    ),
    ("db.replica_lag", CauseClass.CAPACITY, database(lag=ramp(1, 900))),
    (
        "db.replica_lag",
        CauseClass.DATABASE_LOAD,
        database(
            events=[(12, "Read replica lag exceeded 600 seconds")],
            log_rate=step(4e6, 2e8, at=1),
            statements=[WRITES],
        ),
    ),
    (
        "db.interrupted",
        CauseClass.INFRASTRUCTURE,
        database(
            connections=hole(100, 0),
            cpu=hole(20, 0.5),
            events=[(8, "Multi-AZ instance failover started"), (9, "Multi-AZ instance failover completed")],
        ),
    ),
    ("db.gap", CauseClass.INFRASTRUCTURE, database(connections=hole(100, 0))),
    (
        "db.memory",
        CauseClass.MEMORY,
        database(free_memory=ramp(8 * GIB, 0.3 * GIB), swap=ramp(0.05 * GIB, 2 * GIB)),
    ),
    (
        "db.locks",
        CauseClass.DATABASE_LOAD,
        database(load=step(1, 20), waits=[Wait("Lock:tuple", 18.0), Wait("CPU", 2.0)]),
    ),
    ("db.locks", CauseClass.DATABASE_LOAD, database(deadlocks=step(0.0, 0.4))),
    (
        "db.io_saturated",
        CauseClass.CAPACITY,
        database(queue_depth=step(0.2, 60), read_latency=step(0.001, 0.08)),
    ),
    ("db.pressed", CauseClass.DATABASE_LOAD, database(cpu=step(20, 76), load=step(1, 6), statements=[READS])),
    ("db.transaction_ids", CauseClass.CAPACITY, database(transaction_ids=ramp(1.4e9, 1.5e9))),
]

WELL = [
    ("calm", database()),
    ("sessions noisy and below the ceiling", database(connections=[2400.0, 3100.0] * 10, cpu=[50.0, 66.0] * 10)),
    ("a spike of CPU", database(cpu=step(20, 95, at=18))),
    ("CPU high and not at its limit", database(cpu=[70.0, 79.0] * 10)),
    ("storage was short and was raised", database(free_storage=[3.0 * GIB] * 8 + [60.0 * GIB] * 12, events=[(2, "storage is critically low"), (8, "storage has been increased")])),
    ("a replica that caught up", database(lag=[1.0] * 4 + [300.0] * 6 + [2.0] * 10)),
    ("a backup", database(events=[(3, "Automated backup finished for DB instance main-db.")])),
    ("a failover of yesterday", database(events=[(-1440, "Multi-AZ instance failover completed")])),
    ("a restart that nobody noticed", database(events=[(8, "DB instance restarted")])),
]  # fmt: skip


@pytest.mark.parametrize(("rule", "cause", "given"), FAULTS)
def test_each_fault_is_found_by_its_rule(rule: str, cause: CauseClass, given: Database) -> None:
    found = judge(given, ("ReplicaLag of main-db high",))
    assert [one.name for one in found.verdicts][:1] == [rule]
    assert found.verdicts[0].cause is cause
    assert found.verdicts[0].facts or rule == "db.connections_full"


@pytest.mark.parametrize(("what", "given"), WELL)
def test_what_is_no_fault_is_no_incident(what: str, given: Database) -> None:
    found = diagnose(Telemetry(opened_at=START, now=START, alerts=(alert(),), databases=(given,)))
    assert (what, found.conclusion) == (what, Conclusion.NO_INCIDENT)
    assert any(item.role is EvidenceRole.RULED_OUT for item in found.evidence)


def test_refusals_and_growth_count_where_the_ceiling_is_a_guess() -> None:
    refused = ("remaining connection slots are reserved for non-replication superuser connections",)
    grown = database(connections=ramp(312, 494))
    [unsure] = judge(grown, refused).verdicts
    assert (unsure.name, unsure.sure) == ("db.connections_full", 0.6)
    assert judge(database(connections=[312.0, 400.0] * 10), refused).verdicts == ()
    assert judge(grown, ("DatabaseConnections reached 98 % of max_connections",)).verdicts == ()


def test_cpu_that_leaked_sessions_burn_is_a_symptom_of_the_leak() -> None:
    found = judge(database(connections=ramp(900, 3590), cpu=step(30, 96), waits=HELD, statements=[READS]))
    assert [one.name for one in found.verdicts] == ["db.connections_full"]
    assert [one.name for one in found.symptoms] == ["db.cpu_full"]


def test_two_faults_that_do_not_explain_each_other_both_stand() -> None:
    found = judge(database(cpu=step(20, 97), statements=[READS], free_storage=ramp(9 * GIB, 0.2 * GIB)))
    assert {one.name for one in found.verdicts} == {"db.storage_full", "db.cpu_full"}


def test_cpu_of_a_reading_job_beside_a_lagging_replica_is_told_apart() -> None:
    given = database(
        lag=ramp(1, 900), log_rate=step(4e6, 2e8, at=1), cpu=step(20, 70), statements=[WRITES, replace(READS, load=2.0, waits=(Wait("CPU", 1.9),))]
    )  # fmt: skip
    found = diagnose(Telemetry(opened_at=START, now=START, alerts=(alert(),), databases=(given,)))
    assert any("causally independent" in sentence for sentence in found.hypotheses[0].because)


def test_metrics_of_another_instance_say_nothing_about_this_one() -> None:
    foreign = replace(
        database(cpu=step(20, 97), connections=ramp(900, 3599)), instance="other-db", service="other-db"
    )
    found = judge(foreign)
    assert (found.verdicts, found.covers) == ((), frozenset())


def test_a_verdict_goes_on_from_what_the_graph_found_and_names_its_rule() -> None:
    topology = Topology(calls={"shop": ("cart",), "cart": ("main-db",)}, kinds={"main-db": "database"})
    found = diagnose(
        Telemetry(
            opened_at=START,
            now=START + STEP * COUNT,
            alerts=(alert("shop"), alert("cart")),
            topology=topology,
            databases=(database(cpu=step(20, 96), statements=[READS]),),
        )
    )
    top = found.hypotheses[0]
    assert (found.conclusion, top.service, top.rules) == (
        Conclusion.CAUSE_FOUND,
        "main-db",
        ("db.cpu_full/1",),
    )
    assert top.path == ("main-db", "cart", "shop")
    assert set(top.evidence) <= {item.id for item in found.evidence}
    assert len({item.id for item in found.evidence}) == len(found.evidence)


def test_what_the_name_of_an_instance_class_says() -> None:
    large, small = size_of("db.r6g.2xlarge"), size_of("db.t3.medium")
    assert large is not None
    assert small is not None
    assert (large.cpus, large.memory_bytes, small.cpus, small.memory_bytes) == (8, 64 * GIB, 2, 4 * GIB)
    assert (usual_ceiling("postgres", "db.r6g.2xlarge"), usual_ceiling("postgres", "db.r6g.large")) == (
        5000,
        1802,
    )
    assert (size_of("serverless"), usual_ceiling("oracle", "db.r6g.large")) == (None, None)


def alert(service: str = "main-db") -> Alert:
    return Alert(
        fingerprint=f"f {service}",
        source="cloudwatch",
        name="DatabaseTrouble",
        status=AlertStatus.FIRING,
        severity=AlertSeverity.CRITICAL,
        service=service,
        summary="something about the database",
        starts_at=START,
        received_at=START,
    )
