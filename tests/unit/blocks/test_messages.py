"""Every message of every synthetic incident: inside the limits, in the right words, with opaque buttons."""

import json
import shlex
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from bot.blocks import (
    announcement,
    answers,
    card,
    evidence,
    hypothesis,
    modals,
    notice,
    orders,
    postmortem,
    proposal,
    resolved,
)
from bot.blocks.ids import ModalPlace, reference_of
from bot.blocks.ladder import droppable, render_for
from bot.blocks.shape import Place, Rendered
from bot.blocks.validate import faults, rendered_faults, view_faults
from bot.domain.incident import Agreement, Incident, IncidentState, OptionView
from bot.domain.plan import PlanState
from tests.unit.blocks import samples
from tests.unit.pipeline.execution_scene import playbook_for

PLACE = Place("C0INC142", own_channel=True, group="S0ONCALL")
MODAL = ModalPlace("inc-1||1", "C0INC142", "1.2", "")
RENDERERS: dict[str, Callable[[Incident, Place], Rendered]] = {
    "card": card.render,
    "announcement": announcement.render,
    "evidence": evidence.render,
    "proposal": proposal.render,
    "hypothesis": hypothesis.render,
    "resolved": resolved.render,
    "postmortem": lambda incident, place: postmortem.render(
        incident, place, "# Summary\n\n" + "fact [7]\n" * 3000
    ),
    "why": lambda incident, _place: answers.why(incident),
    "notice": lambda incident, place: notice.render(incident, place, "Automation is frozen."),
}


def messages() -> Iterator[tuple[str, Incident, Rendered]]:
    for name, incident in samples.every():
        for kind, render in RENDERERS.items():
            for place in (PLACE, Place()):
                yield f"{kind} of {name}", incident, render(incident, place)


