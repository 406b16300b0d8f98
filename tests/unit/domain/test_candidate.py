"""The first candidate: coverage through callers, own evidence, independence of order and of start times."""

import random
import time

from hypothesis import given
from hypothesis import strategies as st

from bot.domain.candidate import ServiceSummary, first_candidate, rank_candidates
from bot.domain.topology import Topology

CHAIN = Topology(
    calls={"front": ("api",), "api": ("cart", "search"), "cart": ("store",), "search": ("index",)}
)


def seen(**counts: int) -> list[ServiceSummary]:
    return [ServiceSummary(name, count, 1000.0 - at) for at, (name, count) in enumerate(counts.items())]


def test_deepest_common_dependency_wins_over_the_loudest():
    found = first_candidate(seen(front=40, api=40, cart=35, store=30), CHAIN)
    assert found.service == "store"
    assert "4 of 4" in found.why


def test_a_dependency_that_barely_alerts_does_not_take_the_blame():
    assert first_candidate(seen(front=40, api=40, cart=40, store=1), CHAIN).service == "cart"


def test_everyday_noise_beside_the_incident_names_nobody_and_covers_nothing():
    noise = [ServiceSummary(f"other-{n}", 1, 1.0) for n in range(50)]
    calls = {**CHAIN.calls, **{f"other-{n}": ("hub",) for n in range(50)}}
    summaries = [*noise, ServiceSummary("hub", 1, 1.0), *seen(front=30, api=30, cart=28)]
    ranked = rank_candidates(summaries, Topology(calls=calls))
    assert ranked[0].service == "cart"
    assert {one.service for one in ranked} == {"front", "api", "cart"}


def test_earliest_alert_does_not_win_by_itself():
    summaries = [ServiceSummary("front", 10, 100.0), ServiceSummary("cart", 10, 159.0)]
    assert first_candidate(summaries, CHAIN).service == "cart"


def test_silent_services_are_bridged_at_a_price():
    deep = Topology(calls={"a": ("b",), "b": ("c",), "c": ("d",)})
    near, far = first_candidate(seen(a=9, c=9), deep), first_candidate(seen(a=9, d=9), deep)
    assert near.service == "c"
    assert far.service == "d"
    assert far.score < near.score


def test_an_edge_that_the_map_lacks_is_looked_for_where_edges_usually_lead():
    tiers = {f"web-{n}": (f"api-{n}",) for n in range(6)} | {f"api-{n}": (f"db-{n % 3}",) for n in range(5)}
    loud = dict.fromkeys(["web-0", "api-0", "web-3", "api-3", "web-5", "api-5", "db-0"], 9)
    summaries = [ServiceSummary(name, count, 1.0) for name, count in loud.items()]
    ranked = rank_candidates(summaries, Topology(calls=tiers))
    assert [one.service for one in ranked[:2]] == ["db-0", "api-5"]


def test_one_very_loud_service_does_not_make_the_others_background():
    ranked = rank_candidates(seen(front=500, api=6, cart=5, store=5), CHAIN)
    assert ranked[0].service == "store"


def test_without_topology_the_heaviest_is_named_and_said_so():
    found = first_candidate(
        [ServiceSummary("x", 5, 1.0), ServiceSummary("y", 4, 1.0, critical=True)], Topology()
    )
    assert found.service == "y"
    assert "no known dependency" in found.why


def test_nothing_to_name():
    assert first_candidate([], CHAIN).service == ""
    assert first_candidate([ServiceSummary("", 3, 1.0)], CHAIN).service == ""


def test_cycles_end():
    ring = Topology(calls={"a": ("b",), "b": ("c",), "c": ("a",)})
    assert first_candidate(seen(a=3, b=3, c=3), ring).service in {"a", "b", "c"}


@given(st.permutations(seen(front=7, api=7, cart=5, store=6, search=2)))
def test_order_does_not_matter(order: list[ServiceSummary]):
    assert rank_candidates(order, CHAIN) == rank_candidates(
        seen(front=7, api=7, cart=5, store=6, search=2), CHAIN
    )


def test_a_thousand_alerting_services_take_a_moment():
    draw = random.Random(7)
    names = [f"s{n:04d}" for n in range(1000)]
    calls = {name: tuple(draw.sample(names[at + 1 :], min(3, 999 - at))) for at, name in enumerate(names)}
    summaries = [ServiceSummary(name, draw.randint(1, 20), draw.random()) for name in names]
    started = time.process_time()
    assert first_candidate(summaries, Topology(calls=calls)).service
    assert time.process_time() - started < 5  # Far above what it needs: the benches time it.
