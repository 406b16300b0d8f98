"""Reasoner: who writes the prose."""
