"""The driver API under /_double: what tests and the headless demo see and do; loopback only, no token."""

import json
from collections.abc import Awaitable, Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from bot.local.slackdouble import wire
from bot.local.slackdouble.acts import ActError, Acts
from bot.local.slackdouble.deliver import Delivery
from bot.local.slackdouble.double import Double, Fault
from bot.local.slackdouble.model import Channel, Json, Message, channel_named, user_named

COUNTS = ("posts", "edits", "ephemerals", "rate_limited", "unknown_methods", "late_acks", "warnings")
FAULTS = ("429", "500", "hang", "posted_but_lost", "outage")
_USER_FLAGS = {"is_restricted", "is_ultra_restricted", "is_stranger", "deleted", "team_id", "is_bot"}


def state(double: Double, connected: int, channel: Channel | None = None) -> Json:
    """The whole workspace, or one channel of it, with the counters."""
    rooms = [channel] if channel else list(double.workspace.channels.values())
    return {
        "now": double.clock.now(),
        "connected": connected,
        "mode": "http" if double.options.request_url else "socket",
        "channels": [_channel(double, room) for room in rooms],
        "counts": {key: double.counts[key] for key in COUNTS},
        "calls": dict(double.calls),
        "unknown": dict(double.unknown),
        "warnings": list(double.warnings),
        "failures": list(double.failures),
        "mishaps": dict(double.mishaps.happened),
        "rate": double.clock.rate,
    }


def _channel(double: Double, room: Channel) -> Json:
    return {
        "id": room.id,
        "name": room.name,
        "topic": room.topic,
        "purpose": room.purpose,
        "members": list(room.members),
        "pins": list(room.pins),
        "messages": [_message(double, m) for m in room.messages.values()],
    }


def _message(double: Double, message: Message) -> Json:
    return {
        "ts": message.ts,
        "user": message.user,
        "bot": message.bot_id,
        "username": message.username,
        "text": message.text,
        "blocks": message.blocks,
        "attachments": message.attachments,
        "thread_ts": message.thread_ts,
        "metadata": message.metadata,
        "client_msg_id": message.client_msg_id,
        "posted_at": message.posted_at,
        "edited_at": message.edited_at,
        "edit_count": message.edit_count,
        "reactions": message.reactions,
        "files": [wire.file(double.workspace, double.options.base_url, f) for f in message.files],
    }


