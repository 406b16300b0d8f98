"""Inbound HTTP: alert intake, health, metrics, Slack's HTTP mode."""
