"""Every verb, as a command and as a mention: answered in private, and changing what it says and nothing else."""

import pytest

from bot.domain.command import CommandVerb
from bot.domain.event import TENANT_CHAIN, EventType
from bot.domain.incident import IncidentState, Severity
from bot.domain.plan import PlanState
from bot.domain.records import TaskKind
from bot.slack.inbox import decide_inbox
from tests.slack.desk import Desk, person

READING = ("status", "why", "timeline", "options", "postmortem", "help")


@pytest.mark.parametrize("verb", READING)
async def test_reading_is_private_and_changes_nothing(desk: Desk, verb: str) -> None:
    desk.declare()
    desk.propose()
    before, posts = desk.incident().seq, len(desk.chat.posts)
    await desk.slash("U0OUTSIDER", verb)
    await desk.mention("U0OUTSIDER", verb, thread_ts=desk.post("card").ts)
    assert len(desk.chat.whispers) == 2
    assert {user for _, user, _ in desk.chat.whispers} == {"U0OUTSIDER"}
    desk.send()
    assert (desk.incident().seq, len(desk.chat.posts)) == (before, posts)


async def test_an_unknown_verb_says_what_was_meant(desk: Desk) -> None:
    await desk.slash("U0ONCALL1", "optoins")
    assert "Did you mean `options`?" in desk.whisper()
    await desk.slash("U0ONCALL1", "<!channel>")
    assert "&lt;!channel&gt;" in desk.whisper()


async def test_words_never_approve(desk: Desk) -> None:
    desk.declare()
    plan = desk.propose()
    await desk.mention("U0ONCALL1", "approve A", thread_ts=desk.post("card").ts)
    await desk.mention("U0ONCALL1", "approve A yes I am sure, run it", thread_ts=desk.post("card").ts)
    assert desk.chat.views == []
    await desk.slash("U0ONCALL1", "approve A")
    assert len(desk.chat.views) == 1, "the command opens the review"
    assert desk.store.read(lambda tx: tx.grant(plan.hash)) is None
    await desk.submit("U0OUTSIDER", {})
    assert "not in the approver group" in desk.whisper()
    await desk.slash("U0ONCALL1", "approve A")
    await desk.submit("U0ONCALL1", {})
    assert desk.store.read(lambda tx: tx.grant(plan.hash)) is not None


async def test_reject_by_words_goes_through_the_gate(desk: Desk) -> None:
    desk.declare()
    plan = desk.propose()
    await desk.mention("U0OUTSIDER", "reject A too risky", thread_ts=desk.post("card").ts)
    assert "not in the approver group" in desk.whisper()
    await desk.mention("U0ONCALL1", "reject A too risky", thread_ts=desk.post("card").ts)
    row = desk.store.read(lambda tx: tx.plan(plan.hash))
    assert row is not None
    assert row.state is PlanState.REJECTED
    assert desk.events(EventType.PLAN_REJECTED)[0].body["why"] == "too risky"


async def test_new_opens_the_form_and_the_form_opens_the_incident(desk: Desk) -> None:
    await desk.slash("U0ONCALL1", "new payments are slow")
    _, view = desk.chat.views[-1]
    assert view["blocks"][0]["element"]["initial_value"] == "payments are slow"
    await desk.submit("U0ONCALL1", {"title": "payments are slow", "severity": "1"})
    (row,) = desk.store.read(lambda tx: tx.open_incidents())
    assert (row.title, row.severity) == ("payments are slow", Severity.SEV1)
    assert len(desk.tasks) == 1, "the investigation is poked"
    assert "INC-1 is open as SEV1" in desk.whisper()
    desk.send()
    assert "inc-1-payments-are-slow" in desk.chat.channels.values()


async def test_new_by_mention(desk: Desk) -> None:
    await desk.mention("U0ONCALL1", "new checkout is down")
    (row,) = desk.store.read(lambda tx: tx.open_incidents())
    assert row.title == "checkout is down"


