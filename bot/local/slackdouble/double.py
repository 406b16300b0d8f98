"""One running double: workspace, clock, limits, counters, faults and short-lived keys in one place.

It knows no HTTP and no Block Kit; the API, the sockets, the driver and the page all work on it.
"""

import asyncio
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from bot.local.mishaps import Mishaps
from bot.local.slackdouble.clock import Clock
from bot.local.slackdouble.limits import Limits
from bot.local.slackdouble.model import Json, View, Workspace
from bot.local.slackdouble.options import DoubleOptions
from bot.local.slackdouble.seed import fresh

TRIGGER_SECONDS = 3.0
RESPONSE_URL_SECONDS = 30 * 60.0
RESPONSE_URL_USES = 5
# Longer than the app's own client waits.
_HANG_S = 11.0
_RETRY_AFTER_S = 2.0
_MISHAPS = {
    "429": ("429", _RETRY_AFTER_S),
    "500": ("500", 0.0),
    "hang": ("hang", _HANG_S),
    "done, then cut": ("posted_but_lost", 0.0),
    "done, then hang": ("posted_but_lost", _HANG_S),
}


class SlackError(Exception):
    """A refusal in Slack's words; `more` is merged into the answer."""

    def __init__(self, error: str, **more: Any) -> None:
        super().__init__(error)
        self.error = error
        self.more = more


@dataclass
class Trigger:
    """A trigger_id: one use, three seconds of the app's own time."""

    user: str
    at: float
    view: str | None = None
    used: bool = False


@dataclass
class ResponseUrl:
    """Where an app may answer one interaction, five times in thirty minutes."""

    channel: str
    user: str
    at: float
    message_ts: str | None = None
    ephemeral: bool = False
    uses: int = 0


@dataclass
class Fault:
    """A planned failure of a Web API method ("*" for all)."""

    method: str
    kind: str
    times: int
    seconds: float
    until: float


@dataclass
class Double:
    """The state of the double; every part gets this one object."""

    options: DoubleOptions
    clock: Clock
    workspace: Workspace
    limits: Limits = field(default_factory=Limits)
    mishaps: Mishaps = field(default_factory=Mishaps)
    counts: Counter[str] = field(default_factory=Counter)
    calls: Counter[str] = field(default_factory=Counter)
    unknown: Counter[str] = field(default_factory=Counter)
    warnings: deque[str] = field(default_factory=lambda: deque(maxlen=200))
    failures: deque[Json] = field(default_factory=lambda: deque(maxlen=200))
    faults: list[Fault] = field(default_factory=list)
    views: dict[str, View] = field(default_factory=dict)
    homes: dict[str, View] = field(default_factory=dict)
    triggers: dict[str, Trigger] = field(default_factory=dict)
    response_urls: dict[str, ResponseUrl] = field(default_factory=dict)
    tickets: set[str] = field(default_factory=set)
    background: set[asyncio.Task[None]] = field(default_factory=set)
    version: int = 0
    closing: bool = False
    _listeners: set[asyncio.Event] = field(default_factory=set)
    send_event: Callable[[Json], None] = lambda _event: None

    @classmethod
    def start(cls, options: DoubleOptions) -> "Double":
        """A double with a fresh workspace."""
        clock = Clock(rate=options.clock_rate)
        mishaps = Mishaps(options.fault_share, options.fault_seed)
        return cls(options, clock, fresh(clock.now()), mishaps=mishaps)

    def reset(self) -> None:
        """Forget everything but the connections and the clock."""
        self.workspace = fresh(self.clock.now())
        self.limits = Limits()
        for counter in (self.counts, self.calls, self.unknown):
            counter.clear()
        for kept in (self.views, self.homes, self.triggers, self.response_urls):
            kept.clear()
        self.warnings.clear()
        self.failures.clear()
        self.faults.clear()
        self.changed()

    def changed(self) -> None:
        """Tell every page that something is new."""
        self.version += 1
        for listener in self._listeners:
            listener.set()

    def listen(self) -> asyncio.Event:
        """An event that is set at each change; give it back to `unlisten`."""
        listener = asyncio.Event()
        self._listeners.add(listener)
        return listener

    def unlisten(self, listener: asyncio.Event) -> None:
        """Stop telling this page."""
        self._listeners.discard(listener)

    def warn(self, text: str) -> None:
        """Count something that Slack allows and advises against."""
        self.counts["warnings"] += 1
        self.warnings.append(text)

    def new_trigger(self, user: str, view: str | None = None) -> str:
        """A trigger_id for this person, valid for three seconds."""
        key = self.workspace.next_id("1337.") + ".local"
        self.triggers[key] = Trigger(user, self.clock.work(), view)
        return key

    def use_trigger(self, key: str) -> Trigger:
        """The trigger behind an id; SlackError when it is unknown, used or older than three seconds."""
        trigger = self.triggers.get(key)
        if trigger is None:
            raise SlackError("invalid_trigger_id")
        if trigger.used:
            raise SlackError("exchanged_trigger_id")
        if self.clock.work() - trigger.at > TRIGGER_SECONDS:
            raise SlackError("expired_trigger_id")
        trigger.used = True
        return trigger

    def new_response_url(
        self, channel: str, user: str, message_ts: str | None = None, *, ephemeral: bool = False
    ) -> str:
        """An address for up to five answers in thirty minutes."""
        key = self.workspace.next_id("R")
        self.response_urls[key] = ResponseUrl(channel, user, self.clock.now(), message_ts, ephemeral)
        return f"{self.options.base_url}/response/{key}"

    def run(self, work: Any) -> None:
        """Run a coroutine in the background until it ends."""
        task: asyncio.Task[None] = asyncio.ensure_future(work)
        self.background.add(task)
        task.add_done_callback(self.background.discard)

    def fault_for(self, method: str) -> Fault | None:
        """The planned failure for this call, used up by one, or a drawn one; outages last until their time is over."""
        now = self.clock.now()
        for fault in list(self.faults):
            if fault.method not in (method, "*"):
                continue
            if fault.kind == "outage":
                if now < fault.until:
                    return fault
                self.faults.remove(fault)
                continue
            fault.times -= 1
            if fault.times <= 0:
                self.faults.remove(fault)
            return fault
        drawn = self.mishaps.draw(method, tuple(_MISHAPS))
        return Fault(method, *_lasting(drawn)) if drawn else None


def _lasting(drawn: str) -> tuple[str, int, float, float]:
    kind, seconds = _MISHAPS[drawn]
    return kind, 1, seconds, 0.0
