"""Slack Web API methods of the double, one file per method family; dispatch.py is the only entry."""
