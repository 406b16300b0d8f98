"""The closed table of actions: one file per family of targets; `table` puts them together."""
