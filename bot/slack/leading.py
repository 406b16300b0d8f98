"""The outbox's lease: one sender at a time, however many web processes there are."""

from dataclasses import dataclass

from bot.ports import Clock, Store, Transaction

_LEASE = "outbox"
_LEASE_S = 10.0
# A call may take ten seconds, so that the lease is renewed before each one unless that was just done; a post renews it
# in the transaction that comes before it.
RENEW_S, RECENT_S = 1.0, 5.0


@dataclass(slots=True)
class Leading:
    """Whether `holder` leads. `epoch` counts the takeovers, so that who led in between can be told."""

    store: Store
    clock: Clock
    holder: str
    epoch: int = 0
    _led_at: float = -RECENT_S
    _refused_at: float = -RENEW_S

    def lead(self, within_s: float = RENEW_S) -> bool:
        """Whether the lease is ours; it is renewed unless that was done within so many seconds."""
        now = self.clock.now()
        if self.recently(within_s):
            return True
        if 0 <= now - self._refused_at < RENEW_S:
            return False
        epoch = self.store.transact(lambda tx: self._taken(tx, now))
        if epoch is None:
            self._refused_at = now
        else:
            self._led_at, self.epoch = now, epoch
        return epoch is not None

    def recently(self, within_s: float = RECENT_S) -> bool:
        """Whether the lease was renewed within so many seconds."""
        return 0 <= self.clock.now() - self._led_at < within_s

    def still(self, tx: Transaction) -> bool:
        """Make sure of the lease in this transaction; False where another sender leads, or led since we took it."""
        if self.recently(RENEW_S):
            return tx.holds_lease(_LEASE, self.epoch)
        return self._taken(tx, self.clock.now()) == self.epoch

    def renewed(self, *, kept: bool) -> None:
        """That transaction is over; where it was not `kept`, whoever leads now is asked before anything else."""
        if not kept:
            self._led_at = -RECENT_S
        elif not self.recently(RENEW_S):
            self._led_at = self.clock.now()

    def _taken(self, tx: Transaction, now: float) -> int | None:
        return tx.take_lease(_LEASE, holder=self.holder, now=now, ttl_s=_LEASE_S)
