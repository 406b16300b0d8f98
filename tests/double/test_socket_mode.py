"""Socket Mode with a stock Bolt app: commands, clicks, modals, mentions, acks."""

import asyncio
from typing import Any

from tests.double.conftest import Bolt, Running

BUTTON = {
    "type": "actions",
    "block_id": "INC-1:act:1",
    "elements": [
        {
            "type": "button",
            "action_id": "approve",
            "value": "nonce-1",
            "text": {"type": "plain_text", "text": "Approve"},
        }
    ],
}


async def drive(work: Any, *args: Any, **more: Any) -> Any:
    return await asyncio.to_thread(work, *args, **more)


async def test_command_click_modal_mention(double: Running, bolt: Bolt) -> None:
    @bolt.app.command("/incident")
    async def command(ack: Any, body: Any, say: Any) -> None:
        bolt.heard.append(body)
        await ack(text="heard you")
        await say(text="posted", blocks=[BUTTON])

    @bolt.app.action("approve")
    async def approve(ack: Any, body: Any, client: Any) -> None:
        await ack()
        bolt.heard.append(body)
        block = {
            "type": "input",
            "block_id": "why",
            "label": {"type": "plain_text", "text": "Why"},
            "element": {"type": "plain_text_input", "action_id": "text"},
        }
        view = {
            "type": "modal",
            "callback_id": "reason",
            "title": {"type": "plain_text", "text": "Reason"},
            "submit": {"type": "plain_text", "text": "Send"},
            "blocks": [block],
        }
        await client.views_open(trigger_id=body["trigger_id"], view=view)

    @bolt.app.view("reason")
    async def reason(ack: Any, body: Any, view: Any) -> None:
        bolt.heard.append(view)
        if view["state"]["values"]["why"]["text"]["value"] == "bad":
            await ack(response_action="errors", errors={"why": "not that"})
        else:
            await ack()

    @bolt.app.event("app_mention")
    async def mention(ack: Any, event: Any, say: Any) -> None:
        await ack()
        await say(text=f"hi <@{event['user']}>", thread_ts=event["ts"])

    @bolt.app.event("message")
    async def message(ack: Any) -> None:
        await ack()

    answer = await drive(
        double.act, "oncall-1", "slash", command="/incident", text="status", channel="alerts"
    )
    assert answer["acked"]
    assert answer["ack_ms"] < 3000
    notes = (await drive(double.get, "ephemerals", user="oncall-1"))["ephemerals"]
    assert [n["text"] for n in notes] == ["heard you"]
    posted = (await drive(double.messages))[-1]
    assert (posted["text"], posted["user"]) == ("posted", "U0BOT")

    click = await drive(
        double.act, "oncall-2", "click", channel="alerts", message_ts=posted["ts"], action_id="approve"
    )
    assert click["acked"]
    body = bolt.heard[-1]
    assert body["user"]["id"] == "U0ONCALL2"
    assert body["message"]["ts"] == posted["ts"]
    assert body["actions"][0]["value"] == "nonce-1"
    view = (await drive(double.get, "views", user="oncall-2"))["views"][0]
    assert view["title"]["text"] == "Reason"

    empty = await drive(double.act, "oncall-2", "view_submit", 409, view_id=view["view_id"], values={})
    assert empty["errors"] == {"why": "This field is required."}
    bad = await drive(
        double.act, "oncall-2", "view_submit", view_id=view["view_id"], values={"why": {"text": "bad"}}
    )
    assert bad["errors"] == {"why": "not that"}
    good = await drive(
        double.act, "oncall-2", "view_submit", view_id=view["view_id"], values={"why": {"text": "fine"}}
    )
    assert good["acked"]
    assert (await drive(double.get, "views", user="oncall-2"))["views"] == []

    said = await drive(double.act, "oncall-1", "message", channel="alerts", text="<@U0BOT> hello")
    reply = await drive(
        double.until, lambda: next((m for m in double.messages() if m["thread_ts"] == said["ts"]), None)
    )
    assert reply["text"] == "hi <@U0ONCALL1>"
    counts = (await drive(double.state))["counts"]
    assert counts["posts"] == 2
    assert counts["late_acks"] == 0
    assert counts["unknown_methods"] == 0
