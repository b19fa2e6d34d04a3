"""Which tables there are, and what they look like."""

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

import sqlalchemy as sa

from waivern.errors import ComponentError, did_you_mean
from waivern.messages.not_scanned import NotScanned, ReasonCode

_VIEW = ("a view: what it shows is scanned in its tables", ReasonCode.DUPLICATE)
_FOREIGN = ("a foreign table: it lies in another database", ReasonCode.UNSUPPORTED)
_NOT_PLAIN = sa.text(
    "SELECT relation.relname, relation.relispartition FROM pg_catalog.pg_class AS relation"
    " JOIN pg_catalog.pg_namespace AS namespace ON namespace.oid = relation.relnamespace"
    " WHERE namespace.nspname = :schema AND (relation.relispartition OR relation.relkind = 'f')"
)


@dataclass(frozen=True)
class TableName:
    """A table; `shown` is its name, with its schema before it where that is not the default one."""

    name: str
    schema: str | None
    shown: str


@dataclass(frozen=True)
class Column:
    """A column; `type` is the database's own word for it, "" where it has none."""

    name: str
    type: str
    is_binary: bool = False


@dataclass(frozen=True)
class Table:
    """A table's shape.

    `key` names the columns of its primary key. `key_is_integer` says that it is one integer, `key_may_be_shown` that
    it is made of integers and UUIDs only.
    """

    name: TableName
    columns: Sequence[Column]
    key: Sequence[str]
    key_is_integer: bool
    key_may_be_shown: bool


@dataclass(frozen=True)
class Selection:
    """Which tables a runbook asks for; patterns are those of a shell."""

    schemas: Sequence[str] = ()
    include: Sequence[str] = ()
    exclude: Sequence[str] = ()


def tables_in(connection: sa.Connection, selection: Selection) -> Iterator[TableName | NotScanned]:
    """Find the tables to read, in the order of their names, and those that are left out.

    Views are left out: they repeat what stands in tables. A table's partitions are read as part of it.

    Raises:
        ComponentError: there is no such schema.
    """
    inspector = sa.inspect(connection)
    unused = set(selection.include)
    for schema in _schemas(inspector, selection.schemas):
        for found in _in_schema(connection, inspector, schema):
            name = found if isinstance(found, TableName) else None
            if name is None:
                yield found
                continue
            included = [each for each in selection.include if _means(each, name)]
            unused.difference_update(included)
            yield _judged(name, selection, included=bool(included))
    for pattern in selection.include:
        if pattern in unused:
            reason = "no table has a name that this pattern of include_tables means"
            yield NotScanned(pattern, reason, ReasonCode.NO_MATCH)


def _judged(name: TableName, selection: Selection, *, included: bool) -> TableName | NotScanned:
    excluded = next((each for each in selection.exclude if _means(each, name)), None)
    if excluded is not None:
        return NotScanned(name.shown, f"excluded by the pattern {excluded}", ReasonCode.EXCLUDED)
    if selection.include and not included:
        return NotScanned(name.shown, "not among include_tables", ReasonCode.NOT_INCLUDED)
    return name


def shape_of(connection: sa.Connection, name: TableName) -> Table:
    """Return a table's columns and key.

    Raises:
        sqlalchemy.exc.SQLAlchemyError: the table cannot be looked at.
    """
    inspector = sa.inspect(connection)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", sa.exc.SAWarning)  # of types that SQLAlchemy has no class for
        columns = inspector.get_columns(name.name, schema=name.schema)
        key = inspector.get_pk_constraint(name.name, schema=name.schema)["constrained_columns"]
    types = {column["name"]: column["type"] for column in columns}
    return Table(
        name,
        [
            Column(each, _type_name(type_, connection), isinstance(type_, sa.LargeBinary))
            for each, type_ in types.items()
        ],
        key,
        key_is_integer=len(key) == 1 and isinstance(types[key[0]], sa.Integer),
        key_may_be_shown=all(isinstance(types[each], (sa.Integer, sa.Uuid)) for each in key),
    )


def _schemas(inspector: sa.Inspector, asked: Sequence[str]) -> Sequence[str | None]:
    if not asked and inspector.dialect.name != "postgresql":
        return [None]
    known = inspector.get_schema_names()
    if not asked:
        return sorted(each for each in known if not each.startswith("pg_") and each != "information_schema")
    for each in asked:
        if each not in known:
            remedy = did_you_mean(each, known) or f"There are: {', '.join(sorted(known))}"
            raise ComponentError(f"The database has no schema '{each}'", remedy=remedy)
    return sorted(set(asked))


def _in_schema(
    connection: sa.Connection, inspector: sa.Inspector, schema: str | None
) -> Iterator[TableName | NotScanned]:
    partitions: set[str] = set()
    beside = dict.fromkeys(inspector.get_view_names(schema=schema), _VIEW)
    if inspector.dialect.name == "postgresql":
        beside |= dict.fromkeys(inspector.get_materialized_view_names(schema=schema), _VIEW)
        for name, is_partition in connection.execute(_NOT_PLAIN, {"schema": schema}):
            partitions.add(name) if is_partition else beside.setdefault(name, _FOREIGN)
    default = inspector.default_schema_name
    for name in sorted({*inspector.get_table_names(schema=schema), *beside} - partitions):
        shown = name if schema in (None, default) else f"{schema}.{name}"
        yield NotScanned(shown, *beside[name]) if name in beside else TableName(name, schema, shown)


def _means(pattern: str, table: TableName) -> bool:
    names = {table.name, table.shown, f"{table.schema}.{table.name}" if table.schema else table.name}
    return any(fnmatchcase(name, pattern) for name in names)


def _type_name(type_: sa.types.TypeEngine[object], connection: sa.Connection) -> str:
    try:
        return str(type_.compile(connection.dialect))  # of an ENUM it is a text of SQLAlchemy's own, which is no JSON
    except sa.exc.CompileError:
        return ""
