"""Run by Alembic, on the connection that opens the store."""

from alembic import context

from steeldefectx.store.schema import Base

context.configure(connection=context.config.attributes["connection"], target_metadata=Base.metadata)
context.run_migrations()
