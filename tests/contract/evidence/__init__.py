"""Contract tests of evidence sources and inventories."""
