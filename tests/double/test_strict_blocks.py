"""Every Block Kit rule of the double, one bad payload each, beside its largest legal neighbour."""

from typing import Any

import pytest

from bot.local.slackdouble.strict.layout import check_blocks, check_view
from tests.double.cards import CARD, MODAL, button, mrkdwn, plain, rich, words
from tests.double.conftest import Json, Running


def section(text: str, **more: Any) -> Json:
    return {"type": "section", "text": mrkdwn(text), **more}


def actions(*elements: Json) -> Json:
    return {"type": "actions", "elements": list(elements)}


def table(rows: int, columns: int) -> Json:
    return {"type": "table", "rows": [[{"type": "raw_text", "text": "x"}] * columns for _ in range(rows)]}


def chart(points: int = 3, *, series: int = 1, title: str = "t", kind: str = "line", **value: Any) -> Json:
    labels = [f"p{n}" for n in range(points)]
    data = [{"label": name, "value": value.get("value", 1)} for name in labels]
    rows = [{"name": f"s{n}", "data": data} for n in range(series)]
    body = {"type": kind, "series": rows, "axis_config": {"categories": labels}}
    return {"type": "data_visualization", "title": title, "chart": body}


def task(status: str = "complete", key: str = "t", **more: Any) -> Json:
    return {"type": "task_card", "task_id": key, "title": "do", "status": status, **more}


def container(count: int, child: Json | None = None, **more: Any) -> Json:
    return {"type": "container", "title": plain("c"), "child_blocks": [child or section("x")] * count, **more}


def menu(count: int, kind: str = "static_select") -> Json:
    rows = [{"text": plain(str(n)), "value": str(n)} for n in range(count)]
    return {"type": kind, "action_id": "m", "options": rows}


PREFORMATTED = {"type": "rich_text_preformatted", "elements": [words("x")]}
PIE = {"type": "pie", "segments": [{"label": "a", "value": 1}]}
GOOD: list[list[Json]] = [
    CARD,
    [section("x")] * 50,
    [{"type": "header", "text": plain("x" * 150)}],
    [section("x" * 3000)],
    [{"type": "section", "fields": [mrkdwn("x" * 2000)] * 10}],
    [{"type": "context", "elements": [mrkdwn("x")] * 10}],
    [actions(*[button(f"a{n}", "x" * 75, value="v" * 2000) for n in range(25)])],
    [{"type": "markdown", "text": "x" * 6000}, {"type": "markdown", "text": "x" * 6000}],
    [table(100, 20)],
    [container(10)],
    [chart(20, series=6), chart(2, kind="bar")],
    [{"type": "data_visualization", "title": "t", "chart": PIE}],
    [{"type": "plan", "title": "p", "tasks": [task(key=str(n)) for n in range(20)]}],
    [{"type": "image", "image_url": "https://example.com/x.png", "alt_text": "x"}],
    [actions(menu(100)), actions(menu(5, "overflow") | {"action_id": "o"})],
    [{"type": "rich_text", "elements": [PREFORMATTED]}],
]
BAD: list[tuple[str, list[Any], str]] = [
    ("51 blocks", [section("x")] * 51, "no more than 50"),
    ("not an object", ["x"], "must be an object"),
    ("unknown block", [{"type": "carousel9"}], "unsupported block type"),
    ("no type", [{}], "unsupported block type"),
    ("unknown field", [section("x", colour="red")], "unsupported field"),
    ("header 151", [{"type": "header", "text": plain("x" * 151)}], "less than 151"),
    ("header mrkdwn", [{"type": "header", "text": mrkdwn("x")}], "plain_text"),
    ("header empty", [{"type": "header", "text": plain("")}], "more than 0"),
    ("section 3001", [section("x" * 3001)], "less than 3001"),
    ("section empty", [{"type": "section"}], "text or fields"),
    ("11 fields", [{"type": "section", "fields": [mrkdwn("x")] * 11}], "no more than 10"),
    ("field 2001", [{"type": "section", "fields": [mrkdwn("x" * 2001)]}], "less than 2001"),
    ("text is a string", [{"type": "section", "text": "x"}], "text object"),
    ("emoji on mrkdwn", [{"type": "section", "text": {**mrkdwn("x"), "emoji": True}}], "emoji"),
    ("11 context elements", [{"type": "context", "elements": [mrkdwn("x")] * 11}], "no more than 10"),
    ("context empty", [{"type": "context", "elements": []}], "at least 1"),
    ("26 actions", [actions(*[button(f"a{n}", "x") for n in range(26)])], "no more than 25"),
    ("button 76", [actions(button("a", "x" * 76))], "less than 76"),
    ("button mrkdwn", [actions(button("a", "x", text=mrkdwn("x")))], "plain_text"),
    ("value 2001", [actions(button("a", "x", value="v" * 2001))], "less than 2001"),
    ("style", [actions(button("a", "x", style="green"))], "primary, danger"),
    ("action_id 256", [actions(button("a" * 256, "x"))], "less than 256"),
    ("same action_id", [actions(button("a", "x")), actions(button("a", "y"))], "duplicate id"),
    ("same block_id", [section("x", block_id="b"), section("y", block_id="b")], "duplicate id"),
    ("block_id 256", [section("x", block_id="b" * 256)], "less than 256"),
    ("confirm without text", [actions(button("a", "x", confirm={"title": plain("t")}))], "missing required"),
    ("101 options", [actions(menu(101))], "no more than 100"),
    ("6 overflow options", [actions(menu(6, "overflow"))], "no more than 5"),
    ("unknown element", [actions({"type": "slider", "action_id": "a"})], "unsupported element"),
    (
        "plain input in actions",
        [actions({"type": "plain_text_input", "action_id": "a"})],
        "unsupported element",
    ),
    ("markdown sum", [{"type": "markdown", "text": "x" * 6001}] * 2, "12001"),
    ("table 101 rows", [table(101, 2)], "no more than 100"),
    ("table 21 columns", [table(2, 21)], "no more than 20"),
    ("uneven rows", [{"type": "table", "rows": [*table(1, 2)["rows"], *table(1, 3)["rows"]]}], "every row"),
    ("cell type", [{"type": "table", "rows": [[{"type": "mrkdwn", "text": "x"}]]}], "unsupported cell"),
    ("11 children", [container(11)], "no more than 10"),
    ("chart in container", [container(1, chart())], "unsupported block type"),
    ("container in container", [container(1, container(1))], "unsupported block type"),
    ("collapsed, not collapsible", [container(1, default_collapsed=True)], "is_collapsible"),
    ("container untitled", [{"type": "container", "child_blocks": [section("x")]}], "missing required"),
    ("3 charts", [chart(), chart(), chart()], "no more than 2"),
    ("21 points", [chart(21)], "no more than 20"),
    ("7 series", [chart(series=7)], "no more than 6"),
    ("chart title 51", [chart(title="x" * 51)], "less than 51"),
    ("chart kind", [chart(kind="radar")], "line, bar, area or pie"),
    ("chart not a number", [chart(value="1")], "finite number"),
    ("chart NaN", [chart(value=float("nan"))], "finite number"),
    (
        "category without value",
        [chart() | {"chart": chart(3)["chart"] | {"axis_config": {"categories": ["p0"]}}}],
        "labels",
    ),
    ("alert in a message", [{"type": "alert", "text": plain("x")}], "only allowed in modals"),
    ("task status", [{"type": "plan", "title": "p", "tasks": [task("done")]}], "pending, in_progress"),
    ("same task_id", [{"type": "plan", "title": "p", "tasks": [task(), task()]}], "duplicate id"),
    ("task details", [task(details="x")], "rich_text"),
    ("image without alt", [{"type": "image", "image_url": "https://example.com"}], "alt_text"),
    ("image without source", [{"type": "image", "alt_text": "x"}], "exactly one"),
    (
        "rich text part",
        [rich({"type": "rich_text_section", "elements": [{"type": "html"}]})],
        "unsupported rich text",
    ),
    ("rich text element", [rich({"type": "paragraph"})], "unsupported rich text"),
]
BAD_VIEWS: list[tuple[str, Json, str]] = [
    ("101 blocks", {"blocks": [section("x")] * 101}, "no more than 100"),
    ("title 25", {"title": plain("x" * 25)}, "less than 25"),
    ("title mrkdwn", {"title": mrkdwn("x")}, "plain_text"),
    ("inputs, no submit", {"submit": None}, "required when"),
    ("private_metadata 3001", {"private_metadata": "x" * 3001}, "less than 3001"),
    ("callback_id 256", {"callback_id": "x" * 256}, "less than 256"),
    ("kind", {"type": "popup"}, "modal or home"),
    ("chart in modal", {"blocks": [chart()]}, "only allowed in messages"),
    ("alert 201", {"blocks": [{"type": "alert", "text": plain("x" * 201)}]}, "less than 201"),
    ("alert level", {"blocks": [{"type": "alert", "text": plain("x"), "level": "red"}]}, "must be default"),
    ("unknown field", {"width": 3}, "unsupported field"),
]


