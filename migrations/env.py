"""Run migrations: called by Alembic, from its command line in a checkout or from `waivern db`."""

from alembic import context

from waivern.database.schema.migration import exclusively
from waivern.database.schema.tables import metadata


def run_migrations() -> None:
    """Migrate over the connection of `waivern db`, or else over a new one to the database of the settings."""
    connection = context.config.attributes.get("connection")
    if connection is not None:
        _migrate_over(connection)
        return
    from waivern.bootstrap import configured_engine

    with exclusively(configured_engine()) as new_connection:
        _migrate_over(new_connection)


def _migrate_over(connection: object) -> None:
    context.configure(
        connection=connection,  # type: ignore[arg-type]  # Alembic's attributes are a plain dictionary
        target_metadata=metadata,
        compare_type=True,
        compare_server_default=True,
        render_as_batch=True,
        transactional_ddl=True,
    )
    with context.begin_transaction():
        context.run_migrations()


run_migrations()
