"""Playbooks: reviewed responses, read from files and linted before anything starts."""
