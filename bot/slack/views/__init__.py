"""One file per modal."""
