"""Alerts of services that only suffer are put down to their cause, with the way it reaches them, on card and in why."""

from dataclasses import replace

import pytest

from bot.adapters.store.sql import SqlStore
from bot.blocks import card, reasons
from bot.blocks.shape import Place
from bot.domain.demotion import Demotion, demoted
from bot.domain.topology import Topology
from tests.unit.blocks.samples import FOUND
from tests.unit.domain.incidents import SHOP
from tests.unit.domain.test_diagnosis import bad_deploy
from tests.unit.pipeline.test_investigate import At, Told, incident, opened, readings, run

__all__ = ["opened"]


def shown(blocks: object) -> str:
    return str(blocks)


def test_who_depends_on_the_cause_is_a_symptom_and_the_way_is_named() -> None:
    graph = Topology({"web": ("api",), "api": ("db",), "mail": ("disk",), "old": ("api",)}, {}, 1.0)
    found = demoted("db", ["web", "api", "mail", "db", "", "stranger"], graph)
    assert found == Demotion((("api", "db"), ("web", "api")), ("mail", "stranger"))
    assert demoted("nowhere", ["web"], graph) == Demotion()


def test_the_log_keeps_it(opened: SqlStore) -> None:
    opened.transact(lambda tx: tx.save_topology(SHOP))
    run(opened, bad_deploy(), sources=[Told(readings(bad_deploy()))], clock=At())
    found = incident(opened)
    assert found.diagnosis is not None
    cause = found.diagnosis.hypotheses[0].service
    others = {alert.service for alert in bad_deploy().alerts} - {cause}
    assert {name for name, _ in found.symptoms} | set(found.apart) == others
    assert found.symptoms


@pytest.mark.parametrize("symptoms", [1, 6])
def test_it_reads_well(symptoms: int) -> None:
    assert FOUND.diagnosis is not None
    cause = FOUND.diagnosis.hypotheses[0].service
    names = tuple((f"web-{at}", cause) for at in range(symptoms))
    counts = {cause: 9, "web-0": 400, "mail": 2}
    found = replace(
        FOUND, symptoms=names, apart=("mail",), services=counts, joins={"dependency": 400, "odd": 1}
    )
    going_on = shown(card.render(found, Place()).blocks)
    few = f"Symptoms: `web-0` (400), which depends on `{cause}`"
    many = f"Symptoms: `web-0` (400), `web-1`, `web-2` and 3 more, which depend on `{cause}`"
    assert (few if symptoms == 1 else many) in going_on
    assert f"Not explained by `{cause}`: `mail` (2)" in going_on
    assert "Loudest" not in going_on
    long = shown(reasons.blocks(found))
    assert f"• `web-0` (400) through `{cause}`" in long
    assert "*Why together:* 400 alerts of services that call each other" in long
