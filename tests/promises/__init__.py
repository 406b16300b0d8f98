"""Tests: promises."""
