"""`waivern keys`."""

import click

from waivern.cli.shell.callers import current_caller
from waivern.cli.shell.groups import SuggestingGroup
from waivern.cli.shell.options import database_option, format_option, pass_existing
from waivern.cli.terminal.formatting import count
from waivern.cli.terminal.output import as_json, as_table, write
from waivern.errors import EncryptionError
from waivern.history.retention import EncryptionStatus, KeyUsage
from waivern.operations.application import Application
from waivern.operations.data.encryption_keys import (
    encrypt_contents,
    encryption_status,
    encryption_status_as_json,
    rotate_keys,
)


@click.group(cls=SuggestingGroup, short_help="Manage encryption keys.")
def keys() -> None:
    """Manage the keys that encrypt stored content.

    Content is encrypted only if WAIVERN_ENCRYPTION_KEY, or WAIVERN_ENCRYPTION_KEY_FILE, is set.
    """


@keys.command(short_help="Print a new key.")
def new() -> None:
    """Print a new random key.

    It is stored nowhere else: if you lose it, the content that it encrypts is lost.

    \b
    Example:
      (umask 077; waivern keys new > /etc/waivern/key)
    """
    from waivern.bootstrap import new_encryption_key

    write(new_encryption_key())


@keys.command(short_help="Show which keys are in use.")
@database_option
@format_option("table", "json")
@pass_existing
def status(application: Application, output_format: str) -> None:
    """Show which keys are in use, and how much is not encrypted.

    Keys are shown by their id, which reveals nothing of the key.
    """
    found = encryption_status(application)
    write(as_json(encryption_status_as_json(found)) if output_format == "json" else _as_table(found))


@keys.command(short_help="Encrypt all data keys under the current key.")
@database_option
@pass_existing
def rotate(application: Application) -> None:
    """Encrypt all data keys under the first of the given keys.

    The other keys can then be discarded. Contents are not rewritten. Give the new key first, then a space and the old
    one. If it is interrupted, run it again.

    \b
    Example:
      WAIVERN_ENCRYPTION_KEY="$NEW $OLD" waivern keys rotate
    """
    result = rotate_keys(application, caller=current_caller())
    write(f"Rotated the keys of {count(result.rotated, 'content')}")
    if result.unavailable:
        listed = ", ".join(f"{key_id} ({count(number, 'content')})" for key_id, number in result.unavailable.items())
        raise EncryptionError(
            f"Contents are still encrypted under keys that are not given: {listed}", remedy="Give these keys too"
        )


@keys.command(short_help="Encrypt content that is stored unencrypted.")
@database_option
@pass_existing
def encrypt(application: Application) -> None:
    """Encrypt content that is stored unencrypted.

    If it is interrupted, run it again.
    """
    write(f"Encrypted {count(encrypt_contents(application, caller=current_caller()), 'content')}")


def _as_table(status: EncryptionStatus) -> str:
    rows = [(key.key_id, f"{key.contents:,}", _state(key)) for key in status.keys]
    rows += [("none", f"{status.unencrypted:,}", "not encrypted")] if status.unencrypted or not rows else []
    return as_table(("KEY", "CONTENTS", "STATE"), rows, right=("CONTENTS",))


def _state(key: KeyUsage) -> str:
    if key.is_current:
        return "current"
    return "available" if key.is_available else "not given"
