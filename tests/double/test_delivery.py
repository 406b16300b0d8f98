"""Delivery rules: late acks, redelivery, several connections, no connection, disconnects, stale and forged clicks."""

import asyncio
from typing import Any

import httpx
from slack_bolt.adapter.socket_mode.aiohttp import AsyncSocketModeHandler
from slack_sdk.web.async_client import AsyncWebClient

from tests.double.cards import button
from tests.double.conftest import Bolt, Json, Running, bolt_app
from tests.double.test_socket_mode import BUTTON, drive


def click(ts: str, **more: Any) -> Json:
    return {"channel": "alerts", "message_ts": ts, "action_id": "approve", **more}


async def test_unacked_events_come_again_and_commands_do_not(double: Running, bolt: Bolt) -> None:
    tries: list[Any] = []

    @bolt.app.event("message")
    async def message(ack: Any, body: Any) -> None:
        tries.append(body["event_id"])
        if len(tries) < 3:
            await asyncio.sleep(3.3)
        await ack()

    @bolt.app.command("/slow")
    async def slow(ack: Any) -> None:
        tries.append("slow")

    said = await drive(double.act, "oncall-1", "message", channel="alerts", text="hello")
    assert (said["acked"], said["error"]) == (False, "operation_timeout")
    await drive(double.until, lambda: len(tries) == 2)
    await drive(double.until, lambda: double.state()["counts"]["late_acks"] == 2)
    assert len(tries) == 2
    await drive(double.post, "clock", jump=61)
    await drive(double.until, lambda: len(tries) == 3)
    assert len(set(tries)) == 1
    command = await drive(double.act, "oncall-1", "slash", command="/slow", text="", channel="alerts")
    assert command["error"] == "operation_timeout"
    await drive(double.post, "clock", jump=400)
    assert tries.count("slow") == 1
    state = await drive(double.state)
    assert state["counts"]["late_acks"] == 3
    missed = [f["kind"] for f in state["failures"] if f["reason"] == "operation_timeout"]
    assert missed == ["events_api", "events_api", "slash_commands"]


async def test_a_late_ack_is_written_down(double: Running, bolt: Bolt) -> None:
    @bolt.app.action("approve")
    async def approve(ack: Any) -> None:
        await asyncio.sleep(3.3)
        await ack()

    posted = await drive(double.call, "chat.postMessage", channel="C0ALERTS", text="x", blocks=[BUTTON])
    answer = await drive(double.act, "oncall-1", "click", **click(posted["ts"]))
    assert answer["acked"] is False
    found = await drive(
        double.until, lambda: [f for f in double.state()["failures"] if f["reason"] == "late_ack"]
    )
    assert found[0]["ack_ms"] > 3000


async def test_events_wait_for_a_connection_and_clicks_are_refused_at_once(double: Running) -> None:
    posted = await drive(double.call, "chat.postMessage", channel="C0ALERTS", text="x", blocks=[BUTTON])
    answer = await drive(double.act, "oncall-1", "click", **click(posted["ts"]))
    assert (answer["acked"], answer["error"]) == (False, "app_not_connected")
    said = await drive(double.act, "oncall-1", "message", channel="alerts", text="<@U0BOT> are you there")
    assert said["queued"] is True
    app = bolt_app(double.options)
    heard: list[str] = []

    @app.event("app_mention")
    async def mention(ack: Any, event: Any) -> None:
        await ack()
        heard.append(event["text"])

    @app.event("message")
    async def message(ack: Any) -> None:
        await ack()

    web = AsyncWebClient(token="xapp-local", base_url=f"{double.url}/api/")
    handler = AsyncSocketModeHandler(app, "xapp-local", web_client=web)
    await handler.connect_async()  # type: ignore[no-untyped-call]  # Bolt leaves it untyped
    await drive(double.until, lambda: heard)
    assert heard == ["<@U0BOT> are you there"]
    await handler.close_async()  # type: ignore[no-untyped-call]  # Bolt leaves it untyped


async def test_several_connections_share_the_work_and_survive_disconnects(
    double: Running, bolt: Bolt
) -> None:
    heard: dict[str, int] = {"one": 0, "two": 0}
    other = bolt_app(double.options)
    web = AsyncWebClient(token="xapp-local", base_url=f"{double.url}/api/")
    handler = AsyncSocketModeHandler(other, "xapp-local", web_client=web)

    @bolt.app.command("/ping")
    async def one(ack: Any) -> None:
        heard["one"] += 1
        await ack()

    @other.command("/ping")
    async def two(ack: Any) -> None:
        heard["two"] += 1
        await ack()

    await handler.connect_async()  # type: ignore[no-untyped-call]  # Bolt leaves it untyped
    await drive(double.until, lambda: double.state()["connected"] == 2)
    for _ in range(40):
        answer = await drive(double.act, "oncall-1", "slash", command="/ping", text="", channel="alerts")
        assert answer["acked"]
    assert sum(heard.values()) == 40
    assert min(heard.values()) >= 5
    await handler.close_async()  # type: ignore[no-untyped-call]  # Bolt leaves it untyped
    await drive(double.until, lambda: double.state()["connected"] == 1)
    assert (await drive(double.post, "disconnect", ask=True))["dropped"] == 1
    await drive(double.until, lambda: double.state()["connected"] == 1, 15)
    assert double.state()["calls"]["apps.connections.open"] == 3
    answer = await drive(double.act, "oncall-1", "slash", command="/ping", text="", channel="alerts")
    assert answer["acked"]