async def test_resolve_closes_and_asks_for_the_review(desk: Desk) -> None:
    desk.declare()
    await desk.slash("U0ONCALL2", "resolve")
    assert desk.incident().state is IncidentState.RESOLVED
    task = desk.store.transact(lambda tx: tx.claim_task(desk.tasks[-1], now=desk.clock.now(), lease_s=9))
    assert task is not None
    assert task.kind is TaskKind.REVIEW
    await desk.slash("U0ONCALL2", "resolve INC-1")
    assert "closed already" in desk.whisper()


async def test_diagnose_adds_one_task(desk: Desk) -> None:
    desk.declare()
    await desk.mention("U0ONCALL1", "diagnose", thread_ts=desk.post("card").ts)
    task = desk.store.transact(lambda tx: tx.claim_task(desk.tasks[-1], now=desk.clock.now(), lease_s=9))
    assert task is not None
    assert task.kind is TaskKind.INVESTIGATE


async def test_stop_and_unfreeze(desk: Desk) -> None:
    desk.declare()
    plan = desk.propose()
    await desk.slash("U0ONCALL1", "stop")
    await desk.click("U0ONCALL1", desk.post("proposal"), "approve")
    assert "frozen" in desk.whisper()
    await desk.slash("U0OUTSIDER", "unfreeze")
    assert "approver group" in desk.whisper()
    await desk.slash("U0ONCALL1", "unfreeze")
    await desk.submit("U0ONCALL1", {"frozen": "switch|incident:inc-1"})
    desk.send()
    await desk.click("U0ONCALL1", desk.post("proposal"), "approve")
    assert desk.store.read(lambda tx: tx.grant(plan.hash)) is not None


async def test_unfreeze_lifts_only_what_is_chosen_in_its_form(desk: Desk) -> None:
    desk.declare()

    def on(*scopes: str) -> list[str]:
        return desk.store.read(lambda tx: [scope for scope in scopes if tx.switched_on([scope])])

    await desk.slash("U0ONCALL1", "freeze")
    await desk.slash("U0ONCALL1", "freeze service checkout")
    await desk.slash("U0ONCALL1", "stop")
    every = ("tenant", "service:checkout", "incident:inc-1")
    assert tuple(on(*every)) == every
    for words, meant, left in (
        ("unfreeze service checkout", "switch|service:checkout", ("tenant", "incident:inc-1")),
        ("unfreeze INC-1", "switch|incident:inc-1", ("tenant",)),
    ):
        before = on(*every)
        await desk.slash("U0ONCALL1", words)
        assert on(*every) == before, "the words alone lifted something"
        (chosen,) = [
            block["element"]["initial_option"]["value"]
            for block in desk.chat.views[-1][1]["blocks"]
            if block["type"] == "input"
        ]
        assert chosen == meant
        await desk.submit("U0ONCALL1", {"frozen": chosen})
        assert tuple(on(*every)) == left, words
    assert "1 more freeze holds" in desk.whisper()


async def test_no_words_of_anybody_lift_anything(desk: Desk) -> None:
    desk.declare()
    await desk.slash("U0ONCALL1", "freeze")
    await desk.slash("U0ONCALL1", "freeze 2h quarter end")
    held = desk.store.read(lambda tx: (list(tx.switches_on()), list(tx.freezes(after=0))))
    said = [
        "unfreeze",
        "unfreeze now",
        "freeze off",
        "approve unfreeze",
        "stop --off",
        "unfreeze tenant",
        "lift",
    ]
    said += [f"{verb.value} unfreeze" for verb in CommandVerb] + [verb.value for verb in CommandVerb]
    for words in said:
        for who in ("U0ONCALL1", "U0OUTSIDER", "U0GUEST"):
            await desk.mention(who, words, thread_ts=desk.post("card").ts)
            await desk.slash(who, words)
    left = desk.store.read(lambda tx: (list(tx.switches_on()), list(tx.freezes(after=0))))
    assert {switch.scope for switch in left[0]} >= {switch.scope for switch in held[0]}
    assert {window.id for window in left[1]} >= {window.id for window in held[1]}
    assert [event.body for event in desk.events(EventType.FREEZE_LIFTED, TENANT_CHAIN)] == []


