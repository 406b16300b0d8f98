"""Chat: Slack's Web API."""
