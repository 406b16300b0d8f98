"""Frozen dataclasses and pure functions; standard library only, time is an argument."""
