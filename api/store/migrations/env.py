"""What Alembic runs: the migrations, in the transaction of the connection that `api.store.schema` hands over."""

from alembic import context

import api.store.history  # noqa: F401, its table belongs to the metadata
from api.store.models import Base

context.configure(
    connection=context.config.attributes["connection"], target_metadata=Base.metadata, transactional_ddl=True
)
context.run_migrations()