@pytest.mark.parametrize("blocks", GOOD, ids=range(len(GOOD)))
def test_legal_at_the_limit(blocks: list[Json]) -> None:
    assert check_blocks(blocks, "message") == []


@pytest.mark.parametrize(("blocks", "says"), [b[1:] for b in BAD], ids=[b[0] for b in BAD])
def test_one_step_over_is_refused_with_its_place(blocks: list[Any], says: str) -> None:
    faults = check_blocks(blocks, "message")
    assert any(says in fault for fault in faults), faults
    assert all("[json-pointer:/blocks" in fault for fault in faults)


@pytest.mark.parametrize(("change", "says"), [b[1:] for b in BAD_VIEWS], ids=[b[0] for b in BAD_VIEWS])
def test_views(change: Json, says: str) -> None:
    assert check_view(MODAL) == []
    faults = check_view({**MODAL, **change})
    assert any(says in fault for fault in faults), faults


def test_the_wire_refuses_every_bad_message_and_counts_none(double: Running) -> None:
    double.post("clock", rate=100_000)
    refused = 0
    for name, blocks, _ in BAD:
        if name == "chart NaN":
            continue
        answer = double.call("chat.postMessage", channel="C0ALERTS", text="x", blocks=blocks)
        assert (answer["ok"], answer["error"]) == (False, "invalid_blocks"), name
        assert answer["response_metadata"]["messages"], name
        refused += 1
    assert refused == len(BAD) - 1 >= 50
    assert double.messages() == []
    assert double.state()["counts"]["posts"] == 0


def test_text_rules(double: Running) -> None:
    post = {"channel": "C0ALERTS"}
    assert double.call("chat.postMessage", **post, text="x" * 40_000)["ok"]
    assert double.call("chat.postMessage", **post, text="x" * 40_001)["error"] == "msg_too_long"
    assert double.call("chat.postMessage", **post)["error"] == "no_text"
    assert double.call("chat.postMessage", **post, blocks=[section("x")])["ok"]
    state = double.state()
    assert state["counts"]["warnings"] == 1
    assert "fallback" in state["warnings"][0]
    assert double.call("blocks.validate", blocks=CARD)["ok"]
    assert double.call("blocks.validate", blocks=[{"type": "x"}])["error"] == "invalid_blocks"
