"""The SQL of each group of port methods, one file per group of `bot.ports`; combined in `store/sql.py`."""
