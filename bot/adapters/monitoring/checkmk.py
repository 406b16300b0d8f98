"""Checkmk, by a notification script that sends its NOTIFY_ variables as they are."""

import msgspec

from bot.adapters.monitoring._frame import Arrival, Reader, Statement, alert, unknown
from bot.domain.alert import AlertSeverity
from bot.domain.delivery import Delivery
from bot.domain.source_facts import SourceFacts
from bot.ports import AlertParser

FACTS = SourceFacts(
    kind="checkmk",
    title="Checkmk",
    about="A notification script of the site: every variable of the notification, without the prefix NOTIFY_.",
    proofs=("bearer", "basic", "header"),
    setup="""\
As the site's user, ~/local/share/check_mk/notifications/watchkeeper (chmod +x):
  #!/usr/bin/env python3
  # Watchkeeper
  import json, os, urllib.request
  said = {{key[7:]: value for key, value in os.environ.items()
          if key.startswith("NOTIFY_") and not key.startswith("NOTIFY_PARAMETER")}}
  call = urllib.request.Request("{url}", json.dumps(said).encode(), {{
      "Authorization": "Bearer " + os.environ["NOTIFY_PARAMETER_1"], "Content-Type": "application/json"}})
  print(urllib.request.urlopen(call, timeout=10).read().decode())
Setup > Events > Notifications > Add rule: method Watchkeeper, parameter {token}
"Test notifications" is of type CUSTOM and answered with a note.
""",
    mapping=(
        ("`OMD_SITE`, `HOSTNAME` and `SERVICEDESC`", "fingerprint"),
        ("`SERVICEDESC`, else Host STATE", "name"),
        ("`NOTIFICATIONTYPE` RECOVERY / PROBLEM, ACKNOWLEDGEMENT", "resolved / firing"),
        ("state CRITICAL, DOWN, UNREACHABLE / else", "critical / warning"),
        ("`SERVICELABEL_service`, else `HOSTLABEL_service`, else `HOSTNAME`", "service"),
        ("`SERVICEOUTPUT`, else `HOSTOUTPUT`; `MICROTIME`", "summary; start"),
        ("any other type", "a note"),
    ),
)
_CRITICAL = frozenset({"CRITICAL", "CRIT", "DOWN", "UNREACHABLE"})


class _Payload(msgspec.Struct):
    NOTIFICATIONTYPE: str
    HOSTNAME: str
    SERVICEDESC: str = ""
    SERVICESTATE: str = ""
    HOSTSTATE: str = ""
    SERVICEOUTPUT: str = ""
    HOSTOUTPUT: str = ""
    OMD_SITE: str = ""
    MICROTIME: str = ""
    SERVICELABEL_service: str = ""
    HOSTLABEL_service: str = ""


def build() -> AlertParser:
    """The parser of this file."""
    return Reader(FACTS, _Payload, _read)


def _kept(arrival: Arrival) -> dict[str, str]:
    """Every other variable, but for the script's parameters: one of them is the token."""
    known = unknown(arrival.raw, _Payload)
    return {name: value for name, value in known.items() if not name.startswith("PARAMETER")}


def _read(payload: _Payload, arrival: Arrival) -> Delivery:
    kind = payload.NOTIFICATIONTYPE.split(" ")[0]
    if kind not in ("PROBLEM", "RECOVERY", "ACKNOWLEDGEMENT"):
        return Delivery(note=f"a notification of type {kind[:30]} opens nothing")
    state = payload.SERVICESTATE if payload.SERVICEDESC else payload.HOSTSTATE
    found = alert(
        arrival,
        Statement(
            identity={"site": payload.OMD_SITE, "host": payload.HOSTNAME, "service": payload.SERVICEDESC},
            name=payload.SERVICEDESC or f"Host {state}",
            firing=kind != "RECOVERY",
            severity=AlertSeverity.CRITICAL if state.upper() in _CRITICAL else AlertSeverity.WARNING,
            service=payload.SERVICELABEL_service or payload.HOSTLABEL_service or payload.HOSTNAME,
            summary=payload.SERVICEOUTPUT or payload.HOSTOUTPUT,
            starts=payload.MICROTIME,
            labels={"host": payload.HOSTNAME, "check": payload.SERVICEDESC, "state": state},
            kept=_kept(arrival),
        ),
    )
    return Delivery([found])
