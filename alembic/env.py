"""Run the migrations on the connection that `service.storage.migrate` hands over."""

from alembic import context
from sqlmodel import SQLModel

import service.storage.delivery_tables
import service.storage.erasure_tables
import service.storage.export_tables
import service.storage.key_tables
import service.storage.tables  # noqa: F401 - registers the tables in the metadata

connection = context.config.attributes.get("connection")
if connection is None:
    raise SystemExit("run migrations with: consent-ledger migrate")

context.configure(connection=connection, target_metadata=SQLModel.metadata, transaction_per_migration=False)
with context.begin_transaction():
    context.run_migrations()
