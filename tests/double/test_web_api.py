"""The Web API over HTTP: identity, channels, history, metadata, people, files, unknown methods."""

from pathlib import Path

import httpx
from slack_sdk.web.async_client import AsyncWebClient

from tests.double.conftest import Running, start


def test_tokens(double: Running) -> None:
    answer = double.http.post(f"{double.url}/api/auth.test", headers={"authorization": "Bearer xoxb-local"})
    assert answer.json()["user_id"] == "U0BOT"
    assert "chat:write" in answer.headers["x-oauth-scopes"].split(",")
    assert double.api("auth.test", token="xoxb-wrong").json()["error"] == "invalid_auth"
    assert double.http.post(f"{double.url}/api/auth.test").json()["error"] == "not_authed"
    assert double.api("apps.connections.open").json()["error"] == "not_allowed_token_type"
    assert double.api("apps.connections.open", token="xapp-local").json()["url"].startswith("ws://127.0.0.1:")
    form = double.http.post(f"{double.url}/api/users.info", data={"token": "xoxb-local", "user": "U0GUEST"})
    assert form.json()["user"]["is_ultra_restricted"] is True


def test_unknown_methods_are_named_and_counted(double: Running) -> None:
    answer = double.api("chat.scheduleMessage", channel="C0ALERTS")
    assert answer.status_code == 200
    assert answer.json() == {"ok": False, "error": "unknown_method", "req_method": "chat.scheduleMessage"}
    state = double.state()
    assert state["counts"]["unknown_methods"] == 1
    assert state["unknown"] == {"chat.scheduleMessage": 1}
    assert state["calls"]["chat.scheduleMessage"] == 1


def test_channels(double: Running) -> None:
    double.post("clock", rate=500)
    made = double.call("conversations.create", name="inc-1-checkout")["channel"]
    assert double.call("conversations.create", name="inc-1-checkout")["error"] == "name_taken"
    double.post("clock", jump=60)  # A fast machine makes these calls before the bucket has filled again.
    for name, error in (
        ("Upper", "invalid_name_specials"),
        ("a b", "invalid_name_specials"),
        ("x" * 81, "invalid_name_maxlength"),
        ("--", "invalid_name_punctuation"),
    ):
        assert double.call("conversations.create", name=name)["error"] == error
    room = {"channel": made["id"]}
    assert (
        double.call("conversations.invite", **room, users="U0ONCALL1,U0ONCALL2")["channel"]["num_members"]
        == 3
    )
    assert double.call("conversations.invite", **room, users="U0ONCALL1")["error"] == "already_in_channel"
    assert double.call("conversations.invite", **room, users="U0NOBODY")["error"] == "user_not_found"
    assert (
        double.call("conversations.setTopic", **room, topic="t" * 250)["channel"]["topic"]["value"]
        == "t" * 250
    )
    assert double.call("conversations.setTopic", **room, topic="t" * 251)["error"] == "too_long"
    assert double.call("conversations.members", **room)["members"] == ["U0BOT", "U0ONCALL1", "U0ONCALL2"]
    assert double.call("chat.postMessage", channel="C0NONE", text="x")["error"] == "channel_not_found"
    page = double.call("conversations.list", limit=2)
    assert [c["name"] for c in page["channels"]] == ["alerts", "general"]
    rest = double.call("conversations.list", limit=2, cursor=page["response_metadata"]["next_cursor"])
    assert [c["name"] for c in rest["channels"]] == ["inc-1-checkout"]
    assert len(double.call("users.conversations", user="U0BOT")["channels"]) == 3


def test_messages_keep_metadata_threads_and_edits(double: Running) -> None:
    double.post("clock", rate=100)
    meta = {"event_type": "card", "event_payload": {"key": "k1"}}
    room = {"channel": "C0ALERTS"}
    root = double.call("chat.postMessage", **room, text="one", metadata=meta, client_msg_id="c-1")
    reply = double.call("chat.postMessage", **room, text="two", thread_ts=root["ts"])
    assert (
        double.call("chat.postMessage", **room, text="x", thread_ts="1.000001")["error"] == "thread_not_found"
    )
    assert (
        double.call("chat.postMessage", **room, text="x", thread_ts=reply["ts"])["error"]
        == "cannot_reply_to_message"
    )
    assert (
        double.call("chat.postMessage", **room, text="x", metadata={"a": 1})["error"]
        == "invalid_metadata_format"
    )
    history = double.call("conversations.history", **room, include_all_metadata=True)["messages"]
    assert [(m["text"], m["metadata"], m["client_msg_id"]) for m in history] == [("one", meta, "c-1")]
    assert "metadata" not in double.call("conversations.history", **room)["messages"][0]
    assert [m["text"] for m in double.call("conversations.replies", **room, ts=root["ts"])["messages"]] == [
        "one",
        "two",
    ]
    later = double.call("conversations.history", **room, oldest=root["ts"])["messages"]
    assert later == []
    assert double.call("chat.update", **room, ts=root["ts"], text="edited")["ok"]
    assert double.call("chat.update", **room, ts="1.1", text="x")["error"] == "message_not_found"
    said = double.act("oncall-1", "message", channel="alerts", text="mine")
    assert double.call("chat.update", **room, ts=said["ts"], text="x")["error"] == "cant_update_message"
    assert double.call("pins.add", **room, timestamp=root["ts"])["ok"]
    assert double.call("pins.add", **room, timestamp=root["ts"])["error"] == "already_pinned"
    assert double.call("reactions.add", **room, timestamp=root["ts"], name="eyes")["ok"]
    link = double.call("chat.getPermalink", **room, message_ts=reply["ts"])["permalink"]
    assert double.http.get(link).status_code == 307
    assert double.call("chat.delete", **room, ts=reply["ts"])["ok"]
    shown = double.messages()[0]
    assert (shown["text"], shown["edit_count"], shown["metadata"]) == ("edited", 1, meta)
    assert double.get("state", channel="alerts")["channels"][0]["pins"] == [root["ts"]]
    counts = double.state()["counts"]
    assert (counts["posts"], counts["edits"]) == (2, 1)


