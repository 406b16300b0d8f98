"""What `stop` and `freeze` share: open the store as it is, turn a switch, say what that means. No command itself."""

import getpass
import time

from bot.cli._opened import existing_store
from bot.domain.errors import Permanent
from bot.pipeline.switch import TENANT, Switched, switch

SCOPES = "tenant, service:NAME, action:ID or incident:INC-7"


def turn(scope: str, *, on: bool) -> None:
    """Turn a switch and print the result; raises Permanent for a scope that is none."""
    named = scope if scope == TENANT or ":" in scope else f"incident:{scope}"
    with existing_store() as store:
        outcome = switch(store, named, on=on, by=f"cli:{getpass.getuser()}", now=time.time())
    if outcome.reason is Switched.NO_SUCH_INCIDENT:
        message = f"there is no incident {named.partition(':')[2]}; name it like INC-7"
        raise Permanent(message)
    if outcome.reason is Switched.NO_SUCH_SCOPE:
        message = f"{scope!r} is no scope; use {SCOPES}"
        raise Permanent(message)
    what = "everything" if named == TENANT else named
    if on:
        print(
            f"Stopped: no further step starts for {what}; a call already sent to a provider is not recalled."
        )
        print(f"Lift it with: watchkeeper stop {named} --off")
    else:
        print(f"Lifted for {what}; wider switches, if any, still hold.")
