"""What Alembic runs: the migrations, in the transaction of the connection that `api.store.schema` hands over."""

from alembic import context

import api.store.schema  # noqa: F401, it knows the tables of every feature
from api.store.models import Base

context.configure(
    connection=context.config.attributes["connection"], target_metadata=Base.metadata, transactional_ddl=True
)
context.run_migrations()