def test_people_and_groups_can_change_under_the_app(double: Running) -> None:
    assert double.call("usergroups.users.list", usergroup="S0ONCALL")["users"] == [
        "U0ONCALL1",
        "U0ONCALL2",
        "U0ONCALL3",
    ]
    double.post("usergroup", handle="oncall", users=["oncall-2"])
    assert double.call("usergroups.list", include_users=True)["usergroups"][0]["users"] == ["U0ONCALL2"]
    double.post("user", name="oncall-1", set={"deleted": True})
    assert double.call("users.info", user="U0ONCALL1")["user"]["deleted"] is True
    assert double.act("oncall-1", "message", 403, channel="alerts", text="x")["error"] == "user_cannot_act"
    assert double.call("users.info", user="U0NOBODY")["error"] == "user_not_found"


async def test_upload_with_the_stock_client(double: Running) -> None:
    client = AsyncWebClient(token="xoxb-local", base_url=f"{double.url}/api/")
    picture = b"\x89PNG\r\n" + b"0" * 100
    sent = await client.files_upload_v2(channel="C0ALERTS", filename="map.png", content=picture, title="map")
    file_id = sent["files"][0]["id"]
    async with httpx.AsyncClient(trust_env=False) as http:
        got = await http.get(sent["files"][0]["url_private"])
    assert got.content == picture
    assert "sandbox" in got.headers["content-security-policy"]
    image = {"type": "image", "slack_file": {"id": file_id}, "alt_text": "map"}
    assert (await client.chat_postMessage(channel="C0ALERTS", text="x", blocks=[image]))["ok"]
    ghost = {"type": "image", "slack_file": {"id": "F404"}, "alt_text": "map"}
    answer = await client.api_call("blocks.validate", json={"blocks": [ghost]})
    assert answer["ok"]


def test_faults(double: Running) -> None:
    room = {"channel": "C0ALERTS", "text": "x"}
    double.post("fault", method="chat.postMessage", kind="429", times=1, seconds=7)
    limited = double.api("chat.postMessage", **room)
    assert (limited.status_code, limited.headers["retry-after"]) == (429, "7")
    double.post("fault", method="chat.postMessage", kind="500", times=2)
    assert [double.api("chat.postMessage", **room).status_code for _ in range(3)] == [500, 500, 200]
    double.post("fault", method="chat.postMessage", kind="posted_but_lost", times=1, seconds=0)
    try:
        double.api("chat.postMessage", channel="C0ALERTS", text="lost")
        raise AssertionError("the answer should have been cut off")
    except httpx.RemoteProtocolError:
        pass
    assert double.messages()[-1]["text"] == "lost"
    double.post("fault", method="*", kind="outage", seconds=60)
    assert double.api("auth.test").status_code == 503
    double.post("clock", jump=61)
    assert double.api("auth.test").status_code == 200
    double.post("fault", method="auth.test", kind="hang", times=5, seconds=3600)
    double.post("faults/clear")
    assert double.api("auth.test").status_code == 200


def test_state_file_resumes(tmp_path: Path) -> None:
    path = f"{tmp_path}/state.json"
    first = start(state_file=path)
    posted = first.call("chat.postMessage", channel="C0ALERTS", text="kept")
    first.call("conversations.create", name="inc-9")
    first.stop()
    second = start(state_file=path)
    assert second.messages()[0]["ts"] == posted["ts"]
    assert second.state()["counts"]["posts"] == 1
    assert second.call("conversations.create", name="inc-9")["error"] == "name_taken"
    assert float(second.call("chat.postMessage", channel="C0ALERTS", text="more")["ts"]) > float(posted["ts"])
    second.post("reset")
    assert second.messages() == []
    second.stop()
