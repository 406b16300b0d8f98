"""The queue adapters."""
