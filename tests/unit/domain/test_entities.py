"""An alert is bound to a service of the graph by exact names, and never by likeness."""

import pytest

from bot.domain.alert import Alert, AlertSeverity, AlertStatus
from bot.domain.entities import Names

KNOWN = Names(frozenset({"checkout", "cart-db", "Payments", "checkout-api"}))


def alert(service: str, **labels: str) -> Alert:
    return Alert(
        "f", "s", "n", AlertStatus.FIRING, AlertSeverity.WARNING, service, "", 1.0, 1.0, labels=labels
    )


@pytest.mark.parametrize(
    ("service", "labels", "bound"),
    [
        ("checkout", {}, "checkout"),
        ("Checkout", {}, "checkout"),
        ("payments", {}, "Payments"),
        ("shop/checkout", {}, "checkout"),
        ("checkout.shop.svc.cluster.local:8080", {}, "checkout"),
        ("", {"pod": "checkout-api-7d9f8b6c5-x2x4p"}, "checkout-api"),
        ("node-1", {"pod": "cart-db-0", "host": "node-1"}, "cart-db"),
        ("", {"pod": "checkout-api-vzk5q"}, "checkout-api"),
        ("", {"replicaset": "x", "workload": "cart-db-6b7kx9p4m"}, "cart-db"),
        ("web-1", {"deployment": "checkout"}, "checkout"),
        ("checkou", {}, "checkou"),
        ("checkout-ap", {"pod": "unknown-7d9f8b6c5-x2x4p"}, "checkout-ap"),
        ("", {}, ""),
    ],
)
def test_a_name_that_the_graph_knows_is_bound(service: str, labels: dict[str, str], bound: str) -> None:
    assert KNOWN.bound(alert(service, **labels)).service == bound


def test_two_names_that_differ_in_case_alone_are_not_chosen_between() -> None:
    names = Names(frozenset({"Api", "API"}))
    assert names.bound(alert("api")).service == "api"
    assert names.bound(alert("API")).service == "API"


def test_without_a_graph_nothing_is_touched() -> None:
    one = alert("x")
    assert Names(frozenset()).bound(one) is one
