"""Finding the tables to read, with their columns and keys."""

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

import sqlalchemy as sa

from waivern.errors import ComponentError, did_you_mean
from waivern.messages.not_scanned import NotScanned, ReasonCode

_VIEW = ("a view: its data is scanned in its tables", ReasonCode.DUPLICATE)
_FOREIGN = ("a foreign table: its data is in another database", ReasonCode.UNSUPPORTED)
_PARTITIONS_AND_FOREIGN_TABLES = sa.text(
    "SELECT relation.relname, relation.relispartition FROM pg_catalog.pg_class AS relation"
    " JOIN pg_catalog.pg_namespace AS namespace ON namespace.oid = relation.relnamespace"
    " WHERE namespace.nspname = :schema AND (relation.relispartition OR relation.relkind = 'f')"
)


@dataclass(frozen=True)
class TableName:
    """A table; `shown` is its name in messages, with its schema unless that is the default one."""

    name: str
    schema: str | None
    shown: str


@dataclass(frozen=True)
class Column:
    """A column; `type` is the database's name of its type, "" if it has none."""

    name: str
    type: str
    is_binary: bool = False


@dataclass(frozen=True)
class Table:
    """The columns and key of a table.

    Args:
        key: The columns of the primary key.
        key_is_integer: Whether it is one integer.
        key_is_safe_to_show: Whether it has only integers and UUIDs; any other key may be personal data.
    """

    name: TableName
    columns: Sequence[Column]
    key: Sequence[str]
    key_is_integer: bool
    key_is_safe_to_show: bool


@dataclass(frozen=True)
class Selection:
    """The schemas and shell patterns of the tables to read."""

    schemas: Sequence[str] = ()
    include: Sequence[str] = ()
    exclude: Sequence[str] = ()


def tables_in(connection: sa.Connection, selection: Selection) -> Iterator[TableName | NotScanned]:
    """Yield the tables to read, in the order of their names, and those that are not scanned.

    Views are not scanned, because their data is in tables. Partitions are read as part of their table.

    Raises:
        ComponentError: a schema does not exist.
    """
    inspector = sa.inspect(connection)
    unused = set(selection.include)
    for schema in _schemas(inspector, selection.schemas):
        for found in _in_schema(connection, inspector, schema):
            name = found if isinstance(found, TableName) else None
            if name is None:
                yield found
                continue
            included = [pattern for pattern in selection.include if _matches(pattern, name)]
            unused.difference_update(included)
            yield _filter(name, selection, included=bool(included))
    for pattern in selection.include:
        if pattern in unused:
            reason = "no table matches this pattern of include_tables"
            yield NotScanned(pattern, reason, ReasonCode.NO_MATCH)


def _filter(name: TableName, selection: Selection, *, included: bool) -> TableName | NotScanned:
    excluded = next((pattern for pattern in selection.exclude if _matches(pattern, name)), None)
    if excluded is not None:
        return NotScanned(name.shown, f"excluded by the pattern {excluded}", ReasonCode.EXCLUDED)
    if selection.include and not included:
        return NotScanned(name.shown, "not among include_tables", ReasonCode.NOT_INCLUDED)
    return name


def describe_table(connection: sa.Connection, name: TableName) -> Table:
    """Return a table's columns and key.

    Raises:
        sqlalchemy.exc.SQLAlchemyError: the table cannot be inspected.
    """
    inspector = sa.inspect(connection)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", sa.exc.SAWarning)  # about types that SQLAlchemy does not know
        columns = inspector.get_columns(name.name, schema=name.schema)
        key = inspector.get_pk_constraint(name.name, schema=name.schema)["constrained_columns"]
    types = {column["name"]: column["type"] for column in columns}
    return Table(
        name,
        [
            Column(column, _type_name(type_, connection), isinstance(type_, sa.LargeBinary))
            for column, type_ in types.items()
        ],
        key,
        key_is_integer=len(key) == 1 and isinstance(types[key[0]], sa.Integer),
        key_is_safe_to_show=all(isinstance(types[column], (sa.Integer, sa.Uuid)) for column in key),
    )


def _schemas(inspector: sa.Inspector, requested: Sequence[str]) -> Sequence[str | None]:
    if not requested and inspector.dialect.name != "postgresql":
        return [None]
    known = inspector.get_schema_names()
    if not requested:
        return sorted(schema for schema in known if not schema.startswith("pg_") and schema != "information_schema")
    for schema in requested:
        if schema not in known:
            remedy = did_you_mean(schema, known) or f"Existing schemas: {', '.join(sorted(known))}"
            raise ComponentError(f"The database has no schema '{schema}'", remedy=remedy)
    return sorted(set(requested))


def _in_schema(
    connection: sa.Connection, inspector: sa.Inspector, schema: str | None
) -> Iterator[TableName | NotScanned]:
    partitions: set[str] = set()
    skipped = dict.fromkeys(inspector.get_view_names(schema=schema), _VIEW)
    if inspector.dialect.name == "postgresql":
        skipped |= dict.fromkeys(inspector.get_materialized_view_names(schema=schema), _VIEW)
        for name, is_partition in connection.execute(_PARTITIONS_AND_FOREIGN_TABLES, {"schema": schema}):
            partitions.add(name) if is_partition else skipped.setdefault(name, _FOREIGN)
    default = inspector.default_schema_name
    for name in sorted({*inspector.get_table_names(schema=schema), *skipped} - partitions):
        shown = name if schema in (None, default) else f"{schema}.{name}"
        yield NotScanned(shown, *skipped[name]) if name in skipped else TableName(name, schema, shown)


def _matches(pattern: str, table: TableName) -> bool:
    names = {table.name, table.shown, f"{table.schema}.{table.name}" if table.schema else table.name}
    return any(fnmatchcase(name, pattern) for name in names)


def _type_name(type_: sa.types.TypeEngine[object], connection: sa.Connection) -> str:
    try:
        return str(type_.compile(connection.dialect))  # for an ENUM it is a str subclass, which is not JSON
    except sa.exc.CompileError:
        return ""
