"""The web process: alert intake, Slack in and out, the loops beside them. It decides clicks; it holds no write credential."""

import asyncio
import contextlib
import secrets
import signal
import socket
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from dataclasses import dataclass
from functools import partial
from typing import cast

import structlog
import uvicorn
from prometheus_client import Counter
from slack_bolt.async_app import AsyncApp
from starlette.applications import Starlette
from starlette.routing import Route

from bot.adapters.chat import slack as slack_chat
from bot.adapters.monitoring import _sns as sns
from bot.adapters.queue import rq as rq_queue
from bot.adapters.store.sql import open_store
from bot.boundary import guarded
from bot.domain.errors import Permanent, Retryable
from bot.domain.playbook import Playbook
from bot.http import switch_page
from bot.http.app import build_http
from bot.http.calm import CalmServer
from bot.http.conditions import Conditions
from bot.http.counters import INBOX_DECIDED, SLACK_SENT
from bot.http.doors import Doors
from bot.http.front import Front
from bot.http.group_commit import GroupCommit
from bot.http.health import HealthPorts
from bot.http.intake import IntakePorts
from bot.http.poker import Poker
from bot.http.switch_guard import Guard
from bot.http.switch_page import SwitchPorts
from bot.ports import JobQueue, Store, Transaction
from bot.settings import Settings
from bot.slack.answers import Answers, Aside
from bot.slack.app import build_app, socket_handler
from bot.slack.deciding.parts import DecidingParts
from bot.slack.due import Bell, Look
from bot.slack.http_mode import door as signed_door
from bot.slack.inbox import decide_inbox
from bot.slack.listening import SlackPorts
from bot.slack.order_posts import OrderPosts
from bot.slack.outbox import Outbox
from bot.slack.pace import Pace
from bot.slack.recording import Recorder
from bot.slack.rehearsal import rehearse
from bot.slack.socket import Socket, stay_connected
from bot.wiring.apart import playbooks_of
from bot.wiring.parts import SystemClock, holder_name, new_id, parsers, settled
from bot.wiring.pulling import Pulled, pulled
from bot.wiring.sweeper import Sweeper
from bot.wiring.turns import Turns

NEEDED = ("sources", "audit_key", "storage_key", "grant_key", "slack_bot_token")
# While alerts come in, the sender holds its lease, so that their card need not wait for it.
LEADS_S = 4.0
APPROVERS_S = 30.0
CONDITIONS_S = 3.0
MOST_DAMAGED = 20  # Told one by one; more at once are one fault of the database.
# So long may a payload be pending before that is said.
BACKLOG_S = 60.0

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Web:
    """Everything that the process holds."""

    settings: Settings
    store: Store
    queue: JobQueue
    chat: slack_chat.SlackChat
    clock: SystemClock
    outbox: Outbox
    order_posts: OrderPosts
    bell: Bell
    playbooks: Sequence[Playbook]
    poker: Poker
    commits: GroupCommit
    slack: SlackPorts
    inbox_poke: threading.Event
    stopping: threading.Event
    conditions: Conditions
    pulls: Sequence[Pulled] = ()


