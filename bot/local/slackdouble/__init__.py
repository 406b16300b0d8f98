"""A strict local double of Slack (Web API, Socket Mode, signed HTTP, and a page); it shares no code with bot/blocks."""
