"""Pure functions from the Incident to Block Kit dicts."""
