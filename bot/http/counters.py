"""Counters of the web process, served at /metrics in Prometheus text format."""

from prometheus_client import Counter, Gauge

PAYLOADS = Counter("watchkeeper_payloads_total", "Stored alert payloads.", ["kind"])
ALERTS_REFUSED = Counter("watchkeeper_payloads_refused_total", "Refused alert payloads.", ["status"])
SLACK_SENT = Counter("watchkeeper_slack_messages_total", "Slack messages sent or edited by the outbox.")
INBOX_DECIDED = Counter("watchkeeper_inbox_decided_total", "Things done by people that were decided.")
PROCESS_AGE = Gauge("watchkeeper_process_last_beat_seconds", "Unix time of the last sign of life.", ["name"])
