"""What the suites under faults share with the contract suites."""

from tests.contract.evidence.conftest import endpoint

__all__ = ["endpoint"]
