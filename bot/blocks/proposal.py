"""The proposal: one message that carries its plans from offer to approval, run, verification and undo.

Command, undo, checks, blast radius and expiry are read from the canonical content whose hash is approved.
"""

from bot.blocks import options
from bot.blocks.ids import APPROVE, REJECT, REVIEW, STOP, UNDO, Reference, action_id
from bot.blocks.orders import revoke_button
from bot.blocks.runs import run_tasks
from bot.blocks.shape import (
    Block,
    Place,
    Rendered,
    actions,
    button,
    confirmation,
    container,
    context,
    fields,
    plan,
    preformatted,
    rendered,
    section,
)
from bot.blocks.text import code, day_and_time, line, mention, moment, safe, severity_word
from bot.domain.incident import Incident, OptionView
from bot.domain.plan import PlanState

_MOST_ASKED = 260


def render(incident: Incident, place: Place) -> Rendered:
    """Every plan worth showing, each in the form that its state asks for."""
    shown = options.current(incident)
    blocks: list[Block] = [section(_intro(incident, shown))]
    for at, option in enumerate(shown):
        blocks += _option(incident, option, collapsed=at > 0)
    text = f"{severity_word(incident.severity)} {incident.key}: {_news(incident, shown)}"
    return rendered(text, blocks, prefix=f"{incident.id}:proposal", revision=incident.seq)


def _news(incident: Incident, shown: list[OptionView]) -> str:
    active = [option for option in shown if option.state in options.ACTIVE]
    waiting = options.decidable(incident)
    if active:
        return f"running {options.title(active[-1])}"
    if waiting and not incident.observe_only:
        need = "options need" if len(waiting) > 1 else "option needs"
        return f"{len(waiting)} {need} a decision: {options.title(waiting[0])}"
    if waiting:
        return f"would propose {options.title(waiting[0])}"
    decided = [option for option in shown if option.state is not PlanState.PROPOSED]
    if decided:
        return f"{options.title(decided[-1])} — {options.state_words(decided[-1])}"
    return "closed without a decision" if shown else "no option is open"


def _intro(incident: Incident, shown: list[OptionView]) -> str:
    if not shown:
        return "No option is open."
    if any(option.order and option.state in options.ACTIVE for option in shown):
        return "🤖 *A standing order runs this.* Nobody clicked; two of you signed it in advance. Stop ends it before its next step."
    if any(option.state in options.ACTIVE for option in shown):
        return "🛠️ *A plan is running.* Stop ends it before its next step; nothing is undone without asking."
    if options.decidable(incident):
        if incident.observe_only:
            return "👁️ *Observe only.* Watchkeeper would propose this; run the command yourself if you agree."
        return "🔐 *A human must decide.* Nothing runs before one of you approves exactly what stands here."
    return "🗒️ *Decided.*" if incident.state.open else "🗒️ *The incident is closed.*"


def _option(incident: Incident, option: OptionView, *, collapsed: bool) -> list[Block]:
    if option.state is PlanState.PROPOSED and not incident.state.open:
        words = f"*Option {safe(option.letter, 20)} · {options.title(option)}*\n⌛ not decided; the incident is closed"
        return [section(words), context(_identity(option))]
    if option.state is PlanState.PROPOSED:
        return [_offer(incident, option, collapsed=collapsed)]
    name = f"Option {safe(option.letter, 20)} · {options.title(option)}"
    if option.state in (PlanState.REJECTED, PlanState.EXPIRED, PlanState.REFUSED):
        note = f"\n{safe(option.note, 300)}" if option.note else ""
        return [section(f"*{name}*\n{options.state_words(option)}{note}"), context(_identity(option))]
    heading = "" if options.is_undo(option) else f"Option {option.letter} · "
    blocks = [plan(f"{heading}{line(str(option.plan['title']), 150)}", run_tasks(option))]
    pending = options.agreed_words(option, "undo") if option.state in options.ENDED else ""
    blocks.append(section("\n".join([_outcome(option), *([pending] if pending else [])])))
    buttons = _run_buttons(incident, option)
    if buttons:
        blocks.append(actions(*buttons))
    return [*blocks, context(_approval(option))]


def _offer(incident: Incident, option: OptionView, *, collapsed: bool) -> Block:
    brief = options.short(option.plan)
    children = [
        *([] if options.fits(option) or not brief else [section(f"*{options.whole_title(option)}*")]),
        preformatted(options.commands(option.plan)) if brief else section(_steps(option)),
        fields(
            [
                ("Blast radius", safe(options.radius_words(option.plan), 200)),
                ("Expires", day_and_time(int(option.plan["expires_ms"]))),
            ]
        ),
        section(f"*Must hold afterwards*\n{options.checks_words(option.plan)}"),
        *(_undo(option) if brief else []),
        context(_identity(option)),
    ]
    if not options.showable(option):
        children.append(section("⛔ *This cannot be approved:* its commands cannot be shown exactly."))
    elif not incident.observe_only:
        pending = options.agreed_words(option)
        children += [section(pending)] if pending else []
        children.append(actions(*_decision_buttons(incident, option)))
    if not brief:
        exact = [
            context("exactly these commands, in this order"),
            preformatted(options.commands(option.plan)),
        ]
        children += [*exact, *_undo(option)]
    facts = options.facts_words(option)
    title = f"Option {option.letter} · {option.plan['title']}"
    return container(title, children, subtitle=facts, collapsed=collapsed)


