"""The page that looks and acts like Slack, server-rendered; it changes nothing that the driver could not."""

import asyncio
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from functools import partial

import httpx
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import Route

from bot.local.slackdouble import regions
from bot.local.slackdouble.acts import ActError, Acts
from bot.local.slackdouble.deliver import Delivery
from bot.local.slackdouble.double import Double
from bot.local.slackdouble.look.html import Html
from bot.local.slackdouble.model import Json, Workspace, channel_named, user_named

_QUIET_SECONDS = 0.12
_TICK_SECONDS = 2.0
# So long the app may take to close the incident of a scenario that was cut short.
_SETTLE_SECONDS = 4.0


def typed(workspace: Workspace, text: str) -> str:
    """What a person typed, as Slack sends it on: escaped, with names turned into mentions."""
    safe = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")

    def mention(found: "re.Match[str]") -> str:
        name = found[1]
        user = next((u for u in workspace.users.values() if u.name == name), None)
        group = next((g for g in workspace.groups.values() if g.handle == name), None)
        if user is not None:
            return f"<@{user.id}>"
        return f"<!subteam^{group.id}|@{group.handle}>" if group else found[0]

    def room(found: "re.Match[str]") -> str:
        known = next((c for c in workspace.channels.values() if c.name == found[1]), None)
        return f"<#{known.id}|{known.name}>" if known else found[0]

    safe = re.sub(r"(?<!\w)@([a-z0-9_.\-]*[a-z0-9])", mention, safe)
    return re.sub(r"(?<!\w)#([a-z0-9_\-]+)", room, safe)


