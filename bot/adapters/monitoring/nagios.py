"""Nagios and Icinga, by a notification command that calls curl with a body of ours."""

import msgspec

from bot.adapters.monitoring._frame import Arrival, Reader, Statement, alert, unknown
from bot.domain.alert import AlertSeverity
from bot.domain.delivery import Delivery
from bot.domain.source_facts import SourceFacts
from bot.ports import AlertParser

FACTS = SourceFacts(
    kind="nagios",
    title="Nagios and Icinga",
    about="A notification command for hosts and services; Checkmk has a page of its own.",
    proofs=("bearer", "basic", "header"),
    setup="""\
define command {{
  command_name  notify-watchkeeper
  command_line  /usr/bin/jq -n --arg type "$NOTIFICATIONTYPE$" --arg host "$HOSTNAME$" --arg service "$SERVICEDESC$" \\
    --arg state "$SERVICESTATE$" --arg host_state "$HOSTSTATE$" --arg output "$SERVICEOUTPUT$" \\
    --arg host_output "$HOSTOUTPUT$" --arg at "$TIMET$" --arg application "$_HOSTAPPLICATION$" '$ARGS.named' | \\
    /usr/bin/curl -sS --fail -m 10 -H 'Authorization: Bearer {token}' -H 'Content-Type: application/json' -d @- {url}
}}
Name it as service_notification_commands and host_notification_commands of a contact. In Icinga 2 the same command
is a NotificationCommand with $notification.type$, $host.name$, $service.name$, $service.state$, $host.state$,
$service.output$, $host.output$, $icinga.timet$ and $host.vars.application$. A custom notification is answered with a note.
""",
    mapping=(
        ("`host` and `service`", "fingerprint"),
        ("`service`, else Host STATE", "name"),
        ("`type` RECOVERY, or state OK or UP / PROBLEM, ACKNOWLEDGEMENT", "resolved / firing"),
        ("state CRITICAL, DOWN, UNREACHABLE / WARNING, UNKNOWN", "critical / warning"),
        ("`application`, else `host`", "service"),
        ("`output` of a service, `host_output` of a host; `at`", "summary; start"),
        ("`type` CUSTOM, FLAPPING..., DOWNTIME...", "a note"),
    ),
)
_STATES = {
    "critical": AlertSeverity.CRITICAL,
    "down": AlertSeverity.CRITICAL,
    "unreachable": AlertSeverity.CRITICAL,
}


class _Payload(msgspec.Struct):
    type: str
    host: str
    service: str = ""
    state: str = ""
    host_state: str = ""
    output: str = ""
    host_output: str = ""
    at: str = ""
    application: str = ""


def build() -> AlertParser:
    """The parser of this file."""
    return Reader(FACTS, _Payload, _read)


def _read(payload: _Payload, arrival: Arrival) -> Delivery:
    kind = payload.type.upper()
    if kind not in ("PROBLEM", "RECOVERY", "ACKNOWLEDGEMENT"):
        return Delivery(note=f"a notification of type {kind[:30]} opens nothing")
    check = _filled(payload.service)
    state = _filled(payload.state) if check else _filled(payload.host_state) or _filled(payload.state)
    said = _filled(payload.output) if check else _filled(payload.host_output) or _filled(payload.output)
    found = alert(
        arrival,
        Statement(
            identity={"host": payload.host, "service": check},
            name=check or f"Host {state}",
            firing=kind != "RECOVERY" and state.upper() not in ("OK", "UP"),
            severity=_STATES.get(state.lower(), AlertSeverity.WARNING),
            service=_filled(payload.application) or payload.host,
            summary=said,
            starts=payload.at,
            labels={"host": payload.host, "check": check, "state": state},
            kept=unknown(arrival.raw, _Payload),
        ),
    )
    return Delivery([found])


def _filled(macro: str) -> str:
    """A macro's value; Nagios leaves a dollar sign, or the macro itself, where there is none."""
    return "" if macro.startswith("$") else macro
