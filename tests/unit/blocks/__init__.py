"""Tests: blocks."""
