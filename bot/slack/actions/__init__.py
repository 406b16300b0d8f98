"""One file per button."""
