"""What `stop` and `freeze` share: open the store as it is, turn a switch or enter a window, say what that means."""

import getpass
import time

from bot.cli._opened import existing_store
from bot.domain.errors import Permanent
from bot.domain.scope import scope_words
from bot.pipeline.freeze import freeze_in, lift_in
from bot.pipeline.switch import TENANT, Switched, stored_scope, switch
from bot.ports import Transaction

SCOPES = "tenant, service:NAME, action:ID or incident:INC-7"


def turn(scope: str, *, on: bool) -> None:
    """Turn a switch and print the result; raises Permanent for a scope that is none."""
    named = _named(scope)
    with existing_store() as store:
        outcome = switch(store, named, on=on, by=_me(), now=time.time())
    _check(outcome.reason, scope)
    what = "everything" if named == TENANT else named
    if on:
        print(
            f"Stopped: no further step starts for {what}; a call already sent to a provider is not recalled."
        )
        print(f"Lift it with: watchkeeper stop {named} --off")
    else:
        print(f"Lifted for {what}; wider switches, if any, still hold.")


def freeze_window(scope: str, window: tuple[float, float], *, reason: str, now: float) -> None:
    """Enter a freeze window and print it; raises Permanent for a scope that is none or a time that is over."""
    starts_at, ends_at = window
    with existing_store() as store:
        outcome = store.transact(
            lambda tx: freeze_in(
                tx, _named(scope), starts_at=starts_at, ends_at=ends_at, reason=reason, by=_me(), now=now
            )
        )
    _check(outcome.reason, scope)
    if outcome.window is not None:
        print(f"Frozen: {outcome.window.words()}. It ends by itself.")
        print(f"Lift it earlier with: watchkeeper freeze {_named(scope)} --off")


def lift_windows(scope: str, *, now: float) -> None:
    """End every window of exactly this scope; raises Permanent for a scope that is none."""

    def work(tx: Transaction) -> list[str]:
        stored, _row = stored_scope(tx, _named(scope))
        if isinstance(stored, Switched):
            _check(stored, scope)
        mine = [window for window in tx.freezes(after=now) if window.scope == stored]
        return [window.words() for window in mine if lift_in(tx, window.id, by=_me(), now=now)]

    with existing_store() as store:
        for words in store.transact(work):
            print(f"Lifted the freeze of {words}.")


def _named(scope: str) -> str:
    return scope if scope == TENANT or ":" in scope else f"incident:{scope}"


def _me() -> str:
    return f"cli:{getpass.getuser()}"


def _check(reason: Switched, scope: str) -> None:
    named = _named(scope)
    if reason is Switched.NO_SUCH_INCIDENT:
        message = f"there is no incident {named.partition(':')[2]}; name it like INC-7"
        raise Permanent(message)
    if reason is Switched.NO_SUCH_SCOPE:
        message = f"{scope!r} is no scope; use {SCOPES}"
        raise Permanent(message)
    if reason is Switched.OVER:
        message = f"that time is over already; {scope_words(named)} is not frozen"
        raise Permanent(message)
