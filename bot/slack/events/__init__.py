"""One file per Slack event."""
