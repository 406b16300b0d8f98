"""What a person does in Slack, turned into the payloads that Slack would send; used by the driver and the page."""

import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from bot.local.slackdouble import answers, find, posting, wire
from bot.local.slackdouble.deliver import Ack, Delivery
from bot.local.slackdouble.double import Double, SlackError
from bot.local.slackdouble.model import (
    APP,
    BOT_USER,
    TEAM,
    Channel,
    Ephemeral,
    Json,
    Message,
    User,
    View,
    channel_named,
    user_named,
)


class ActError(Exception):
    """The Slack client itself would not let the person do this; `status` is the HTTP status."""

    def __init__(self, status: int, error: str, **more: Any) -> None:
        super().__init__(error)
        self.status = status
        self.body = {"acked": False, "error": error, **more}


@dataclass
class Acts:
    """Actions of people on one double."""

    double: Double
    delivery: Delivery

    async def act(self, body: Json) -> Json:
        """Do one act; the answer has acked, ack_ms, ack_payload, error and what the act made."""
        kind = str(body.get("type"))
        if kind == "app_message":
            return await self._app_message(body)
        user = user_named(self.double.workspace, str(body.get("as", "")))
        if user is None:
            raise ActError(404, "user_not_found")
        if user.deleted or user.is_bot:
            raise ActError(403, "user_cannot_act")
        known: dict[str, Callable[[User, Json], Awaitable[Json]]] = {
            "click": self._click,
            "slash": self._slash,
            "message": self._message,
            "reaction": self._reaction,
            "view_submit": self._view_submit,
            "view_close": self._view_close,
            "home": self._home,
        }
        if kind not in known:
            raise ActError(400, "unknown_act", known=[*known, "app_message"])
        self._join(user, body)
        return await known[kind](user, body)

    def _join(self, user: User, body: Json) -> None:
        """A person who acts in a channel is in it: Slack's client lets nobody act before they joined."""
        room = channel_named(self.double.workspace, str(body.get("channel", "")))
        if room is not None and user.id not in room.members:
            room.members.append(user.id)

    def _room(self, body: Json) -> Channel:
        room = channel_named(self.double.workspace, str(body.get("channel", "")))
        if room is None:
            raise ActError(404, "channel_not_found")
        return room

    def _view(self, user: User, body: Json) -> View:
        view = self.double.views.get(str(body.get("view_id")))
        if view is None or view.user != user.id:
            raise ActError(409, "view_not_open")
        return view

    def _common(self, user: User, kind: str) -> Json:
        return {
            "type": kind,
            "token": "local",
            "api_app_id": APP,
            "team": {"id": TEAM, "domain": "local"},
            "enterprise": None,
            "is_enterprise_install": False,
            "user": {"id": user.id, "username": user.name, "name": user.name, "team_id": user.team_id},
        }

    async def _click(self, user: User, body: Json) -> Json:
        if body.get("view_id"):
            return await self._view_click(user, body)
        room = self._room(body)
        ts = str(body.get("message_ts"))
        target: Message | Ephemeral | None = room.messages.get(ts) or self._note(user, ts)
        blocks = target.blocks if target else []
        found = find.action(blocks, str(body.get("action_id")), body.get("block_id"))
        if found is None and not body.get("force"):
            raise ActError(
                409, "no_such_button", detail="the message is gone or has no such element any more"
            )
        whispered = isinstance(target, Ephemeral)
        payload = self._common(user, "block_actions") | {
            "container": {
                "type": "message",
                "message_ts": ts,
                "channel_id": room.id,
                "is_ephemeral": whispered,
                **({"thread_ts": target.thread_ts} if target and target.thread_ts else {}),
            },
            "channel": {"id": room.id, "name": room.name},
            "trigger_id": self.double.new_trigger(user.id),
            "response_url": self.double.new_response_url(room.id, user.id, ts, ephemeral=whispered),
            "actions": [self._action(found, body)],
        }
        if isinstance(target, Message):
            base = self.double.options.base_url
            payload["message"] = wire.message(self.double.workspace, target, base, metadata=True)
        payload["state"] = {"values": self._state(payload["actions"][0])}
        return self._answer(await self.delivery.interactive("interactive", payload))

    def _note(self, user: User, ts: str) -> Ephemeral | None:
        return next((e for e in self.double.workspace.ephemerals if e.ts == ts and e.user == user.id), None)

    def _action(self, found: tuple[str, Json] | None, body: Json) -> Json:
        action_ts = f"{self.double.clock.now():.6f}"
        ids = {"action_id": str(body.get("action_id")), "action_ts": action_ts}
        if found is None:
            where = str(body.get("block_id") or "forged")
            text = {"type": "plain_text", "text": "forged", "emoji": True}
            return {"type": "button", "block_id": where, "text": text, "value": body.get("value"), **ids}
        block_id, element = found
        try:
            action = find.used(element, body.get("value"))
        except ValueError as fault:
            raise ActError(409, "no_such_option", detail=str(fault)) from fault
        if body.get("force") and "value" in body:
            action["value"] = body["value"]
        style = {"style": element["style"]} if "style" in element else {}
        return {"block_id": block_id, **action, **style, **ids}

    def _state(self, action: Json) -> Json:
        if action["type"] == "button":
            return {}
        kept = {k: v for k, v in action.items() if k == "type" or k.startswith("selected") or k == "value"}
        return {action["block_id"]: {action["action_id"]: kept}}

    async def _view_click(self, user: User, body: Json) -> Json:
        view = self._view(user, body)
        found = find.action(view.body["blocks"], str(body.get("action_id")), body.get("block_id"))
        if found is None and not body.get("force"):
            raise ActError(409, "no_such_button")
        payload = self._common(user, "block_actions") | {
            "container": {"type": "view", "view_id": view.id},
            "view": wire.view(view),
            "trigger_id": self.double.new_trigger(user.id, view.id),
            "actions": [self._action(found, body)],
        }
        return self._answer(await self.delivery.interactive("interactive", payload))

    async def _slash(self, user: User, body: Json) -> Json:
        room = self._room(body)
        if body.get("thread_ts"):
            raise ActError(409, "not_in_threads", detail="Slack has no slash commands in threads")
        command = str(body.get("command", ""))
        payload = {
            "token": "local",
            "team_id": TEAM,
            "team_domain": "local",
            "channel_id": room.id,
            "channel_name": room.name,
            "user_id": user.id,
            "user_name": user.name,
            "command": "/" + command.removeprefix("/"),
            "text": str(body.get("text", "")),
            "api_app_id": APP,
            "is_enterprise_install": "false",
            "response_url": self.double.new_response_url(room.id, user.id),
            "trigger_id": self.double.new_trigger(user.id),
        }
        ack = await self.delivery.interactive("slash_commands", payload)
        return self._answer(ack, lambda: answers.slash_ack(self.double, ack.payload, room.id, user.id))

    async def _message(self, user: User, body: Json) -> Json:
        room = self._room(body)
        thread, text = body.get("thread_ts"), str(body.get("text", ""))
        if not text.strip() or len(text) > 40_000:
            raise ActError(400, "no_text")
        if thread is not None and thread not in room.messages:
            raise ActError(409, "thread_not_found")
        if user.id not in room.members:
            room.members.append(user.id)
        now = self.double.clock.now()
        ts = self.double.workspace.next_ts(now)
        message = Message(ts, room.id, user.id, text, now, thread_ts=thread, client_msg_id=str(uuid.uuid4()))
        return await self._told(room, message, mention=f"<@{BOT_USER}>" in text)

    async def _app_message(self, body: Json) -> Json:
        room = self._room(body)
        app = str(body.get("app", "Grafana"))
        now = self.double.clock.now()
        try:
            blocks = posting.checked_blocks(self.double, body.get("blocks"))
            attachments = posting.checked_attachments(self.double, body.get("attachments"))
        except SlackError as refusal:
            raise ActError(400, refusal.error, **refusal.more) from refusal
        message = Message(
            self.double.workspace.next_ts(now),
            room.id,
            "",
            str(body.get("text", "")),
            now,
            blocks,
            attachments,
            bot_id=f"B0{app.upper()}",
            app_id=f"A0{app.upper()}",
            username=app,
            subtype="bot_message",
            metadata=body.get("metadata"),
        )
        return await self._told(room, message, mention=False)

    async def _told(self, room: Channel, message: Message, *, mention: bool) -> Json:
        room.messages[message.ts] = message
        self.double.changed()
        event = {
            **wire.message(self.double.workspace, message, self.double.options.base_url),
            "channel": room.id,
            "event_ts": message.ts,
        }
        waiting = (
            [self.delivery.event({**event, "channel_type": "channel"})] if BOT_USER in room.members else []
        )
        if mention:
            waiting.append(self.delivery.event({**event, "type": "app_mention"}))
        acks = [await w for w in waiting]
        worst = next((a for a in acks if not a.acked), acks[0] if acks else Ack(acked=True))
        return self._answer(worst) | {"ts": message.ts, "queued": worst.error == "app_not_connected"}

    async def _reaction(self, user: User, body: Json) -> Json:
        room = self._room(body)
        message = room.messages.get(str(body.get("message_ts")))
        if message is None:
            raise ActError(409, "message_not_found")
        name = str(body.get("name", "")).strip(":")
        people = message.reactions.setdefault(name, [])
        added = user.id not in people
        (people.append if added else people.remove)(user.id)
        if not people:
            del message.reactions[name]
        self.double.changed()
        event = {
            "type": "reaction_added" if added else "reaction_removed",
            "user": user.id,
            "reaction": name,
            "item": {"type": "message", "channel": room.id, "ts": message.ts},
            "item_user": message.user,
            "event_ts": f"{self.double.clock.now():.6f}",
        }
        return self._answer(await self.delivery.event(event))

    async def _home(self, user: User, body: Json) -> Json:
        event = {
            "type": "app_home_opened",
            "user": user.id,
            "channel": f"D{user.id}",
            "tab": str(body.get("tab", "home")),
            "event_ts": f"{self.double.clock.now():.6f}",
        }
        return self._answer(await self.delivery.event(event))

    async def _view_submit(self, user: User, body: Json) -> Json:
        view = self._view(user, body)
        given = body.get("values") or {}
        values, faults = find.form_values(view.body["blocks"], given)
        if faults and not body.get("force"):
            raise ActError(409, "form_incomplete", errors=faults)
        view.values = values
        payload = self._common(user, "view_submission") | {
            "trigger_id": self.double.new_trigger(user.id, view.id),
            "view": wire.view(view),
            "response_urls": [],
        }
        ack = await self.delivery.interactive("interactive", payload)
        errors: dict[str, str] = {}
        answer = self._answer(ack, lambda: errors.update(answers.view_ack(self.double, ack.payload, view)))
        return answer | {"errors": errors}

    async def _view_close(self, user: User, body: Json) -> Json:
        view = self._view(user, body)
        posting.close_view(self.double, view)
        if not view.body.get("notify_on_close"):
            return self._answer(Ack(acked=True))
        payload = self._common(user, "view_closed") | {"view": wire.view(view), "is_cleared": False}
        return self._answer(await self.delivery.interactive("interactive", payload))

    def _answer(self, ack: Ack, then: Callable[[], None] | None = None) -> Json:
        error = ack.error
        if ack.acked and then is not None:
            try:
                then()
            except SlackError as refusal:
                error = refusal.error
                self.double.failures.append({"reason": "bad_ack", "error": error, **refusal.more})
        return {"acked": ack.acked, "ack_ms": ack.ack_ms, "ack_payload": ack.payload, "error": error}
