"""Alembic's entry: runs migrations on the connection that `migrate.py` hands over."""

from alembic import context

from bot.adapters.store.schema import metadata

_connection = context.config.attributes["connection"]
context.configure(connection=_connection, target_metadata=metadata, render_as_batch=True)
with context.begin_transaction():
    context.run_migrations()
if _connection.in_transaction():
    _connection.commit()
