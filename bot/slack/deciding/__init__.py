"""Deciding what people did in Slack, from recorded rows; no Bolt here."""
