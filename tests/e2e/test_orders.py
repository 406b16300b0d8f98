"""`watchkeeper orders` as a process of its own: it lists, shows and revokes, and it has no way to sign."""

from pathlib import Path

from bot.adapters.store.sql import open_store
from bot.domain.secret import SecretStr
from bot.domain.standing_order import OrderState
from bot.settings import Settings
from tests.e2e.command import minimum, watchkeeper
from tests.unit.pipeline.execution_scene import plan_of, undo
from tests.unit.pipeline.order_scene import auto_playbook, order_of, store_order


def test_orders_are_listed_shown_and_revoked(tmp_path: Path) -> None:
    settings = minimum(tmp_path)
    store = open_store(
        Settings(
            audit_key=SecretStr(settings["audit_key"]),
            storage_key=SecretStr(settings["storage_key"]),
            database_url=settings["database_url"],
            data_dir=tmp_path,
        )
    )
    plan = plan_of([undo("shop")])
    order = order_of(plan, auto_playbook(plan))
    store.transact(lambda tx: store_order(tx, order))

    def asked(*arguments: str) -> tuple[int, str]:
        done = watchkeeper("orders", *arguments, settings=settings)
        return done.returncode, done.stdout + done.stderr

    assert "SO-1  live  fix  [shop]" in asked("list")[1]
    code, shown = asked("show", "SO-1")
    assert code == 0
    assert order.hash in shown
    assert "signed by U0A" in shown
    assert asked("show", "SO-9")[0] == 2
    for verb in ("sign", "approve", "draft"):
        assert asked(verb, "SO-1")[0] == 2
    assert asked("revoke", "SO-1", "--why", "too eager")[0] == 0
    row = store.read(lambda tx: tx.order("SO-1"))
    assert row is not None
    assert row.state is OrderState.REVOKED
    last = store.read(lambda tx: tx.events("tenant"))[-1]
    assert (last.type.value, last.body["why"]) == ("order_revoked", "too eager")
    assert last.body["by"].startswith("cli:")
    assert asked("revoke", "SO-1")[0] == 2
    store.close()
