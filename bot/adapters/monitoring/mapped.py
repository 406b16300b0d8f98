"""Any JSON, by a mapping file of the operator: for programs whose calls cannot be changed."""

from collections.abc import Mapping
from typing import Any

from bot.adapters.monitoring._frame import Arrival, Statement, alert, flat, plain, severity_of, text
from bot.adapters.monitoring._limits import within_limits
from bot.adapters.monitoring._mapping import FieldMap, at, read_map
from bot.domain.alert import Alert
from bot.domain.delivery import Delivery
from bot.domain.errors import Permanent
from bot.domain.source_facts import SourceFacts
from bot.ports import AlertParser
from bot.settings import Source

FACTS = SourceFacts(
    kind="mapped",
    title="Any JSON, by a mapping file",
    about="For programs whose calls cannot be changed. A file says where in their JSON an alert's parts are.",
    proofs=("bearer", "basic", "header", "url"),
    batches=True,
    setup="""\
The file that "mapping" names in the settings, for instance
  each = "events"                  # the list of alerts; leave it out where a body is one alert
  identity = ["job.id"]            # what stays the same until it is resolved
  name = "job.title"
  service = "job.owner"
  summary = "message"
  starts_at = "when"
  link = "job.url"
  status = {{from = "state", resolved = ["done", "ok"], other = "firing"}}
  severity = {{from = "level", critical = ["fatal"], info = ["hint"], other = "warning"}}
  test = {{from = "state", test = ["selftest"]}}
  [labels]
  region = "job.region"
Send to {url} with Authorization: Bearer {token}. `watchkeeper ingest FILE --source NAME --dry-run` shows what the
file makes of a body.
""",
    mapping=(
        ("`identity`, several paths", "fingerprint; a body without any of them is refused"),
        ("`name`", "name; a body without it is refused"),
        ("`status`", "firing, where the word is in no list and `other` is not given"),
        (
            "`severity`",
            "the common words where the word is in no list and `other` is not given; else warning",
        ),
        ("`service`, `summary`, `link`", "the same; empty where nothing is there"),
        ("`starts_at`, `ends_at`", "times; the time of arrival where they cannot be read"),
        ("`test`", "a note, and no alert"),
        ("everything else", "labels"),
    ),
)


class Mapped:
    """Reads each source by its own file."""

    name = FACTS.kind
    facts = FACTS

    def __init__(self, maps: Mapping[str, FieldMap]) -> None:
        self._maps = maps

    def parse(self, body: bytes, *, source: str, received_at: float) -> Delivery:
        """What the source's file makes of the body; raises Permanent naming the path that leads nowhere."""
        rules = self._maps.get(source)
        if rules is None:
            message = f"the source {source!r} has no mapping file"
            raise Permanent(message)
        raw = plain(body, FACTS.title)
        arrival = Arrival(source, received_at, raw, FACTS.trust)
        found = at(raw, rules.each)
        items = found if rules.each and isinstance(found, list) else [raw]
        if rules.each and not isinstance(found, list):
            message = f"there is no list at `{rules.each}`"
            raise Permanent(message)
        real = [item for item in items if not (rules.test and rules.test.word(item) == "test")]
        alerts = within_limits([_alert(item, rules, arrival) for item in real], body)
        if alerts:
            return Delivery(alerts, once=text(at(raw, rules.once)) if rules.once else "")
        return Delivery(note="a test; it opens nothing" if items else "a call with no alert in it")


def build() -> AlertParser:
    """The parser without any file; every source is refused."""
    return Mapped({})


def build_for(sources: Mapping[str, Source]) -> AlertParser:
    """The parser with the files of its sources; raises Permanent where one is wrong."""
    return Mapped({name: read_map(name, source.mapping) for name, source in sources.items()})


def _alert(item: Any, rules: FieldMap, arrival: Arrival) -> Alert:
    identity = {path: text(at(item, path)) for path in rules.identity}
    name = text(at(item, rules.name))
    if not any(identity.values()) or not name:
        missing = rules.name if any(identity.values()) else ", ".join(rules.identity)
        message = f"an alert has nothing at `{missing}`"
        raise Permanent(message)
    word = rules.severity.word(item) if rules.severity else ""
    unnamed = text(at(item, rules.severity.path)) if rules.severity else ""
    return alert(
        arrival,
        Statement(
            identity=identity,
            name=name,
            firing=not rules.status or rules.status.word(item) != "resolved",
            severity=severity_of(word or unnamed),
            service=_text(item, rules.service),
            summary=_text(item, rules.summary),
            starts=_text(item, rules.starts_at),
            ends=_text(item, rules.ends_at),
            labels={label: at(item, path) for label, path in rules.labels.items()},
            kept=flat(item),
            link=_text(item, rules.link),
        ),
    )


def _text(item: Any, path: str) -> str:
    return text(at(item, path)) if path else ""
