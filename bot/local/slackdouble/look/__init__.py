"""How things look: Slack's texts, blocks and charts as safe HTML for the page."""
