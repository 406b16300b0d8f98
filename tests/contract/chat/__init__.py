"""Tests: the Chat port."""
