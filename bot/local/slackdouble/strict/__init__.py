"""The double's own reading of Block Kit's rules, written from Slack's documentation and blind to bot/blocks."""
