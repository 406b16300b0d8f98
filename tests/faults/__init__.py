"""Tests: what the product promises, once more while a share of all calls fails."""
