"""Splunk's webhook alert action: the first result of a saved search in each call. It tells no end by itself."""

from typing import Any

import msgspec

from bot.adapters.monitoring._frame import Arrival, Reader, Statement, alert, flat, severity_of, text, unknown
from bot.domain.delivery import Delivery
from bot.domain.source_facts import SourceFacts
from bot.domain.trust import Trust
from bot.ports import AlertParser

FACTS = SourceFacts(
    kind="splunk",
    title="Splunk",
    about="The webhook action of a saved search. It can send no header, so the token stands in the address. Splunk "
    "tells no end: let a second search give `status=resolved`, or resolve the incident by hand.",
    proofs=("url",),
    trust=Trust.PUBLIC,
    setup="""\
Search > Save as > Alert > Trigger actions > Webhook:
  URL   {url}?token={token}
Let the search give the fields service, severity and host, one result each: "Trigger: For each result".
Splunk has no test of a webhook; a search `| makeresults | eval service="checkout"` is one.
""",
    mapping=(
        ("`search_name`, with `service` and `host` of the result", "fingerprint"),
        ("`search_name`", "name"),
        ("result's `status` resolved, ok, closed / else", "resolved / firing"),
        ("result's `severity`; else warning", "severity"),
        ("result's `service`, else `app`, else `host`", "service"),
        ("result's `message`, else `_raw`; `_time`; `results_link`", "summary; start; link"),
        ("all words", "public text, since searches show what was logged"),
    ),
)


class _Payload(msgspec.Struct):
    search_name: str
    result: dict[str, Any]
    results_link: str = ""
    sid: str = ""


def build() -> AlertParser:
    """The parser of this file."""
    return Reader(FACTS, _Payload, _read)


def _read(payload: _Payload, arrival: Arrival) -> Delivery:
    if not payload.search_name:
        return Delivery(note="a search without a name is no saved alert; it opens nothing")
    given = {
        name: text(value) for name, value in payload.result.items() if not isinstance(value, dict | list)
    }
    service = given.get("service") or given.get("app") or given.get("host", "")
    found = alert(
        arrival,
        Statement(
            identity={"search": payload.search_name, "service": service, "host": given.get("host", "")},
            name=payload.search_name,
            firing=given.get("status", "").lower() not in ("resolved", "ok", "closed"),
            severity=severity_of(given.get("severity")),
            service=service,
            summary=given.get("message") or given.get("_raw", ""),
            starts=given.get("_time"),
            labels={"host": given.get("host"), "sid": payload.sid},
            kept={**flat(payload.result), **unknown(arrival.raw, _Payload)},
            link=payload.results_link,
        ),
    )
    return Delivery([found])
