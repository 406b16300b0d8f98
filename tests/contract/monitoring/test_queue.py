"""Alarms pulled from a queue of a real SQS server (moto): stored before deleted, once; a bad one stays for a while."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer

from bot.adapters.store.sql import SqlStore
from bot.settings import Settings, Source
from bot.wiring.parts import SystemClock
from bot.wiring.pulling import MOST_RECEIVES, Pulled, pulled
from tests.contract.monitoring.fixtures import fixture, parser
from tests.e2e.command import free_port

REGION = "eu-west-1"


@pytest.fixture
def server() -> Iterator[str]:
    port = free_port()
    running = ThreadedMotoServer(ip_address="127.0.0.1", port=port, verbose=False)
    running.start()
    yield f"http://127.0.0.1:{port}"
    running.stop()


def test_a_queue_is_drained_into_the_intake(server: str, store: SqlStore, tmp_path: Path) -> None:
    keys: dict[str, Any] = {"aws_access_key_id": "AKIDEXAMPLE", "aws_secret_access_key": "local"}
    (tmp_path / "keys").write_text(
        "[default]\n" + "\n".join(f"{key} = {value}" for key, value in keys.items())
    )
    sqs = boto3.client("sqs", region_name=REGION, endpoint_url=server, **keys)
    url = sqs.create_queue(QueueName="alarms", Attributes={"VisibilityTimeout": "0"})["QueueUrl"]
    settings = Settings(
        aws_region=REGION,
        aws_endpoint_url=server,
        aws_intake_credentials=tmp_path / "keys",
        sources={"alarms": Source(kind="cloudwatch", queue_url=url)},
    )
    told: list[int] = []
    (one,) = pulled(
        settings, {"cloudwatch": parser("cloudwatch")}, store, SystemClock(), lambda: told.append(1)
    )
    cases = fixture("cloudwatch")["cases"]
    for body in (json.dumps(cases["firing"]["body"]), "no JSON", json.dumps(cases["event-firing"]["body"])):
        sqs.send_message(QueueUrl=url, MessageBody=body)
    pull_all(one)
    assert [raw.kind for raw in store.read(lambda tx: tx.pending_raw(limit=9))] == ["cloudwatch"] * 2
    assert told
    left = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
    assert [message["Body"] for message in left] == ["no JSON"]
    sqs.send_message(QueueUrl=url, MessageBody=json.dumps(cases["event-firing"]["body"]))
    pull_all(one)
    assert len(store.read(lambda tx: tx.pending_raw(limit=9))) == 2, "an event that was taken before"
    for _ in range(MOST_RECEIVES):
        if one.pull():
            break
    kept = store.read(lambda tx: tx.pending_raw(limit=9))
    assert [raw.body for raw in kept][2:] == [b"no JSON"], "correlation sets it aside"
    assert not sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages")


def pull_all(one: Pulled) -> None:
    """As often as it may take to see every message."""
    for _ in range(3):
        one.pull()
