"""`watchkeeper orders`: list, show and revoke standing orders. Nothing here signs one: that is a click in Slack."""

import getpass
import time
from typing import Annotated

import typer

from bot.cli._opened import existing_store
from bot.domain.errors import Permanent
from bot.domain.standing_order import OrderRow, OrderState, order_text
from bot.pipeline.order_desk import Desk
from bot.pipeline.order_desk import revoke as withdraw
from bot.ports import Transaction

app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False)

Name = Annotated[str, typer.Argument(help="Id of the order, like SO-1.")]


@app.command("list")
def list_() -> None:
    """One line per order: id, state, playbook, services, end; then every tier that somebody set."""
    with existing_store() as store:
        rows, tiers = store.read(lambda tx: (tx.orders(tuple(OrderState)), tx.tiers(())))
    for row in rows:
        order = row.order
        print(
            f"{order.id}  {row.state.value}  {order.playbook}  [{','.join(order.services)}]  until {_utc(order.expires_ms)}"
        )
    for tier in tiers:
        print(f"tier of {tier.scope}: {tier.tier} (by {tier.by})")
    if not rows:
        print("there is no standing order; every plan waits for a click")


@app.command()
def show(name: Name) -> None:
    """The order's text as it was signed, its signatures, and what it has started."""

    def work(tx: Transaction) -> tuple[OrderRow | None, list[str], int]:
        row = tx.order(name)
        if row is None:
            return None, [], 0
        signed = [f"signed by {one.signer} at {_utc(one.signed_ms)}" for one in tx.signatures(row.hash)]
        return row, signed, tx.firings(row.hash, since=0.0)

    with existing_store() as store:
        row, signed, runs = store.read(work)
    if row is None:
        raise Permanent(_unknown(name))
    whole = "" if row.intact else "; the stored text is NOT what was hashed"
    print(order_text(row.content))
    print(
        "\n".join([f"state: {row.state.value}, SHA-256 {row.hash}{whole}", *signed, f"runs started: {runs}"])
    )


@app.command()
def revoke(
    name: Name, why: Annotated[str, typer.Option(help="Why, for the log.")] = "revoked by hand"
) -> None:
    """End an order at once; a run that it has started is stopped with `watchkeeper stop`."""
    by = f"cli:{getpass.getuser()}"
    with existing_store() as store:
        outcome = store.transact(lambda tx: withdraw(tx, name, by=by, why=why[:200], now=time.time()))
    if outcome.outcome is not Desk.REVOKED:
        raise Permanent(outcome.text)
    print(outcome.text)


def _unknown(name: str) -> str:
    return f"there is no standing order {name!r}; `watchkeeper orders list` shows them"


def _utc(at_ms: int) -> str:
    return time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(at_ms // 1000))
