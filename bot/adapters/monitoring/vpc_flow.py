"""Summaries of VPC flow logs: what a scheduled query found odd, as rows. Single flow records are no alerts."""

import msgspec

from bot.adapters.monitoring._aws_envelope import PROOFS, SETUP_QUEUE, SETUP_SNS, AwsReader
from bot.adapters.monitoring._frame import Arrival, Statement, When, alert, severity_of, typed, unknown
from bot.domain.alert import Alert
from bot.domain.delivery import Delivery
from bot.domain.source_facts import SourceFacts
from bot.domain.trust import Trust
from bot.ports import AlertParser

FACTS = SourceFacts(
    kind="vpc_flow",
    title="VPC flow-log summaries",
    about="Rows of a query that runs over flow logs (CloudWatch Logs Insights or Athena, on a schedule). Each row "
    "says what is odd about the traffic of one interface; single flow records are too many to be alerts.",
    proofs=PROOFS,
    trust=Trust.PUBLIC,
    batches=True,
    setup="""\
By HTTP (in the settings "proof": "header" and "token", no topics): let a scheduled Lambda run, for instance, in Logs Insights
  filter action = "REJECT" | stats count(*) as flows, sum(bytes) as bytes by interfaceId, dstAddr, dstPort
  | filter flows > 500
and post its rows, with a `finding` for each, to {url} with X-Watchkeeper-Token: {token}
  {{"window": {{"start": 1795330800, "end": 1795331100}}, "rows": [{{"finding": "rejected", "interface": "eni-1",
   "service": "checkout", "dstaddr": "203.0.113.9", "dstport": 4444, "flows": 812, "bytes": 64960}}]}}
"""
    + SETUP_SNS
    + SETUP_QUEUE,
    mapping=(
        ("`finding`, `interface`, `dstaddr`, `dstport`", "fingerprint"),
        ("`finding`", "name, with VPC flow before it"),
        ("`status` resolved / else", "resolved / firing"),
        ("`severity`; else warning", "severity"),
        ("`service`, else `instance`, else `interface`", "service"),
        ("`window.start`", "start; the time of arrival where it is missing"),
        ("counts, addresses, unknown fields", "labels, public text"),
    ),
)


class _Window(msgspec.Struct):
    start: When = None
    end: When = None


class _Row(msgspec.Struct):
    finding: str
    interface: str
    service: str = ""
    instance: str = ""
    srcaddr: str = ""
    dstaddr: str = ""
    dstport: int | str = ""
    protocol: int | str = ""
    flows: int = 0
    bytes: int = 0
    packets: int = 0
    severity: str = ""
    status: str = "firing"


class _Payload(msgspec.Struct):
    rows: list[_Row]
    window: _Window = msgspec.field(default_factory=_Window)


def build() -> AlertParser:
    """The parser of this file."""
    return AwsReader(FACTS, _read)


def _read(arrival: Arrival) -> Delivery:
    payload = typed(arrival.raw, _Payload, FACTS.title)
    pairs = zip(payload.rows, arrival.raw["rows"], strict=True)
    found = [_alert(row, unknown(raw, _Row), payload.window, arrival) for row, raw in pairs]
    return Delivery(found, note="" if found else "a summary without rows: nothing is odd")


def _alert(row: _Row, kept: dict[str, str], window: _Window, arrival: Arrival) -> Alert:
    towards = f"{row.dstaddr}:{row.dstport}" if row.dstaddr else "unknown addresses"
    return alert(
        arrival,
        Statement(
            identity={
                "finding": row.finding,
                "interface": row.interface,
                "to": row.dstaddr,
                "port": row.dstport,
            },
            name=f"VPC flow {row.finding}",
            firing=row.status != "resolved",
            severity=severity_of(row.severity),
            service=row.service or row.instance or row.interface,
            summary=f"{row.flows} flows, {row.bytes} bytes from {row.interface} to {towards}",
            starts=window.start,
            ends=window.end,
            labels={
                "interface": row.interface,
                "instance": row.instance,
                "srcaddr": row.srcaddr,
                "dstaddr": row.dstaddr,
                "dstport": row.dstport,
                "protocol": row.protocol,
                "flows": row.flows,
                "bytes": row.bytes,
                "packets": row.packets,
            },
            kept=kept,
        ),
    )
