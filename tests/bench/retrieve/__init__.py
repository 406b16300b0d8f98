"""Known-item retrieval over post-mortems."""
