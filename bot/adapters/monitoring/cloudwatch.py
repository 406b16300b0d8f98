"""Amazon CloudWatch alarms, as SNS carries them, as EventBridge tells them, or pulled from an SQS queue."""

from collections.abc import Mapping, Sequence
from urllib.parse import quote

import msgspec

from bot.adapters.monitoring._aws_envelope import PROOFS, SETUP_EVENTS, SETUP_QUEUE, SETUP_SNS, AwsReader
from bot.adapters.monitoring._frame import Arrival, Statement, When, alert, severity_of, text, typed, unknown
from bot.domain.delivery import Delivery
from bot.domain.source_facts import SourceFacts
from bot.ports import AlertParser

FACTS = SourceFacts(
    kind="cloudwatch",
    title="Amazon CloudWatch",
    about="Metric and composite alarms: through SNS with verified signatures, through EventBridge, or from SQS.",
    proofs=PROOFS,
    setup=SETUP_SNS
    + SETUP_EVENTS
    + """\
  Rule           {{"source": ["aws.cloudwatch"], "detail-type": ["CloudWatch Alarm State Change"]}}
"""
    + SETUP_QUEUE,
    mapping=(
        ("account, region and alarm's name", "fingerprint"),
        ("`AlarmName`, `detail.alarmName`", "name"),
        ("new state ALARM / OK / INSUFFICIENT_DATA", "firing / resolved / a note, nothing is opened"),
        (
            "dimension `ServiceName`, `FunctionName`, `DBInstanceIdentifier`, `LoadBalancer` and the like",
            "service",
        ),
        ("`severity=` or `severity:` in the description; else warning", "severity"),
        ("description, else the reason of the state", "summary"),
        ("dimensions, namespace, metric, region, account, unknown fields", "labels"),
        ("SNS `MessageId`", "taken once, within the hour"),
    ),
)
_DIMENSIONS = (
    "ServiceName",
    "service",
    "Service",
    "FunctionName",
    "DBInstanceIdentifier",
    "DBClusterIdentifier",
    "LoadBalancer",
    "TargetGroup",
    "QueueName",
    "TableName",
    "CacheClusterId",
    "AutoScalingGroupName",
    "ClusterName",
    "InstanceId",
    "ApiName",
)


class _Dimension(msgspec.Struct):
    name: str
    value: str


class _Trigger(msgspec.Struct):
    MetricName: str = ""
    Namespace: str = ""
    Dimensions: list[_Dimension] = msgspec.field(default_factory=list)


class _Alarm(msgspec.Struct):
    """What an alarm's SNS action sends."""

    AlarmName: str
    NewStateValue: str
    NewStateReason: str = ""
    AlarmDescription: str | None = None
    AWSAccountId: str = ""
    Region: str = ""
    StateChangeTime: When = None
    AlarmArn: str = ""
    Trigger: _Trigger = msgspec.field(default_factory=_Trigger)


class _Stat(msgspec.Struct):
    name: str = ""
    namespace: str = ""
    dimensions: dict[str, str] = msgspec.field(default_factory=dict)


class _MetricStat(msgspec.Struct):
    metric: _Stat = msgspec.field(default_factory=_Stat)


class _Metric(msgspec.Struct):
    metricStat: _MetricStat | None = None  # noqa: N815 - the sender's spelling


class _Configuration(msgspec.Struct):
    description: str | None = None
    metrics: list[_Metric] = msgspec.field(default_factory=list)


class _State(msgspec.Struct):
    value: str
    reason: str = ""
    timestamp: When = None


class _Detail(msgspec.Struct):
    alarmName: str  # noqa: N815 - the sender's spelling
    state: _State
    configuration: _Configuration = msgspec.field(default_factory=_Configuration)


class _Event(msgspec.Struct, rename={"detail_type": "detail-type"}):
    """What EventBridge tells of an alarm."""

    id: str
    detail_type: str
    detail: _Detail
    account: str = ""
    region: str = ""
    time: When = None
    resources: list[str] = msgspec.field(default_factory=list)