@dataclass
class Page:
    """The routes of the page."""

    double: Double
    delivery: Delivery
    acts: Acts
    client: httpx.AsyncClient
    html: Html = field(init=False)

    def __post_init__(self) -> None:
        self.html = Html(self.double)

    def routes(self) -> list[Route]:
        """All page routes."""
        return [
            Route("/", self.index, methods=["GET"]),
            Route("/archives/{channel}/{message}", self.permalink, methods=["GET"]),
            Route("/page/parts", self.parts, methods=["GET"]),
            Route("/page/live", self.live, methods=["GET"]),
            Route("/page/act", self.act, methods=["POST"]),
            Route("/page/scenario", self.scenario, methods=["POST"]),
        ]

    def _eyes(self, request: Request) -> regions.Eyes:
        asked, workspace = request.query_params, self.double.workspace
        user = user_named(workspace, asked.get("as", "")) or workspace.users["U0ONCALL1"]
        room = channel_named(workspace, asked.get("channel", "")) or next(iter(workspace.channels.values()))
        thread = asked.get("thread") or None
        return regions.Eyes(user, room, thread if thread in room.messages else None)

    async def _parts(self, eyes: regions.Eyes) -> dict[str, str]:
        double, page = self.double, self.html.page
        regions.mark_read(double, eyes)
        demo = await self._demo()
        common = {"eyes": eyes}
        counts = dict(double.counts)
        return {
            "strip": page(
                "strip.html",
                counts=counts,
                connected=self.delivery.link.connected(),
                double=double,
                demo=demo,
            ),
            "side": page("side.html", rooms=regions.side(double, eyes), **common),
            "demo": page("demo.html", demo=demo),
            "head": page("head.html", pinned=regions.pinned(eyes), **common),
            "messages": self._lines(eyes, regions.channel_lines(double, eyes), thread=False),
            "thread": self._lines(eyes, regions.thread_lines(double, eyes), thread=True),
            "modal": page("modal.html", view=regions.modal(double, eyes)),
        }

    def _lines(self, eyes: regions.Eyes, lines: list[regions.Line], *, thread: bool) -> str:
        one = partial(self.html.line, eyes, thread=thread)
        return self.html.page("lines.html", lines=lines, thread=thread, eyes=eyes, one=one)

    async def index(self, request: Request) -> Response:
        """The page as a whole."""
        eyes = self._eyes(request)
        people = [u for u in self.double.workspace.users.values() if not u.is_bot and not u.deleted]
        parts = await self._parts(eyes)
        return HTMLResponse(self.html.page("index.html", eyes=eyes, people=people, parts=parts))

    async def parts(self, request: Request) -> Response:
        """The regions of the page as HTML, for the script to swap in."""
        eyes = self._eyes(request)
        place = {"channel": eyes.room.id, "name": eyes.room.name, "as": eyes.user.name, "thread": eyes.thread}
        return JSONResponse({"parts": await self._parts(eyes), "place": place})

    async def live(self, request: Request) -> Response:
        """Server-sent events: one at each change, at most about eight a second."""

        async def stream() -> AsyncIterator[str]:
            listener = self.double.listen()
            try:
                while not self.double.closing:
                    yield f"data: {self.double.version}\n\n"
                    try:
                        await asyncio.wait_for(listener.wait(), _TICK_SECONDS)
                        await asyncio.sleep(_QUIET_SECONDS)
                    except TimeoutError:
                        pass
                    listener.clear()
            finally:
                self.double.unlisten(listener)

        return StreamingResponse(stream(), media_type="text/event-stream")

    async def act(self, request: Request) -> Response:
        """A person's act from the page; typed text is escaped and its names become mentions here."""
        try:
            body: Json = await request.json()
            if "typed" in body:
                text = typed(self.double.workspace, str(body.pop("typed")).strip())
                body |= {"type": "message", "text": text}
                if text.startswith("/"):
                    command, _, rest = text.partition(" ")
                    body |= {"type": "slash", "command": command, "text": rest.strip()}
            return JSONResponse(await self.acts.act(body))
        except ActError as refusal:
            return JSONResponse(refusal.body, refusal.status)
        except (ValueError, TypeError) as fault:
            return JSONResponse({"error": "invalid_arguments", "detail": str(fault)}, 400)

    async def permalink(self, request: Request) -> Response:
        """A message's stable address leads to its place on the page."""
        digits = str(request.path_params["message"]).removeprefix("p")
        ts = f"{digits[:-6]}.{digits[-6:]}"
        thread = request.query_params.get("thread_ts", "")
        room = str(request.path_params["channel"])
        return RedirectResponse(f"/?channel={room}&thread={thread}#m-{ts}")

    async def _demo(self) -> Json | None:
        if not self.double.options.controls_url:
            return None
        try:
            answer = await self.client.get(f"{self.double.options.controls_url}/scenarios", timeout=0.5)
            body = answer.raise_for_status().json()
        except (httpx.HTTPError, ValueError):
            return {"scenarios": [], "running": None}
        return body if isinstance(body, dict) else None

    async def _say_first(self, name: str) -> None:
        """Type as a person what a scenario wants said before it begins, and wait for the private answer."""
        demo = await self._demo() or {}
        found: Json = next((one for one in demo["scenarios"] if one["name"] == name), {})
        command, _, text = str(found.get("says_first", "")).partition(" ")
        if not command:
            return
        room = next(iter(self.double.workspace.channels))
        heard = len(self.double.workspace.ephemerals)
        act = {"as": "oncall-1", "type": "slash", "command": command, "text": text, "channel": room}
        await self.acts.act(act)
        for _ in range(30):
            if len(self.double.workspace.ephemerals) > heard:
                return
            await asyncio.sleep(0.1)

    async def scenario(self, request: Request) -> Response:
        """Start a demo scenario at the controls address: the one before ends first, and what must be said is said."""
        if not self.double.options.controls_url:
            return JSONResponse({"error": "no demo controls"}, 404)
        try:
            wanted = {"scenario": str((await request.json()).get("scenario"))}
            url = self.double.options.controls_url
            ended = (await self.client.post(f"{url}/end", timeout=10)).raise_for_status().json()
            if ended.get("resolved"):
                await asyncio.sleep(_SETTLE_SECONDS)
            await self._say_first(wanted["scenario"])
            answer = await self.client.post(f"{url}/start", json=wanted, timeout=10)
        except (httpx.HTTPError, ActError, ValueError, AttributeError):
            return JSONResponse({"error": "the demo does not answer"}, 502)
        self.double.changed()
        if not answer.is_success:
            return JSONResponse({"error": answer.text[:300]}, answer.status_code)
        return JSONResponse({"ok": True})
