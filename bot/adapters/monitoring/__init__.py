"""AlertParser: one file per monitoring system."""