def _steps(option: OptionView) -> str:
    """What happens, one line a step, where the exact commands would push everything else off the screen."""
    steps = [
        f"{at}. {safe(options.step_words(step), 200)}" for at, step in enumerate(option.plan["steps"], 1)
    ]
    return "\n".join(
        [*([] if options.fits(option) else [f"*{options.whole_title(option)}*"]), "*Steps*", *steps]
    )


def _undo(option: OptionView) -> list[Block]:
    """The way back, its commands each on a line of its own."""
    undo = options.undo_commands(option.plan)
    if not undo:
        return [section(f"*Undo*\n{options.reversible_words(option)}")]
    if len(undo) <= options.SHORT and "\n" not in undo:
        return [section(f"*Undo*\n{code(undo, 400)}")]
    return [section("*Undo*, in this order"), preformatted(undo)]


def _decision_buttons(incident: Incident, option: OptionView) -> list[Block]:
    value = Reference(incident.id, option.plan_hash, incident.seq).value()
    reject = button(
        "Reject",
        action_id(REJECT, option.letter, option.plan_hash),
        value,
        label=f"Reject option {option.letter}",
    )
    if not options.one_click(option):
        approve = button(
            "Review & approve …",
            action_id(REVIEW, option.letter, option.plan_hash),
            value,
            style="danger" if options.destructive(option) or not options.reversible(option) else "primary",
            label=f"Review option {option.letter}, then approve it",
        )
        return [approve, reject]
    question = (
        f"{option.plan['title']} — touches {options.radius_words(option.plan)}. Plan {option.plan_hash[:8]}."
    )
    approve = button(
        "Approve & run",
        action_id(APPROVE, option.letter, option.plan_hash),
        value,
        style="primary",
        confirm=confirmation("Run this in production?", question, "Approve & run", "Not yet"),
        label=f"Approve and run option {option.letter}",
    )
    return [approve, reject]


def _run_buttons(incident: Incident, option: OptionView) -> list[Block]:
    value = Reference(incident.id, option.plan_hash, incident.seq).value()
    stop = button("Stop now", action_id(STOP, option.letter, option.plan_hash), value, style="danger")
    revoke = [revoke_button(option.order, "")] if option.order and not option.order_withdrawn else []
    if option.state in options.ACTIVE:
        return [stop, *revoke]
    undone = any(other.plan["undoes"] == option.plan_hash for other in incident.options)
    possible = options.changes_something(option) and not options.is_undo(option)
    acted = any(step.state == "done" for step in option.steps)
    if option.state not in options.ENDED or undone or not possible or not acted:
        return revoke
    question = f"Puts back what was there before: {_way_back(option)}"
    confirm = confirmation("Undo this plan?", question, "Undo now", "Leave it", danger=True)
    undo = button("Undo", action_id(UNDO, option.letter, option.plan_hash), value, confirm=confirm)
    # After what nobody clicked for, people get to undo it, to stop whatever comes next, and to end the order.
    return [undo, stop, *revoke] if option.order else [undo]


def _way_back(option: OptionView) -> str:
    """The exact commands where the question has room for all of them, else each step in words."""
    exact = options.undo_commands(option.plan)
    if len(exact) <= _MOST_ASKED:
        return exact
    undone = [step for step in reversed(option.plan["steps"]) if step["undo_command"]]
    words = "; ".join(
        f"{at}. {step['action']} on {step['target']['name']}" for at, step in enumerate(undone, 1)
    )
    return words if len(words) <= _MOST_ASKED else f"{len(undone)} steps, as shown when it was approved."


def _outcome(option: OptionView) -> str:
    said = [f"*{options.outcome_words(option)}*"]
    for check in option.checks:
        value = "no reading" if check.value is None else options.reading(check.signal, check.value)
        mark, bound = "✓" if check.passed else "✗", options.reading(check.signal, check.bound)
        said.append(
            f"{mark} {options.signal_words(check.signal)} of {code(check.service, 50)}: {value}, wanted below {bound}"
        )
    if option.note:
        said.append(safe(option.note, 300))
    if option.order_withdrawn:
        said.append(
            f"🚫 standing order {safe(option.order, 20)} is withdrawn: {safe(option.order_withdrawn, 200)}"
        )
    return "\n".join(said)


def _identity(option: OptionView) -> str:
    playbook = safe(str(option.plan["playbook"]), 60)
    return f"plan `{option.plan_hash[:8]}` · playbook {playbook}"


def _approval(option: OptionView) -> str:
    if option.order:
        by = f"nobody clicked: started by standing order {safe(option.order, 20)}"
        return f"{by} {moment(option.approved_at_ms)} · {_identity(option)}"
    if not option.approved_by:
        return _identity(option)
    second = f" and {mention(option.seconded_by)}" if option.seconded_by else ""
    because = f" · reason: {safe(option.reason, 300)}" if option.reason else ""
    when = moment(option.approved_at_ms)
    return f"approved by {mention(option.approved_by)}{second} {when}{because} · {_identity(option)}"
