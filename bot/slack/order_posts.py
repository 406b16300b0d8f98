"""Posts and edits the one message of each standing order, in the alerts channel; a sender of its own beside the outbox.

As there: doubt is written down before a post, and read back from Slack before anything is posted again.
"""

from dataclasses import dataclass
from functools import partial

import structlog

from bot.blocks.orders import OrderView, render
from bot.boundary import guarded
from bot.domain.errors import Permanent, Retryable, Undecided
from bot.domain.event import TENANT_CHAIN, EventType
from bot.domain.records import Message, MessageKind
from bot.domain.standing_order import OrderRow
from bot.ports import Chat, Clock, Store, Transaction
from bot.slack.pace import Pace

_log = structlog.get_logger()
_LEASE, _LEASE_S = "order_posts", 10.0
_BATCH = 500
_FIRST_EDIT_S = 1.0
_READ_BACK_S, _LONGEST_WAIT_S = 2.0, 600.0


@dataclass(frozen=True, slots=True)
class OrderPosts:
    """`pace` is the outbox's own, so that both together keep within Slack's limits."""

    store: Store
    chat: Chat
    clock: Clock
    channel: str
    holder: str
    pace: Pace

    def send_due(self) -> int:
        """One pass; returns how many messages were posted or edited."""
        now = self.clock.now()
        due = self.store.read(lambda tx: _due(tx, now))
        if not due:
            return 0
        epoch = self.store.transact(
            lambda tx: tx.take_lease(_LEASE, holder=self.holder, now=now, ttl_s=_LEASE_S)
        )
        if epoch is None:
            return 0
        due = self.store.read(lambda tx: _due(tx, now))
        return sum(1 for message in due if guarded("order post", partial(self._send, message, epoch)))

    def _send(self, message: Message, epoch: int) -> bool:
        try:
            return self._edit(message) if message.ts else self._post(message, epoch)
        except Retryable as error:
            self._delay(message, self.clock.now() + error.delay_s, str(error))
        except Undecided as error:
            self._delay(message, self.clock.now() + _READ_BACK_S, str(error))
        except Permanent as error:
            wait = min(_LONGEST_WAIT_S, 15.0 * 2**message.attempts)
            _log.error("message_refused", order=message.incident, reason=str(error))
            self._delay(message, self.clock.now() + wait, str(error))
        return False

    def _post(self, message: Message, epoch: int) -> bool:
        now = self.clock.now()
        if not self.pace.take("chat.postMessage", now, channel=self.channel):
            return False
        found = self._found(message)
        if found is not None:
            self._sent(message, found, revision=message.sent)
            return True
        view = self._view(message)
        if view is None or not self.store.transact(partial(self._doubt, message, epoch)):
            return False
        content = render(view)
        ts = self.chat.post(
            channel=self.channel,
            thread_ts="",
            text=content.text,
            blocks=content.blocks,
            dedupe=self._dedupe(message),
        )
        self._sent(message, ts, revision=message.wanted)
        return True

    def _edit(self, message: Message) -> bool:
        view = self._view(message)
        if view is None or not self.pace.take("chat.update", self.clock.now(), urgent=True):
            return False
        content = render(view)
        self.chat.update(channel=message.channel, ts=message.ts, text=content.text, blocks=content.blocks)
        self._sent(message, message.ts, revision=message.wanted)
        return True

    def _found(self, message: Message) -> str | None:
        if not message.in_doubt or not message.channel:
            return None
        return self.chat.find_post(channel=message.channel, thread_ts="", dedupe=self._dedupe(message))

    def _doubt(self, message: Message, epoch: int, tx: Transaction) -> bool:
        if not tx.holds_lease(_LEASE, epoch):
            return False
        tx.place_message(message.id, channel=self.channel, thread_ts="")
        tx.doubt_message(message.id)
        return True

    def _sent(self, message: Message, ts: str, *, revision: int) -> None:
        now = self.clock.now()
        self.store.transact(
            lambda tx: tx.sent_message(
                message.id, ts=ts, revision=revision, next_at=now + _FIRST_EDIT_S, now=now
            )
        )

    def _delay(self, message: Message, until: float, reason: str) -> None:
        self.store.transact(lambda tx: tx.delay_message(message.id, next_at=until, reason=reason))

    def _view(self, message: Message) -> OrderView | None:
        def read(tx: Transaction) -> OrderView | None:
            row = tx.order(message.incident)
            return None if row is None else _view_of(tx, row, message.wanted)

        return self.store.read(read)

    def _dedupe(self, message: Message) -> str:
        return f"{self.store.tenant}:{message.incident}:{message.id}"


def _due(tx: Transaction, now: float) -> list[Message]:
    return [one for one in tx.due_messages(now=now, limit=_BATCH) if one.kind is MessageKind.ORDER]


def _view_of(tx: Transaction, row: OrderRow, revision: int) -> OrderView:
    ended = [
        str(event.body["why"])
        for event in tx.events(TENANT_CHAIN)
        if event.type is EventType.ORDER_REVOKED and event.body["order_hash"] == row.hash
    ]
    runs = tx.firings(row.hash, since=0.0)
    return OrderView(row, tx.signatures(row.hash), ended[-1] if ended else "", runs, revision)