class Driver:
    """The handlers of /_double over one double."""

    def __init__(self, double: Double, delivery: Delivery, acts: Acts) -> None:
        self.double = double
        self.delivery = delivery
        self.acts = acts

    def routes(self) -> list[Route]:
        """All driver routes."""
        return [
            Route("/_double/state", self.state, methods=["GET"]),
            Route("/_double/ephemerals", self.ephemerals, methods=["GET"]),
            Route("/_double/views", self.views, methods=["GET"]),
            Route("/_double/act", self._post(self.act), methods=["POST"]),
            Route("/_double/fault", self._post(self.fault), methods=["POST"]),
            Route("/_double/faults/clear", self._post(self.clear_faults), methods=["POST"]),
            Route("/_double/disconnect", self._post(self.disconnect), methods=["POST"]),
            Route("/_double/clock", self._post(self.clock), methods=["POST"]),
            Route("/_double/user", self._post(self.user), methods=["POST"]),
            Route("/_double/channel", self._post(self.channel), methods=["POST"]),
            Route("/_double/usergroup", self._post(self.usergroup), methods=["POST"]),
            Route("/_double/reset", self._post(self.reset), methods=["POST"]),
        ]

    def _post(self, act: Callable[[Json], Awaitable[Json]]) -> Callable[[Request], Awaitable[Response]]:
        async def answer(request: Request) -> Response:
            raw = await request.body()
            try:
                body = json.loads(raw or b"{}")
                if not isinstance(body, dict):
                    raise ActError(400, "json_not_object")
                return JSONResponse(await act(body))
            except ActError as fault:
                return JSONResponse(fault.body, fault.status)
            except (ValueError, TypeError) as fault:
                return JSONResponse({"error": "invalid_arguments", "detail": str(fault)}, 400)

        return answer

    async def state(self, request: Request) -> Response:
        """Everything, or ?channel=ID or name."""
        wanted = request.query_params.get("channel")
        room = channel_named(self.double.workspace, wanted) if wanted else None
        if wanted and room is None:
            return JSONResponse({"error": "channel_not_found"}, 404)
        return JSONResponse(state(self.double, self.delivery.link.connected(), room))

    async def ephemerals(self, request: Request) -> Response:
        """What one person (or everybody) was shown privately, after ?since=TS."""
        name = request.query_params.get("user")
        user = user_named(self.double.workspace, name) if name else None
        since = float(request.query_params.get("since") or 0)
        found = [
            vars(e)
            for e in self.double.workspace.ephemerals
            if (user is None or e.user == user.id) and float(e.ts) > since
        ]
        return JSONResponse({"ephemerals": found})

    async def views(self, request: Request) -> Response:
        """Open modals and the Home tab, of ?user=NAME or of everybody."""
        name = request.query_params.get("user")
        user = user_named(self.double.workspace, name) if name else None

        def mine(owner: str) -> bool:
            return user is None or owner == user.id

        views = [
            wire.view(v) | {"view_id": v.id, "user": v.user}
            for v in self.double.views.values()
            if mine(v.user)
        ]
        homes = [
            wire.view(v) | {"view_id": v.id, "user": v.user}
            for v in self.double.homes.values()
            if mine(v.user)
        ]
        return JSONResponse({"views": views, "homes": homes})

    async def act(self, body: Json) -> Json:
        """A person's act."""
        return await self.acts.act(body)

    async def fault(self, body: Json) -> Json:
        """Plan a failure."""
        kind = str(body.get("kind"))
        if kind not in FAULTS:
            raise ActError(400, "unknown_fault", known=FAULTS)
        seconds = float(body.get("seconds", 10 if kind == "outage" else 1))
        times = int(body.get("times", 1))
        until = self.double.clock.now() + seconds
        self.double.faults.append(Fault(str(body.get("method", "*")), kind, times, seconds, until))
        if kind == "outage" and body.get("method", "*") == "*":
            await self.delivery.link.disconnect()
        return {"ok": True}

    async def clear_faults(self, body: Json) -> Json:
        """Forget planned failures."""
        self.double.faults.clear()
        return {"ok": True}

    async def disconnect(self, body: Json) -> Json:
        """Drop sockets; {"ask": true} sends Slack's polite disconnect request instead."""
        return {"ok": True, "dropped": await self.delivery.link.disconnect(ask=bool(body.get("ask")))}

    async def clock(self, body: Json) -> Json:
        """Change the rate or jump ahead."""
        if "rate" in body:
            self.double.clock.set_rate(float(body["rate"]))
        if "jump" in body:
            self.double.clock.jump(float(body["jump"]))
        self.double.changed()
        return {"ok": True, "now": self.double.clock.now(), "rate": self.double.clock.rate}

    async def user(self, body: Json) -> Json:
        """Change a person's flags, for example {"name": "oncall-1", "set": {"deleted": true}}."""
        user = user_named(self.double.workspace, str(body.get("name")))
        wanted: dict[str, Any] = body.get("set") or {}
        if user is None or not set(wanted) <= _USER_FLAGS:
            raise ActError(400, "invalid_user_change", known=sorted(_USER_FLAGS))
        for key, value in wanted.items():
            setattr(user, key, value)
        return {"ok": True, "user": wire.user(user)}

    async def channel(self, body: Json) -> Json:
        """Set who is in a channel, the bot among them or not: {"name": "payments", "users": ["oncall-1"]}.

        One that is not there yet is made; {"private": true} hides it from a bot that is no member.
        """
        space, name = self.double.workspace, str(body.get("name", ""))
        people = [user_named(space, str(one)) for one in body.get("users") or []]
        if not name or None in people:
            raise ActError(400, "invalid_channel_change")
        users = [one.id for one in people if one is not None]
        room = channel_named(space, name)
        if room is None:
            now = self.double.clock.now()
            room = Channel(space.next_id("C0LOCAL"), name, now, users[0] if users else "")
            space.channels[room.id] = room
        room.members, room.is_private = users, bool(body.get("private", room.is_private))
        self.double.changed()
        return {"ok": True, "channel": wire.channel(room)}

    async def usergroup(self, body: Json) -> Json:
        """Set a group's members by name."""
        group = next(
            (g for g in self.double.workspace.groups.values() if g.handle == body.get("handle")), None
        )
        people = [user_named(self.double.workspace, str(n)) for n in body.get("users") or []]
        if group is None or None in people:
            raise ActError(400, "invalid_group_change")
        group.users = [p.id for p in people if p is not None]
        return {"ok": True, "usergroup": wire.group(group)}

    async def reset(self, body: Json) -> Json:
        """A fresh workspace."""
        self.double.reset()
        return {"ok": True}
