"""The executor process: the only one with write credentials and the only one that loads `adapters/executors`.

It has no Redis: it polls the database for approved plans and claims each by compare-and-set.
"""

import math
import signal
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict

import structlog

from bot.adapters import registry
from bot.adapters.evidence import prometheus
from bot.adapters.playbooks import yaml_files
from bot.adapters.store.sql import open_store
from bot.boundary import guarded
from bot.domain.errors import Permanent, Retryable
from bot.pipeline.execute.stage import execute
from bot.pipeline.execute.terms import Means, Measure
from bot.pipeline.orders import Fired, fire_orders
from bot.pipeline.prove import nothing_recorded
from bot.ports import Executor
from bot.settings import Settings
from bot.wiring.parts import SystemClock, caps_of, holder_name
from bot.wiring.stop_file import stop_file

_log = structlog.get_logger()

POLL_S = 0.2
# Where nothing was committed, whatever time alone brings about for standing orders is looked for this often.
ORDERS_S = 1.0
BEAT_S = 5.0
# A plan that an order could not start asks the providers again only after this time.
HELD_S = 5.0
AT_ONCE = 4
_NEWEST_S = 10.0


class Poller:
    """Finds plans that may be claimed and works on a few of them at once."""

    def __init__(self, means: Means, stopping: threading.Event) -> None:
        self._means = means
        self._stopping = stopping
        self._pool = ThreadPoolExecutor(max_workers=AT_ONCE, thread_name_prefix="plan")
        self._busy: set[str] = set()
        self._lock = threading.Lock()
        self._beaten_at = 0.0
        self._held: dict[str, float] = {}
        # Orders read the providers, and no approved plan may wait for a provider that hangs.
        self._orders = ThreadPoolExecutor(max_workers=1, thread_name_prefix="orders")
        self._firing: Future[None] | None = None
        self._fired_at = -math.inf
        self._fire_again = True
        self._next_plan = means.store.next_plan()

    def run(self) -> None:
        """Poll until told to stop; what is under way then stays claimed and is recovered by the next start."""
        while not self._stopping.is_set():
            guarded("poll", self._poll)
            self._stopping.wait(POLL_S)
        for pool in (self._orders, self._pool):
            pool.shutdown(wait=True, cancel_futures=True)

    def _poll(self) -> None:
        store, now = self._means.store, self._means.clock.now()
        if now - self._beaten_at >= BEAT_S:
            store.transact(lambda tx: tx.beat("executor", at=now))
            self._beaten_at = now
        changed, next_at = self._next_plan()
        self._fire_again = self._fire_again or changed or abs(now - self._fired_at) >= ORDERS_S
        if self._fire_again and (self._firing is None or self._firing.done()):
            self._firing = self._orders.submit(guarded, "standing orders", self._fire)
            self._fired_at, self._fire_again = now, False
        if next_at is not None and next_at < now:
            self._claim(now)

    def _claim(self, now: float) -> None:
        for plan_hash in self._means.store.read(lambda tx: tx.claimable_plans(now=now)):
            with self._lock:
                if plan_hash in self._busy or len(self._busy) >= AT_ONCE:
                    continue
                self._busy.add(plan_hash)
            self._pool.submit(self._work, plan_hash)

    def _fire(self) -> None:
        if self._means.stopped() is not None:
            return
        now = self._means.clock.now()
        self._held = {plan: until for plan, until in self._held.items() if now < until <= now + HELD_S}
        for firing in fire_orders(self._means, skip=frozenset(self._held)):
            _log.info("standing_order", **asdict(firing))
            if firing.outcome is Fired.HELD:
                self._held[firing.plan_hash] = now + HELD_S

    def _work(self, plan_hash: str) -> None:
        try:
            result = guarded("execute", lambda: execute(plan_hash, self._means))
            if result is not None:
                _log.info(
                    "plan_ended", plan=plan_hash[:8], outcome=result.outcome.value, reason=result.reason
                )
        finally:
            with self._lock:
                self._busy.discard(plan_hash)


def run(settings: Settings) -> None:
    """Execute approved plans until SIGTERM or SIGINT; raises Permanent when something needed is missing."""
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: stopping.set())
    means = build(settings, stopping)
    _log.info("executor_ready", mode=settings.mode, executors=sorted(means.executors))
    Poller(means, stopping).run()


def build(settings: Settings, stopping: threading.Event) -> Means:
    """Wire the stage. In observe mode no write credential is even looked for."""
    acting = settings.mode == "supervised"
    if acting:
        settings.require("executor", ["grant_key", "prometheus_url"])
    key = settings.grant_key
    return Means(
        store=open_store(settings),
        executors=executors(settings) if acting else {},
        playbooks=yaml_files.build(settings),
        measure=_measure(settings) if acting else _nothing_measured,
        history=prometheus.build(settings).history if acting else nothing_recorded,
        clock=SystemClock(),
        sleep=_sleeper(stopping),
        grant_key=key.get_secret_value().encode() if key and acting else b"",
        mode=settings.mode,
        holder=holder_name("executor"),
        verify_interval_s=settings.verify_interval_s,
        caps=caps_of(settings),
        undo_max_age_s=settings.undo_max_age_s,
        stopped=stop_file(settings.stop_file),
    )


def enabled(settings: Settings) -> tuple[str, ...]:
    """The executors for which the settings name write credentials."""
    names: list[str] = []
    if settings.aws_executor_credentials is not None:
        names.append("aws")
    if settings.kube_executor_config is not None:
        names += ["forensics", "kubectl"]
    if settings.jvm_executor_token_file is not None:
        names.append("jvm")
    if settings.postgres_executor_dsns:
        names.append("postgresql")
    return tuple(names)


def executors(settings: Settings) -> dict[str, Executor]:
    """Every enabled executor by name; raises Permanent naming what one lacks."""
    return {name: _executor(name, settings) for name in enabled(settings)}


def _executor(name: str, settings: Settings) -> Executor:
    built: Executor = registry.module("executors", name).build(settings)
    return built


def _measure(settings: Settings) -> Measure:
    source = prometheus.build(settings)

    def measure(signal_name: str, service: str, _now: float) -> float | None:
        try:
            return source.latest(signal_name, service, _NEWEST_S)
        except (Retryable, Permanent) as error:
            # No reading is no proof: the check does not pass, and the next round asks again.
            _log.warning("check_unreadable", signal=signal_name, service=service, reason=str(error))
            return None

    return measure


def _nothing_measured(_signal: str, _service: str, _now: float) -> None:
    return None


def _sleeper(stopping: threading.Event) -> Callable[[float], None]:
    def sleep(seconds: float) -> None:
        """Wait; when the process is to stop, leave the plan where it is: its journal says how to go on."""
        if stopping.wait(seconds):
            raise SystemExit

    return sleep
