"""Tests by cost: unit, contract, slack, scenarios, e2e, promises, bench."""