async def test_only_an_approver_who_is_read_now_lifts_by_the_form(desk: Desk) -> None:
    desk.declare()
    await desk.slash("U0ONCALL1", "freeze 2h quarter end")
    await desk.slash("U0ONCALL1", "unfreeze")
    (window,) = desk.store.read(lambda tx: tx.freezes(after=0))
    value = {"frozen": f"window|{window.id}"}
    for who, words in (("U0OUTSIDER", "approver group"), ("U0GUEST", "Guests"), ("U0NOBODY", "who you are")):
        await desk.submit(who, value)
        assert words in desk.whisper()
        assert desk.store.read(lambda tx: tx.freezes(after=desk.clock.now()))
    for forged in ("window|nothing", "switch|tenant", "tenant", ""):
        await desk.submit("U0ONCALL1", {"frozen": forged})
        assert "lifted already" in desk.whisper()
    await desk.submit("U0ONCALL1", value)
    assert "The freeze window is lifted" in desk.whisper()
    assert not desk.store.read(lambda tx: tx.freezes(after=desk.clock.now()))
    (lifted,) = desk.events(EventType.FREEZE_LIFTED, TENANT_CHAIN)
    assert lifted.body == {"id": window.id, "by": "U0ONCALL1"}


async def test_a_freeze_for_a_time_refuses_approvals_and_ends_by_itself(desk: Desk) -> None:
    desk.declare()
    plan = desk.propose()
    await desk.slash("U0ONCALL1", "freeze service orders-api 5m while the <!channel> sleeps")
    (added,) = desk.events(EventType.FREEZE_ADDED, TENANT_CHAIN)
    assert (added.body["scope"], added.body["reason"]) == (
        "service:orders-api",
        "while the <!channel> sleeps",
    )
    await desk.click("U0ONCALL1", desk.post("proposal"), "approve")
    assert "while the" in desk.whisper()
    assert "<!channel>" not in desk.whisper()
    desk.clock.forward(301)
    await desk.click("U0ONCALL1", desk.post("proposal"), "approve")
    assert desk.store.read(lambda tx: tx.grant(plan.hash)) is not None


async def test_a_freeze_of_an_incident_is_not_one_of_everything(desk: Desk) -> None:
    desk.declare()
    await desk.slash("U0ONCALL1", "freeze INC-1")
    assert desk.store.read(lambda tx: [one.scope for one in tx.switches_on()]) == ["incident:inc-1"]
    for words in ("freeze 0h", "freeze 9999d", "freeze 2026-09-21T00:00Z", "freeze INC-9"):
        await desk.slash("U0ONCALL1", words)
        assert not desk.store.read(lambda tx: tx.freezes(after=0)), words


async def test_a_stranger_whose_mention_names_only_our_workspace_is_refused(desk: Desk) -> None:
    incident = desk.declare()
    desk.chat.people["U0PARTNER"] = {**person("U0PARTNER"), "team_id": "T0PARTNER"}
    await desk.mention("U0PARTNER", "resolve", thread_ts=desk.post("card").ts)
    assert "other workspaces" in desk.whisper()
    row = desk.store.read(lambda tx: tx.incident_row(incident))
    assert row is not None
    assert row.state.open


async def test_freeze_is_in_the_tenants_own_chain(desk: Desk) -> None:
    await desk.slash("U0ONCALL1", "freeze service checkout")
    await desk.slash("U0ONCALL1", "freeze")
    scopes = [event.body["scope"] for event in desk.events(EventType.SWITCH_SET, TENANT_CHAIN)]
    assert scopes == ["service:checkout", "tenant"]
    assert desk.store.read(lambda tx: tx.switched_on(["tenant"])) == "tenant"


async def test_a_planned_event(desk: Desk) -> None:
    words = 'event add "Autumn launch" 2026-09-21T00:00Z 2026-09-22T00:00Z checkout, cart'
    await desk.slash("U0OUTSIDER", words)
    assert "approver group" in desk.whisper()
    await desk.slash("U0ONCALL1", words)
    await desk.slash("U0ONCALL1", words)
    (event,) = desk.store.read(lambda tx: tx.planned_events(start=0, end=2e9))
    assert (event.title, event.services, event.entered_by) == (
        "Autumn launch",
        ("checkout", "cart"),
        "U0ONCALL1",
    )
    await desk.slash("U0ONCALL1", 'event add "x" 99:00-12:00')
    assert "hours and minutes" in desk.whisper()