def build() -> AlertParser:
    """The parser of this file."""
    return AwsReader(FACTS, _read)


def _read(arrival: Arrival) -> Delivery:
    if "detail-type" in arrival.raw:
        if arrival.raw["detail-type"] != "CloudWatch Alarm State Change":
            return Delivery(note="an EventBridge event that is no alarm's state change")
        event = typed(arrival.raw, _Event, FACTS.title)
        return _delivery(arrival, _of_event(event), unknown(arrival.raw, _Event), once=event.id)
    if "AlarmName" not in arrival.raw and "AlarmArn" not in arrival.raw:
        return Delivery(note="a message that is no CloudWatch alarm")
    alarm = typed(arrival.raw, _Alarm, FACTS.title)
    return _delivery(arrival, alarm, unknown(arrival.raw, _Alarm))


def _of_event(event: _Event) -> _Alarm:
    stats = [one.metricStat.metric for one in event.detail.configuration.metrics if one.metricStat]
    first = stats[0] if stats else _Stat()
    dimensions = [_Dimension(name, value) for name, value in first.dimensions.items()]
    return _Alarm(
        AlarmName=event.detail.alarmName,
        NewStateValue=event.detail.state.value,
        NewStateReason=event.detail.state.reason,
        AlarmDescription=event.detail.configuration.description,
        AWSAccountId=event.account,
        Region=event.region,
        StateChangeTime=event.detail.state.timestamp or event.time,
        AlarmArn=event.resources[0] if event.resources else "",
        Trigger=_Trigger(first.name, first.namespace, dimensions),
    )


def _delivery(arrival: Arrival, alarm: _Alarm, kept: Mapping[str, str], once: str = "") -> Delivery:
    if alarm.NewStateValue not in ("ALARM", "OK"):
        return Delivery(
            note=f"the alarm's state is {alarm.NewStateValue[:30]}, which opens nothing", once=once
        )
    dimensions = {one.name: one.value for one in alarm.Trigger.Dimensions}
    region = _code(alarm)
    description = alarm.AlarmDescription or ""
    found = alert(
        arrival,
        Statement(
            identity={"account": alarm.AWSAccountId, "region": region, "alarm": alarm.AlarmName},
            name=alarm.AlarmName,
            firing=alarm.NewStateValue == "ALARM",
            severity=severity_of(_word_after(description, ("severity=", "severity:"))),
            service=_service(dimensions),
            summary=description or alarm.NewStateReason,
            starts=alarm.StateChangeTime,
            ends=alarm.StateChangeTime,
            labels={
                **dimensions,
                "region": region,
                "account": alarm.AWSAccountId,
                "metric": alarm.Trigger.MetricName,
                "metric_namespace": alarm.Trigger.Namespace,
                "state_reason": alarm.NewStateReason[:1000],
            },
            kept=kept,
            link=_link(region, alarm.AlarmName),
        ),
    )
    return Delivery([found], once=once)


def _code(alarm: _Alarm) -> str:
    """The region as AWS names it in addresses; SNS tells its display name, the alarm's ARN its code."""
    parts = alarm.AlarmArn.split(":")
    return parts[3] if len(parts) > 5 and parts[3] else alarm.Region


def _service(dimensions: Mapping[str, str]) -> str:
    named = next((dimensions[name] for name in _DIMENSIONS if dimensions.get(name)), "")
    parts = named.split("/")
    return parts[1] if len(parts) == 3 and parts[0] in ("app", "net", "gwy") else named


def _word_after(description: str, marks: Sequence[str]) -> str:
    lowered = description.lower()
    for mark in marks:
        _, found, rest = lowered.partition(mark)
        words = rest.replace(",", " ").replace(";", " ").split(maxsplit=1)
        if found and words:
            return text(words[0])
    return ""


def _link(region: str, name: str) -> str:
    plain_region = region.replace("-", "").isalnum() and " " not in region
    path = f"console.aws.amazon.com/cloudwatch/home?region={region}#alarmsV2:alarm/{quote(name, safe='')}"
    return f"https://{region}.{path}" if region and plain_region else ""