def texts(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def buttons(message: Rendered) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []

    def walk(value: Any) -> None:
        if isinstance(value, dict):
            if value.get("type") == "button":
                found.append(value)
            for part in value.values():
                walk(part)
        if isinstance(value, list | tuple):
            for part in value:
                walk(part)

    walk(message.blocks)
    return found


def test_every_message_is_inside_the_limits() -> None:
    tried = 0
    for name, _, message in messages():
        assert rendered_faults(message) == [], name
        tried += 1
    assert tried > 200


@pytest.mark.parametrize(
    "refused", [{"container"}, {"plan"}, {"table"}, {"markdown"}, {"container", "plan", "table", "markdown"}]
)
def test_a_poor_workspace_gets_the_same_in_older_blocks(refused: set[str]) -> None:
    for name, _, message in messages():
        lowered = render_for(message.blocks, frozenset(refused))
        assert faults(lowered) == [], name
        assert not droppable(lowered) & refused, name
        before = {button["action_id"] for button in buttons(message)}
        assert {button["action_id"] for button in buttons(Rendered("", tuple(lowered)))} == before, name


def test_buttons_carry_references_only() -> None:
    for name, incident, message in messages():
        for button in buttons(message):
            reference = reference_of(button["value"])
            assert reference.incident == incident.id, name
            assert "kubectl" not in button["value"]


def test_modals_are_inside_the_limits() -> None:
    for _, incident in samples.every():
        for option in incident.options:
            assert view_faults(modals.review(incident, option, MODAL)) == []
    assert view_faults(modals.new_incident(MODAL, "t" * 900)) == []
    assert view_faults(modals.planned_event(MODAL)) == []


def test_a_destructive_plan_asks_for_the_name_and_has_no_direct_approval() -> None:
    option = samples.destructive()
    incident = replace(samples.FOUND, options=(option,))
    view = modals.review(incident, option, MODAL)
    assert [block["type"] for block in view["blocks"]].count("input") == 1
    ids = [button["action_id"].split(":")[0] for button in buttons(proposal.render(incident, PLACE))]
    assert ids == ["review", "reject"]


LOOSE = replace(
    samples.CANDIDATE, looked_into=False, loose_ends=True, state=IncidentState.INVESTIGATING, candidate=""
)


def test_the_card_says_what_is_going_on_and_what_caused_it() -> None:
    shown = texts(card.render(samples.FOUND, PLACE).blocks)
    for words in (
        "1\u202f312 alerts",
        "5 services",
        "orders-api",
        "high confidence (0.91)",
        "[E1][E3]",
        "Review A",
    ):
        assert words in shown
    assert "cites nothing" not in shown, "a sentence without existing evidence is dropped"
    assert "log 7·a1b2c3d4" in shown


@pytest.mark.parametrize(
    ("incident", "words"),
    [
        (samples.CANDIDATE, "First candidate"),
        (samples.RIVALS, "Two explanations are close"),
        (samples.UNSURE, "Not confident enough"),
        (samples.EXPECTED, "Expected load"),
        (samples.OBSERVED, "would propose"),
        (LOOSE, "Nobody has looked into these"),
        (LOOSE, "Only counted"),
    ],
)
def test_variants_of_the_card(incident: Incident, words: str) -> None:
    assert words in texts(card.render(incident, PLACE).blocks)


def test_observe_only_offers_no_button_that_changes_anything() -> None:
    for render in (card.render, proposal.render):
        assert buttons(render(samples.OBSERVED, PLACE)) == []


def test_the_proposal_through_its_life() -> None:
    offered = proposal.render(samples.FOUND, PLACE)
    assert "kubectl --namespace=shop rollout undo --to-revision=812 -- deployment/orders-api" in texts(
        offered.blocks
    )
    assert [b["action_id"].split(":")[0] for b in buttons(offered)] == ["review", "reject"] * 2
    safe = replace(samples.FOUND, options=(samples.safe(),))
    assert [b["action_id"].split(":")[0] for b in buttons(proposal.render(safe, PLACE))] == [
        "approve",
        "reject",
    ]
    running = proposal.render(samples.RUNNING, PLACE)
    assert [b["action_id"].split(":")[0] for b in buttons(running)] == ["stop"]
    assert "<@U0ONCALL1>" in texts(running.blocks)
    done = proposal.render(samples.DONE, PLACE)
    assert [b["action_id"].split(":")[0] for b in buttons(done)] == ["undo"]
    assert "done and verified" in texts(done.blocks)
    failed = texts(proposal.render(samples.FAILED, PLACE).blocks)
    assert "failed" in failed
    assert "revision changed" in failed


def test_an_undone_plan_offers_no_second_undo() -> None:
    first = samples.DONE.options[0]
    undo = samples.plan("A-undo", undoes=first.plan_hash)
    again = replace(first, letter="A-undo", plan_hash=undo.hash, plan=undo.to_json())
    incident = replace(samples.DONE, options=(first, again))
    assert buttons(proposal.render(incident, PLACE)) == []


def test_lock_screen_line_says_who_is_needed() -> None:
    assert card.lock_screen(samples.FOUND).endswith("cause found: orders-api · 2 options need you")
    assert "need you" not in card.lock_screen(samples.OBSERVED)


def test_block_ids_change_with_each_revision() -> None:
    before = card.render(samples.FOUND, PLACE).blocks
    after = card.render(replace(samples.FOUND, seq=8), PLACE).blocks
    assert not {b["block_id"] for b in before} & {b["block_id"] for b in after}


@pytest.mark.parametrize(
    "argument",
    ["a" * 4000, "orders\u200b-api", "orders\u202eipa-", "оrders-api", "one\x00two", "one\ttwo"],
    ids=["too long", "zero width", "right to left", "homoglyph", "null", "tab"],
)
def test_what_cannot_be_shown_exactly_cannot_be_approved(argument: str) -> None:
    made = samples.plan()
    step = replace(made.steps[0], command=("kubectl", argument))
    unseen = replace(made, steps=(step,))
    option = replace(samples.option(), plan_hash=unseen.hash, plan=unseen.to_json())
    incident = replace(samples.FOUND, options=(option,))
    for render in (card.render, proposal.render):
        assert buttons(render(incident, PLACE)) == []
    assert "cannot be approved" in texts(proposal.render(incident, PLACE).blocks)


def test_the_command_stands_in_the_message_byte_by_byte() -> None:
    for name, incident in samples.every():
        for option in incident.options:
            if option.state.value == "proposed" and name != "much":
                shown = [
                    part["text"]
                    for block in proposal.render(incident, PLACE).blocks
                    for child in block.get("child_blocks", [])
                    if child["type"] == "rich_text"
                    for part in child["elements"][0]["elements"]
                ]
                expected = "\n".join(shlex.join(step["command"]) for step in option.plan["steps"])
                assert expected in shown, name


def test_a_closed_incident_offers_nothing_any_more() -> None:
    incident = replace(samples.RESOLVED, options=samples.FOUND.options)
    assert buttons(proposal.render(incident, PLACE)) == []
    assert "A human must decide" not in texts(proposal.render(incident, PLACE).blocks)
    assert buttons(card.render(incident, PLACE)) == []


def test_the_post_mortem_names_people_and_mentions_nobody() -> None:
    text = "- approved by <@U0ONCALL1> [3]\n- said <@U0SOMEBODY> <!channel>\n- then <@U0HOSTILE>"
    names = {"U0ONCALL1": "oncall-1", "U0HOSTILE": "<!here> [x](http://e.example) **@channel**"}
    shown = postmortem.render(samples.DONE, PLACE, text, names).blocks[0]["text"]
    assert shown.splitlines()[:2] == ["- approved by oncall-1 [3]", "- said ‹U0SOMEBODY› &lt;!channel&gt;"]
    assert shown.splitlines()[2] == "- then here xhttpe.example channel"
    assert postmortem.actors_of(samples.DONE) == {"U0ONCALL1"}


def test_the_long_answer_says_class_impact_signals_rivals_and_what_decided() -> None:
    said = texts(answers.why(samples.FOUND).blocks)
    for word in (
        "*Class:* a deploy", "SEV2", "12 % of users", "change 0.90 × 0.60", "bear out 50 %", "Ruled out",
        "the newest release", "INC-97", "ranker/1", "change/2", "table/1",
    ):  # fmt: skip
        assert word in said, word


BEWARE = "payments-api had trouble itself (error ratio not below 0.02 before it was replaced): look before you approve"


@pytest.mark.parametrize("steps", [1, 4])
def test_what_to_beware_of_is_read_whole_where_it_is_decided(steps: int) -> None:
    """It stands at the end of a title that is cut at 110 and at 150 characters."""
    made = samples.plan()
    title = f"Point the Lambda alias to the version before the last change: payments-api-live ({BEWARE})"
    more = tuple(replace(made.steps[0], id=f"undo-{number}") for number in range(steps))
    made = replace(made, title=title, steps=more)
    agreed = (Agreement("U0FIRST", "approve", 1),)
    option = OptionView("A", made.hash, made.to_json(), PlanState.PROPOSED, agreed=agreed)
    incident = replace(samples.FOUND, options=(option,))
    offered = proposal.render(incident, PLACE)
    assert rendered_faults(offered) == []
    assert BEWARE in texts(offered.blocks)
    assert "--to-revision=813" in texts(offered.blocks)
    assert BEWARE in texts(modals.review(incident, option, MODAL)["blocks"])


@pytest.mark.parametrize(
    ("count", "patch", "words"),
    [
        (1, "{}", "kubectl patch {}"),
        (3, "x" * 200, "3. kubectl/rollout-undo on orders-api"),
        (40, "{}", "40 steps"),
    ],
)
def test_the_question_before_an_undo_is_never_cut(count: int, patch: str, words: str) -> None:
    made = samples.plan()
    step = replace(made.steps[0], undo_command=("kubectl", "patch", patch))
    plan = replace(made, steps=tuple(replace(step, id=f"undo-{number}") for number in range(count))).to_json()
    done = replace(samples.DONE.options[0], plan=plan)
    [undo] = buttons(proposal.render(replace(samples.DONE, options=(done,)), PLACE))
    asked = undo["confirm"]["text"]["text"]
    assert words.replace("{}", "'{}'") in asked
    assert not asked.endswith("…")


def test_the_long_answer_says_nothing_twice() -> None:
    found = samples.FOUND.diagnosis
    assert found is not None
    assert found.classification is not None
    top = found.hypotheses[0]
    cited = tuple(f"{text.rstrip('.')} [E1]." for text in top.because)
    same = replace(found, classification=replace(found.classification, cause=top.cause, because=cited))
    none = texts(answers.why(replace(samples.FOUND, diagnosis=replace(same, classification=None))).blocks)
    said = texts(answers.why(replace(samples.FOUND, diagnosis=same)).blocks)
    assert "*Class:*" not in said
    new = replace(found.classification, cause=top.cause, because=(*cited, "New here."))
    told = texts(answers.why(replace(samples.FOUND, diagnosis=replace(same, classification=new))).blocks)
    assert "*Class:* a deploy. New here." in told
    for text in top.because:
        stem = text.rstrip(".")
        assert said.count(stem) == told.count(stem) == none.count(stem)


def test_a_draft_starts_with_the_playbook_that_was_named_and_with_no_other() -> None:
    books = [
        replace(book, id=name) for name in ("first", "second") for book in [playbook_for(samples.plan())]
    ]
    for named, chosen in (("second", "second"), ("", None), ("unknown", None)):
        view = orders.drafting(books, MODAL, playbook=named, services="")
        assert view_faults(view) == []
        select = view["blocks"][0]["element"]
        assert select.get("initial_option", {}).get("value") == chosen