async def test_stale_buttons_and_forged_values(double: Running, bolt: Bolt) -> None:
    @bolt.app.action("approve")
    async def approve(ack: Any, body: Any) -> None:
        await ack()
        bolt.heard.append(body)

    posted = await drive(double.call, "chat.postMessage", channel="C0ALERTS", text="x", blocks=[BUTTON])
    ts = posted["ts"]
    for more in ({"action_id": "other"}, {"block_id": "INC-1:act:0"}):
        refused = await drive(double.act, "oncall-1", "click", 409, **{**click(ts), **more})
        assert refused["error"] == "no_such_button"
    fresh = {"type": "actions", "block_id": "INC-1:act:2", "elements": [button("approve", "Approve")]}
    await drive(double.call, "chat.update", channel="C0ALERTS", ts=ts, text="x", blocks=[fresh])
    await drive(double.act, "oncall-1", "click", 409, **click(ts, block_id="INC-1:act:1"))
    assert bolt.heard == []
    forged = click(ts, block_id="INC-1:act:1", value="stolen", force=True)
    assert (await drive(double.act, "outsider", "click", **forged))["acked"]
    assert bolt.heard[-1]["actions"][0]["value"] == "stolen"
    assert bolt.heard[-1]["actions"][0]["block_id"] == "INC-1:act:1"
    assert bolt.heard[-1]["message"]["blocks"][0]["block_id"] == "INC-1:act:2"
    changed = click(ts, value="changed", force=True)
    await drive(double.act, "guest", "click", **changed)
    assert (bolt.heard[-1]["actions"][0]["value"], bolt.heard[-1]["user"]["id"]) == ("changed", "U0GUEST")
    plain = click(ts, value="ignored without force")
    await drive(double.act, "oncall-1", "click", **plain)
    assert bolt.heard[-1]["actions"][0]["value"] == "v-approve"
    await drive(double.call, "chat.delete", channel="C0ALERTS", ts=ts)
    await drive(double.act, "oncall-1", "click", 409, **click(ts))


async def test_trigger_and_response_url_run_out(double: Running, bolt: Bolt) -> None:
    @bolt.app.command("/incident")
    async def command(ack: Any, body: Any) -> None:
        bolt.heard.append(body)
        await ack()

    async def run() -> Json:
        await drive(double.act, "oncall-1", "slash", command="/incident", text="", channel="alerts")
        return bolt.heard[-1]

    view = {"type": "modal", "title": {"type": "plain_text", "text": "t"}, "blocks": []}
    body = await run()
    trigger = body["trigger_id"]
    assert (await drive(double.call, "views.open", trigger_id=trigger, view=view))["ok"]
    assert (await drive(double.call, "views.open", trigger_id=trigger, view=view))[
        "error"
    ] == "exchanged_trigger_id"
    assert (await drive(double.call, "views.open", trigger_id="1.2", view=view))[
        "error"
    ] == "invalid_trigger_id"
    async with httpx.AsyncClient(trust_env=False) as http:
        codes = [(await http.post(body["response_url"], json={"text": str(n)})).status_code for n in range(6)]
        assert codes == [200] * 5 + [404]
        body = await run()
        await drive(double.post, "clock", jump=4)
        late = await drive(double.call, "views.open", trigger_id=body["trigger_id"], view=view)
        assert late["error"] == "expired_trigger_id"
        await drive(double.post, "clock", jump=1800)
        gone = await http.post(body["response_url"], json={"text": "x"})
        assert (gone.status_code, gone.json()["error"]) == (404, "expired_url")
    notes = (await drive(double.get, "ephemerals", user="oncall-1"))["ephemerals"]
    assert [n["text"] for n in notes] == ["0", "1", "2", "3", "4"]
    assert (await drive(double.get, "ephemerals", user="oncall-2"))["ephemerals"] == []


async def test_other_apps_alerts_and_reactions_reach_the_app(double: Running, bolt: Bolt) -> None:
    @bolt.app.event({"type": "message", "subtype": "bot_message"})
    async def alert(ack: Any, event: Any) -> None:
        await ack()
        bolt.heard.append(event)

    @bolt.app.event("reaction_added")
    async def reaction(ack: Any, event: Any) -> None:
        await ack()
        bolt.heard.append(event)

    attachment = {"color": "danger", "title": "[FIRING:1] HighErrorRate", "text": "checkout"}
    sent = await drive(
        double.act,
        "Grafana",
        "app_message",
        app="Grafana",
        channel="alerts",
        text="alert",
        attachments=[attachment],
    )
    assert sent["acked"]
    assert (bolt.heard[0]["username"], bolt.heard[0]["bot_id"]) == ("Grafana", "B0GRAFANA")
    assert bolt.heard[0]["attachments"] == [attachment]
    assert "user" not in bolt.heard[0]
    await drive(double.act, "oncall-1", "reaction", channel="alerts", message_ts=sent["ts"], name="eyes")
    assert bolt.heard[1]["item"] == {"type": "message", "channel": "C0ALERTS", "ts": sent["ts"]}
    bad = [{"type": "nope"}]
    await drive(double.act, "x", "app_message", 400, app="Grafana", channel="alerts", text="", blocks=bad)