def run(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT; raises Permanent when something needed is missing or the port is taken."""
    settings.require("web", NEEDED)
    settings.require(
        "web", ["slack_app_token"] if settings.slack_mode == "socket" else ["slack_signing_secret"]
    )
    Doors(settings.sources, parsers(settings))  # A wrong source is said before anything is asked of Slack.
    listening = _listen(settings)
    app = _http(build(settings))
    settled()
    config = uvicorn.Config(
        app, http=Front, ws="none", log_config=None, access_log=False, timeout_graceful_shutdown=3
    )
    with contextlib.suppress(KeyboardInterrupt):
        CalmServer(config).run(sockets=[listening])


def build(settings: Settings) -> Web:
    """Wire the process; every call that can fail happens here, before anything is served."""
    clock = SystemClock()
    playbooks = _playbooks(settings)  # A file with a finding is said before anything is asked of Slack.
    store = open_store(settings, for_storms=True)
    chat = slack_chat.build(settings, clock)
    team, bot_user = chat.identity()
    queue = rq_queue.build(settings.redis_url)
    poker = Poker(queue)
    inbox_poke = threading.Event()
    alerts, pace = chat.channel_id(settings.alerts_channel), Pace()
    return Web(
        settings=settings,
        store=store,
        queue=queue,
        chat=chat,
        clock=clock,
        outbox=Outbox(
            store=store,
            chat=chat,
            clock=clock,
            alerts_channel=alerts,
            group=settings.approver_group,
            group_id=chat.group_id(settings.approver_group),
            holder=holder_name("web"),
            pace=pace,
            quiet_s=poker.quiet_s,
        ),
        order_posts=OrderPosts(store, chat, clock, alerts, holder_name("web"), pace),
        bell=Bell(store, clock, poker.quiet_s),
        playbooks=playbooks,
        poker=poker,
        commits=GroupCommit(store, poker.committed),
        slack=_slack_ports(settings, store, clock, poker, inbox_poke, team=team, bot_user=bot_user),
        inbox_poke=inbox_poke,
        stopping=threading.Event(),
        conditions=_conditions(settings, store, chat, clock, alerts),
        pulls=pulled(settings, parsers(settings), store, clock, partial(queue.poke, "bot.jobs.correlate", 0)),
    )


def _conditions(
    settings: Settings, store: Store, chat: slack_chat.SlackChat, clock: SystemClock, channel: str
) -> Conditions:
    def database() -> str:
        store.transact(lambda tx: tx.beat("web", at=clock.now()))
        return ""

    def backlog() -> str:
        oldest = store.read(lambda tx: tx.oldest_pending_raw())
        waits = clock.now() - oldest if oldest is not None else 0.0
        return f"alerts wait for {waits:.0f} s to be correlated" if waits > BACKLOG_S else ""

    def tell(key: str, words: str) -> None:
        chat.post(
            channel=channel, thread_ts="", text=words, blocks=[], dedupe=f"{settings.tenant}:condition:{key}"
        )

    queue = rq_queue.problem_of(settings.redis_url)
    looks = {"database": database, "job queue": queue, "correlator": backlog}
    return Conditions(looks, tell, clock.now, lambda: store.read(damaged_logs))


def damaged_logs(tx: Transaction) -> dict[str, str]:
    """Open incidents whose log cannot be read: nothing is shown or decided there any more, and nobody would see why."""
    rows = [row for row in tx.open_incidents() if tx.incident(row.id) is None]
    return {
        f"log of INC-{row.number}": f"The log of INC-{row.number} cannot be read, so its card stays as it is and nothing can be "
        f"decided there. Other incidents go on. `watchkeeper audit verify` names the entry."
        for row in rows[:MOST_DAMAGED]
    }


def _slack_ports(
    settings: Settings,
    store: Store,
    clock: SystemClock,
    poker: Poker,
    inbox_poke: threading.Event,
    *,
    team: str,
    bot_user: str,
) -> SlackPorts:
    recorder = Recorder(store, clock, poker.committed)
    secret, token = settings.slack_signing_secret, settings.slack_bot_token
    return SlackPorts(
        record=recorder.record,
        record_alert=recorder.record_alert,
        mark=recorder.mark,
        make_way=recorder.make_way,
        poke=inbox_poke.set,
        team=team,
        bot_user=bot_user,
        bot_token=token.get_secret_value() if token else "",
        api_url=settings.slack_api_url,
        signing_secret=secret.get_secret_value() if secret else "",
        alert_apps=settings.slack_alert_apps,
    )


def _http(web: Web) -> Starlette:
    notary = sns.build(endpoint_url=web.settings.aws_endpoint_url)
    intake = IntakePorts(web.settings.sources, parsers(web.settings), web.commits, web.clock, notary)
    health = HealthPorts(
        web.store,
        web.clock,
        _expected(web.settings),
        web.settings.mode,
        web.conditions.wrong,
        web.conditions.lasts,
    )
    app = build_app(web.slack)
    door = [Route("/slack/events", signed_door(app, web.slack, now=web.clock.now), methods=["POST"])]
    extra = [*(door if web.settings.slack_mode == "http" else []), *switch_page.routes(_switch(web))]
    return build_http(intake, health, partial(_beside, web, app), extra)


def _playbooks(settings: Settings) -> Sequence[Playbook]:
    """What a standing order may be drafted from; without the folder web still serves, and drafts none."""
    if not settings.playbooks_dir.is_dir():
        _log.warning("no_playbooks", folder=str(settings.playbooks_dir), lost="drafting standing orders")
        return ()
    return playbooks_of(settings)


def _switch(web: Web) -> SwitchPorts:
    token = web.settings.operator_token
    guard = Guard(token.get_secret_value() if token else "", secrets.token_bytes(32))
    return SwitchPorts(web.store, web.clock, guard)


def _expected(settings: Settings) -> tuple[str, ...]:
    acting = ("executor",) if settings.mode == "supervised" else ()
    return ("web", "correlator", "worker", *acting)


def _deciding(web: Web) -> DecidingParts:
    key = web.settings.grant_key
    return DecidingParts(
        store=web.store,
        chat=web.chat,
        clock=web.clock,
        queue=web.queue,
        grant_key=key.get_secret_value().encode() if key else b"",
        approver_group=web.settings.approver_group,
        home_team=web.slack.team,
        observe_only=web.settings.mode == "observe",
        new_id=new_id,
        say=Answers(
            web.chat, web.clock, Aside().do, web.stopping.wait, Aside(threads=2, name="forms").do
        ).say,
        playbooks=web.playbooks,
        undo_max_age_s=web.settings.undo_max_age_s,
        make_way=web.slack.make_way,
    )


@contextlib.asynccontextmanager
async def _beside(web: Web, app: AsyncApp, _served: Starlette) -> AsyncIterator[None]:
    """What runs beside the requests."""
    sweeper = Sweeper(
        web.store, web.queue, web.clock, "web", web.settings.resolve_after_s, web.settings.max_open_proposals
    )
    inbox = Turns(web.inbox_poke, partial(decide_inbox, _deciding(web)))
    guarded("rehearsal", lambda: rehearse(web.store, now=web.clock.now()))
    threads = [
        sweeper.start(web.stopping),
        _loop(
            "outbox",
            web,
            lambda: None,
            partial(counted, SLACK_SENT, partial(_send_due, web)),
        ),
        _loop(
            "inbox",
            web,
            inbox.wait,
            partial(counted, INBOX_DECIDED, inbox.take),
        ),
        *_pulls(web),
        _loop("conditions", web, lambda: web.stopping.wait(CONDITIONS_S), web.conditions.look),
        _loop("approvers", web, lambda: web.stopping.wait(APPROVERS_S), partial(_keep_approvers, web)),
    ]
    loops = {"commits": web.commits.run(), "poker": web.poker.run()}
    if web.settings.slack_mode == "socket":
        loops["socket"] = _sockets(web, app)
    tasks = [asyncio.create_task(loop, name=name) for name, loop in loops.items()]
    for task in tasks:
        task.add_done_callback(ends_with_it)
    _log.info("web_ready", mode=web.settings.mode, port=web.settings.http_port)
    try:
        yield
    finally:
        web.stopping.set()
        web.inbox_poke.set()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for thread in threads:
            await asyncio.to_thread(thread.join, 3.0)


def _send_due(web: Web) -> int:
    """Send what is due; while alerts come in, have everything ready for the card that follows."""
    bell = web.bell
    look = bell.wait(web.stopping)
    if bell.busy() and look is not Look.DUE:
        if look is Look.SOON:
            bell.expecting = web.outbox.prepare()
            look = bell.look()  # That may have taken as long as the correlator did.
        web.outbox.lead(LEADS_S)
    if look is not Look.DUE:
        return 0
    sent = web.outbox.send_due()
    return sent + web.order_posts.send_due() if web.outbox.others_due else sent


def _pulls(web: Web) -> list[threading.Thread]:
    """A thread for each queue; they end with the process, since one may wait for a message for seconds."""
    threads = [
        threading.Thread(target=one.run, args=(web.stopping,), name=f"pull-{one.name}", daemon=True)
        for one in web.pulls
    ]
    for thread in threads:
        thread.start()
    return threads


def _keep_approvers(web: Web) -> None:
    """Keep the group for the executor, which has no way to Slack; what cannot be read is not kept, and grows old."""
    try:
        users = web.chat.group_members(web.settings.approver_group)
    except (Retryable, Permanent) as error:
        _log.warning("approvers_unreadable", reason=str(error))
        return
    web.store.transact(
        lambda tx: tx.save_approvers(users, at=tx.database_now(now=web.clock.now()) or web.clock.now())
    )


def _loop(name: str, web: Web, wait: Callable[[], object], work: Callable[[], object]) -> threading.Thread:
    """Wait and work in turn, in a thread of its own, until the process stops."""

    def turns() -> None:
        while not web.stopping.is_set():
            wait()
            guarded(name, work)

    thread = threading.Thread(target=turns, name=name, daemon=True)
    thread.start()
    return thread


def counted(counter: Counter, work: Callable[[], int]) -> None:
    """Work, and count what was done for /metrics."""
    counter.inc(work())


def _sockets(web: Web, app: AsyncApp) -> Coroutine[None, None, None]:
    token = web.settings.slack_app_token
    return stay_connected(
        lambda: cast(Socket, socket_handler(app, web.slack, token.get_secret_value() if token else ""))
    )


def ends_with_it(task: "asyncio.Task[None]") -> None:
    """A process whose loop ended by surprise would look alive and do nothing; it ends, and is started again."""
    if not task.cancelled():
        _log.critical("loop_ended", loop=task.get_name(), reason=repr(task.exception())[:300])
        signal.raise_signal(signal.SIGTERM)


def _listen(settings: Settings) -> socket.socket:
    """Take the port now, so that a taken one is one clear line."""
    # With the protocol named, asyncio switches Nagle's algorithm off; else answers wait 40 ms on kept connections.
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((settings.http_host, settings.http_port))
    except OSError as error:
        message = f"port {settings.http_port} on {settings.http_host} cannot be used: {error.strerror}; set WATCHKEEPER_HTTP_PORT"
        raise Permanent(message) from error
    return listening
