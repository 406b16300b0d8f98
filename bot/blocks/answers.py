"""Private answers to commands: short readings of an incident that only the person who asked sees."""

from collections.abc import Mapping, Sequence

from bot.blocks import cause, options, reasons
from bot.blocks.card import lock_screen, state_words
from bot.blocks.ids import REVIEW, Reference, action_id
from bot.blocks.postmortem import inert_markdown
from bot.blocks.shape import Block, Rendered, actions, button, context, mrkdwn, rendered, section
from bot.blocks.text import channel_link, clip, clock_utc, mention, moment, safe, severity_word
from bot.domain.command import HELP_LINES, CommandVerb
from bot.domain.incident import Incident
from bot.domain.records import IncidentRow

_TIMELINE_LINES = 20


def said(text: str) -> Rendered:
    """One sentence of ours; everything foreign in it must be safe already."""
    return Rendered(text, ({"type": "section", "text": mrkdwn(text)},))


def help_text(word: str = "", nearest: CommandVerb | None = None) -> Rendered:
    """Every verb; after an unknown one, what was probably meant."""
    lines = [f"`/incident {verb}` — {what}" for verb, what in HELP_LINES]
    first = "*What Watchkeeper understands* (in threads: `@watchkeeper verb`)"
    if word:
        meant = f" Did you mean `{nearest.value}`?" if nearest else ""
        first = f"There is no verb `{safe(word, 40)}`.{meant}\n{first}"
    return _answer(first.splitlines()[0], [section("\n".join([first, *lines]))], None)


def open_incidents(rows: Sequence[IncidentRow], question: str = "") -> Rendered:
    """The list of open incidents, under a question where one has to be chosen."""
    if not rows:
        return said("No incident is open. `/incident new` opens one.")
    lines = [question or "*Open incidents*"]
    for row in rows[:15]:
        where = f" · {channel_link(row.channel)}" if row.channel else ""
        lines.append(f"{severity_word(row.severity)} *INC-{row.number}* {safe(row.title, 100)}{where}")
    return _answer(lines[0], [section("\n".join(lines))], None)


def status(incident: Incident) -> Rendered:
    """Where the incident stands, in three lines."""
    alerts = f"{incident.alerts_firing} of {incident.alerts_total} alerts firing"
    lines = [
        f"{severity_word(incident.severity)} *{incident.key}* {safe(incident.title, 120)}",
        f"{state_words(incident)} since {moment(incident.opened_ms)} · {alerts}",
        f"Cause: {cause.headline(incident)}",
    ]
    lines += [f"{option.letter}: {options.state_words(option)}" for option in options.current(incident)]
    return _answer(lock_screen(incident), [section("\n".join(lines))], incident)


def why(incident: Incident) -> Rendered:
    """The cause with class, impact, signals, path, what was ruled out and what decided."""
    return _answer(f"{incident.key}: {cause.headline(incident)}", reasons.blocks(incident), incident)


def timeline(incident: Incident) -> Rendered:
    """The newest lines of the log, oldest first."""
    shown = incident.timeline[-_TIMELINE_LINES:]
    left = len(incident.timeline) - len(shown)
    lines = [f"*Timeline of {incident.key}*" + (f" — {left} earlier lines are left out" if left else "")]
    for entry in shown:
        by = f" · {mention(entry.by)}" if entry.by else ""
        lines.append(f"`{clock_utc(entry.at_ms)}` [{entry.seq}] {safe(entry.text, 120)}{by}")
    return _answer(lines[0], [section("\n".join(lines))], incident)


def offered(incident: Incident, *, deciding: bool) -> Rendered:
    """What can be done; `deciding` says why words do not approve and gives the way to the button."""
    shown = options.current(incident)
    lines = [f"*Options of {incident.key}*"]
    lines += [
        f"*{safe(option.letter, 20)}* {options.title(option)} — {options.state_words(option)} · "
        f"{options.radius_words(option.plan)}"
        for option in shown
    ] or ["Nothing is offered."]
    lines += [f"Withheld: {safe(name, 60)} — {safe(reason, 200)}" for name, reason in incident.withheld[:3]]
    if deciding:
        lines.append("Words never approve: review the plan, its button does.")
    blocks = [section("\n".join(lines))]
    waiting = options.reviewable(incident)
    if waiting:
        blocks.append(
            actions(
                *(
                    button(
                        f"Review {option.letter}",
                        action_id(REVIEW, option.letter, option.plan_hash),
                        Reference(incident.id, option.plan_hash, incident.seq).value(),
                    )
                    for option in waiting[:5]
                )
            )
        )
    return _answer(lines[0], blocks, incident)


def draft(incident: Incident, markdown: str, names: Mapping[str, str]) -> Rendered:
    """The post-mortem draft, or that there is none yet; `names` are people by their user id."""
    if not markdown:
        return said(
            f"{incident.key} has no post-mortem draft yet; it is written when the incident is resolved."
        )
    block: Block = {
        "type": "markdown",
        "text": clip(inert_markdown(markdown, names=names), 11_500),
    }
    return _answer(f"{incident.key}: post-mortem draft", [block], incident)


def _answer(text: str, blocks: list[Block], incident: Incident | None) -> Rendered:
    if incident is None:
        return rendered(text, blocks, prefix="answer", revision=0)
    grey = context(f"log {incident.seq}·{incident.head[:8]} · only you see this")
    return rendered(text, [*blocks, grey], prefix=f"{incident.id}:answer", revision=incident.seq)
