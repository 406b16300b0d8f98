"""Store: one schema on SQLite and PostgreSQL."""
