"""Inbound Slack: one folder per kind of thing a person can do; listeners verify, record and ack."""
