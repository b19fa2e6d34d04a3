"""`waivern schema`."""

import click

from waivern.cli.terminal.output import as_json, write
from waivern.errors import MessageError, UsageError
from waivern.messages.catalogue import schema_catalogue
from waivern.messages.schema import Schema


@click.command(short_help="Print the JSON Schema of runbooks or messages.")
@click.argument("message", required=False, metavar="[NAME/VERSION]")
@click.option("--list", "only_names", is_flag=True, help="List the message schemas.")
def schema(message: str | None, only_names: bool) -> None:
    """Print the JSON Schema of runbooks or of a message.

    Editors use that of runbooks to check and complete YAML.

    \b
    Examples:
      waivern schema > runbook.schema.json
      waivern schema standard_input/1.0.0
      waivern schema --list
    """
    if only_names:
        write("\n".join(str(known) for known in schema_catalogue().known()))
    elif message is not None:
        write(as_json(schema_catalogue().json_schema(_parse(message))))
    else:
        from waivern.runbooks.model.json_schema import runbook_json_schema

        write(as_json(runbook_json_schema()))


def _parse(name: str) -> Schema:
    try:
        return Schema.parse(name)
    except MessageError as error:
        raise UsageError(error.happened, remedy="Write it as name/1.0.0; see `waivern schema --list`") from None