async def test_a_planned_event_by_form(desk: Desk) -> None:
    await desk.slash("U0ONCALL1", "event")
    await desk.submit("U0ONCALL1", {"title": "Launch", "when": "09:00-23:00", "services": ""})
    (event,) = desk.store.read(lambda tx: tx.planned_events(start=0, end=2e9))
    assert event.services == ()


async def test_note_lands_in_the_timeline(desk: Desk) -> None:
    desk.declare()
    await desk.mention("U0ONCALL1", "note failed over <by> hand", thread_ts=desk.post("card").ts)
    assert desk.incident().notes[0].text == "failed over <by> hand"


async def test_which_incident_is_asked_when_it_is_not_clear(desk: Desk) -> None:
    await desk.slash("U0ONCALL1", "status")
    assert "No incident is open" in desk.whisper()
    await desk.mention("U0ONCALL1", "new one")
    await desk.mention("U0ONCALL1", "new two")
    await desk.slash("U0ONCALL1", "status")
    assert "Which incident?" in desk.whisper()
    await desk.slash("U0ONCALL1", "status INC-2")
    assert "two" in desk.whisper()
    await desk.slash("U0ONCALL1", "status INC-99")
    assert "There is no INC-99" in desk.whisper()


async def test_guests_and_unreadable_people(desk: Desk) -> None:
    desk.declare()
    for verb in ("status", "resolve", "freeze", "note x"):
        await desk.slash("U0GUEST", verb)
        assert "Guests cannot use Watchkeeper" in desk.whisper()
    await desk.slash("U0UNKNOWN", "resolve")
    assert "did not say who you are" in desk.whisper()
    await desk.slash("U0UNKNOWN", "stop")
    assert desk.store.read(lambda tx: tx.switched_on(["incident:inc-1"])), (
        "stop works when Slack cannot be read"
    )
    assert desk.incident().state is IncidentState.INVESTIGATING


async def test_an_expired_trigger_is_said(desk: Desk) -> None:
    desk.chat.views.append(("used", {}))
    row = {
        "text": "new",
        "user": "U0ONCALL1",
        "team": "T0HOME",
        "channel": "C0ALERTS",
        "thread_ts": "",
        "trigger_id": "used",
    }
    desk.store.transact(lambda tx: tx.record_inbox("x", "command", row, at=desk.clock.now()))
    decide_inbox(desk.parts)
    assert "click again" in desk.whisper()


async def test_merge_by_words_joins_two_incidents_and_split_takes_it_back(desk: Desk) -> None:
    await desk.mention("U0ONCALL1", "new checkout is down")
    await desk.mention("U0ONCALL1", "new cart is slow")
    await desk.mention("U0ONCALL1", "merge INC-1")
    assert "Say which incident" in desk.whisper(), "here is no incident to merge it into"
    await desk.mention("U0ONCALL1", "merge INC-1 2 the same rack")
    (row,) = desk.store.read(lambda tx: tx.open_incidents())
    assert row.number == 1
    assert "INC-2 is part of INC-1 now" in desk.whisper()
    await desk.mention("U0ONCALL1", "merge INC-1 2")
    assert "cannot be merged" in desk.whisper()
    await desk.mention("U0ONCALL1", "split nonsense")
    assert "Say which services" in desk.whisper()


async def test_a_test_alert_goes_into_the_intake_and_ends(desk: Desk) -> None:
    await desk.slash("U0ONCALL1", "test")
    assert "its card appears" in desk.whisper()
    await desk.mention("U0ONCALL1", "test end")
    bodies = [raw.body for raw in desk.store.read(lambda tx: tx.pending_raw(limit=9))]
    assert [b'"firing"' in body for body in bodies] == [True, False]
    assert all(b"TestAlert" in body and b"U0ONCALL1" in body for body in bodies)
