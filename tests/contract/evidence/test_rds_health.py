"""The reader of managed databases on the test server, and Performance Insights' answers as its model describes them."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from bot.adapters.evidence import rds_health
from bot.adapters.evidence._performance_insights import sessions_of
from bot.adapters.evidence.rds_health import RdsHealth
from bot.domain.databases import DatabaseMetric, Wait
from bot.settings import Settings
from tests.contract.executors.bench import REGION, moto, write_credentials

END = 1_790_000_000.0 - 1_790_000_000.0 % 60
START = END - 1200


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with moto() as running:
        rds = client("rds", running)
        for name, service in (("orders-db", "orders"), ("other-db", "other")):
            rds.create_db_instance(
                DBInstanceIdentifier=name,
                DBInstanceClass="db.r6g.xlarge",
                Engine="postgres",
                AllocatedStorage=50,
                MasterUsername="owner",
                MasterUserPassword="a-long-password",
                Tags=[{"Key": "service", "Value": service}],
            )
        rds.create_db_instance_read_replica(
            DBInstanceIdentifier="orders-db-copy",
            SourceDBInstanceIdentifier="orders-db",
            Tags=[{"Key": "service", "Value": "orders"}],
        )
        put = client("cloudwatch", running).put_metric_data
        for at in range(20):
            put(Namespace="AWS/RDS", MetricData=[
                point("CPUUtilization", "orders-db", at, 20.0 + at),
                point("ReplicaLag", "orders-db-copy", at, float(at)),
                point("ReplicaLag", "other-db", at, -1.0),
                point("CPUUtilization", "other-db", at, 99.0),
            ])  # fmt: skip
        yield running


def client(service: Any, url: str) -> Any:
    return boto3.client(
        service, region_name=REGION, endpoint_url=url, aws_access_key_id="x", aws_secret_access_key="y"
    )


def point(metric: str, instance: str, at: int, value: float) -> dict[str, Any]:
    return {
        "MetricName": metric,
        "Dimensions": [{"Name": "DBInstanceIdentifier", "Value": instance}],
        "Timestamp": datetime.fromtimestamp(START + 60 * at, UTC),
        "Value": value,
    }


@pytest.fixture(scope="module")
def reader(url: str, tmp_path_factory: pytest.TempPathFactory) -> RdsHealth:
    return rds_health.build(settings(url, tmp_path_factory.mktemp("keys")))


def settings(url: str, folder: Path) -> Settings:
    credentials = write_credentials(folder / "reader")
    return Settings(aws_region=REGION, aws_endpoint_url=url, aws_reader_credentials=credentials)


def test_metrics_of_the_services_primary_and_of_its_replica(reader: RdsHealth) -> None:
    read = reader.collect(["orders", "nobody"], start=START, end=END)
    [database] = read.databases
    assert (database.service, database.instance, database.replicas, database.engine) == (
        "orders", "orders-db", ("orders-db-copy",), "postgres",
    )  # fmt: skip
    assert (database.storage_bytes, database.instance_class) == (50 * 2**30, "db.r6g.xlarge")
    by_metric = {(one.instance, one.metric): one for one in database.series}
    cpu = by_metric["orders-db", DatabaseMetric.CPU]
    assert (cpu.times[0], cpu.values[0], len(cpu.values)) == (START, 20.0, 20)
    assert by_metric["orders-db-copy", DatabaseMetric.REPLICA_LAG].values[-1] == 19.0
    assert {name for name, _metric in by_metric} == {"orders-db", "orders-db-copy"}


def test_a_database_of_nobody_asked_for_is_not_read(reader: RdsHealth) -> None:
    assert reader.collect(["nobody"], start=START, end=END).databases == ()
    [other] = reader.collect(["other"], start=START, end=END).databases
    assert [one.metric for one in other.series] == [DatabaseMetric.CPU]


def test_trouble_is_missing_with_its_reason(tmp_path: Path) -> None:
    gone = rds_health.build(settings("http://127.0.0.1:9", tmp_path))
    [gap] = gone.collect(["orders"], start=START, end=END).missing
    assert gap.source == "rds"
    assert "AWS cannot be read" in gap.reason


def test_what_cannot_be_read_of_one_database_leaves_the_rest_of_it(tmp_path: Path) -> None:
    """Events are recorded answers here, metrics are refused: the database stays, with the gap said."""
    rds, cloudwatch, insights = (client(name, "http://127.0.0.1:9") for name in ("rds", "cloudwatch", "pi"))
    with Stubber(rds) as stubbed, Stubber(cloudwatch) as refusing:
        instance = {
            "DBInstanceIdentifier": "orders-db",
            "DBInstanceClass": "db.r6g.large",
            "Engine": "postgres",
            "TagList": [{"Key": "service", "Value": "orders"}],
        }
        stubbed.add_response("describe_db_instances", {"DBInstances": [instance]})
        refusing.add_client_error("get_metric_data", "AccessDenied", http_status_code=403)
        read = RdsHealth(rds, cloudwatch, insights).collect(["orders"], start=START, end=END)
    assert [one.instance for one in read.databases] == ["orders-db"]
    assert "AccessDenied" in read.missing[0].reason


def test_events_are_read_with_their_categories(tmp_path: Path) -> None:
    rds, cloudwatch = client("rds", "http://127.0.0.1:9"), client("cloudwatch", "http://127.0.0.1:9")
    with Stubber(rds) as stubbed, Stubber(cloudwatch) as silent:
        instance = {"DBInstanceIdentifier": "orders-db", "TagList": [{"Key": "service", "Value": "orders"}]}
        stubbed.add_response("describe_db_instances", {"DBInstances": [instance]})
        silent.add_response("get_metric_data", {"MetricDataResults": []})
        event = {
            "SourceIdentifier": "orders-db",
            "Message": "Multi-AZ instance failover completed",
            "Date": datetime.fromtimestamp(END - 60, UTC),
            "EventCategories": ["failover"],
        }
        stubbed.add_response("describe_events", {"Events": [event]})
        [database] = RdsHealth(rds, cloudwatch, None).collect(["orders"], start=START, end=END).databases
    [found] = database.events
    assert (found.instance, found.at, found.categories) == ("orders-db", END - 60, ("failover",))


def test_the_ceiling_is_the_one_that_people_set() -> None:
    rds, cloudwatch = client("rds", "http://127.0.0.1:9"), client("cloudwatch", "http://127.0.0.1:9")
    with Stubber(rds) as stubbed, Stubber(cloudwatch) as silent:
        instance = {
            "DBInstanceIdentifier": "orders-db",
            "TagList": [{"Key": "service", "Value": "orders"}],
            "DBParameterGroups": [{"DBParameterGroupName": "ours"}],
        }
        stubbed.add_response("describe_db_instances", {"DBInstances": [instance]})
        own = [{"ParameterName": "max_connections", "ParameterValue": "500"}]
        stubbed.add_response(
            "describe_db_parameters", {"Parameters": own}, {"DBParameterGroupName": "ours", "Source": "user"}
        )
        silent.add_response("get_metric_data", {"MetricDataResults": []})
        stubbed.add_response("describe_events", {"Events": []})
        [database] = RdsHealth(rds, cloudwatch, None).collect(["orders"], start=START, end=END).databases
    assert database.max_connections == 500


def test_sessions_are_statements_with_their_waits() -> None:
    insights = client("pi", "http://127.0.0.1:9")
    at = datetime.fromtimestamp(START, UTC)
    with Stubber(insights) as stubbed:
        load = {"Key": {"Metric": "db.load.avg"}, "DataPoints": [{"Timestamp": at, "Value": 3.5}]}
        stubbed.add_response("get_resource_metrics", {"MetricList": [load]})
        io = {"db.wait_event.name": "DataFileRead", "db.wait_event.type": "IO"}
        cpu = {"db.wait_event.name": "CPU", "db.wait_event.type": "CPU"}
        stubbed.add_response(
            "describe_dimension_keys",
            {"Keys": [{"Dimensions": io, "Total": 2.5}, {"Dimensions": cpu, "Total": 1.0}]},
        )
        sql = {"db.sql_tokenized.statement": "SELECT * FROM orders WHERE state = ?"}
        stubbed.add_response(
            "describe_dimension_keys",
            {
                "PartitionKeys": [{"Dimensions": io}, {"Dimensions": cpu}],
                "Keys": [{"Dimensions": sql, "Total": 3.0, "Partitions": [2.5, 0.5]}],
            },
        )
        found = sessions_of(insights, "db-ABC", "orders-db", start=START, end=END)
    assert found.waits == (Wait("IO:DataFileRead", 2.5), Wait("CPU", 1.0))
    [statement] = found.statements
    assert (statement.load, statement.waits) == (3.0, (Wait("IO:DataFileRead", 2.5), Wait("CPU", 0.5)))
    assert (found.series[0].metric, found.series[0].values) == (DatabaseMetric.LOAD, (3.5,))
