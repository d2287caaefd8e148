"""What Alembic runs: the migrations, in the transaction of the connection that `api.store.schema` hands over."""

from alembic import context

import api.jobs.models  # noqa: F401, its tables belong to the metadata
from api.store.models import Base

context.configure(
    connection=context.config.attributes["connection"], target_metadata=Base.metadata, transactional_ddl=True
)
context.run_migrations()
