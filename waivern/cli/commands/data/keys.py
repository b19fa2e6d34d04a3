"""`waivern keys`."""

import click

from waivern.artifacts.encryption import EncryptionStatus
from waivern.cli.shell.groups import PatientGroup
from waivern.cli.shell.options import database_option, format_option, pass_existing
from waivern.cli.terminal.formatting import count
from waivern.cli.terminal.output import as_json, as_table, write
from waivern.errors import EncryptionError
from waivern.operations.application import Application
from waivern.operations.data.encryption_keys import encrypt_contents, encryption_status, rotate_keys, status_as_json


@click.group(cls=PatientGroup, short_help="Manage encryption keys.")
def keys() -> None:
    """Look after the keys that what messages hold is encrypted by.

    Nothing is encrypted unless WAIVERN_ENCRYPTION_KEY, or WAIVERN_ENCRYPTION_KEY_FILE, is set.
    """


@keys.command(short_help="Print a fresh key.")
def new() -> None:
    """Print a fresh key. Nobody else has it: without it, what is encrypted by it is lost.

    \b
    Example:
      (umask 077; waivern keys new > /etc/waivern/key)
    """
    from waivern.bootstrap import new_encryption_key

    write(new_encryption_key())


@keys.command(short_help="Say which keys are in use.")
@database_option
@format_option("table", "json")
@pass_existing
def status(application: Application, form: str) -> None:
    """Say which keys contents are encrypted by, and how many are not encrypted.

    No key is printed, only what tells it from others.
    """
    found = encryption_status(application)
    write(as_json(status_as_json(found)) if form == "json" else _told(found))


@keys.command(short_help="Encrypt every content's key by the current key.")
@database_option
@pass_existing
def rotate(application: Application) -> None:
    """Encrypt every content's own key by the first of the keys given, so that the others can be forgotten.

    Contents are not written anew. Give the new key first and the old one after it, with a blank between. It may be
    stopped at any time, and goes on when it is called again.

    \b
    Example:
      WAIVERN_ENCRYPTION_KEY="$NEW $OLD" waivern keys rotate
    """
    rotated = rotate_keys(application)
    write(f"Encrypted the keys of {count(rotated.done, 'content')} anew")
    if rotated.not_known:
        listed = ", ".join(f"{key_id} ({count(number, 'content')})" for key_id, number in rotated.not_known.items())
        raise EncryptionError(
            f"Some are still encrypted under keys that are not given: {listed}", remedy="Give these too"
        )


@keys.command(short_help="Encrypt what is stored unencrypted.")
@database_option
@pass_existing
def encrypt(application: Application) -> None:
    """Encrypt what was stored before there was a key. It may be stopped at any time, and goes on when it is called
    again."""
    write(f"Encrypted {count(encrypt_contents(application), 'content')}")


def _told(status: EncryptionStatus) -> str:
    rows = [
        (each.key_id, f"{each.contents:,}", "current" if each.is_current else "known" if each.is_known else "not given")
        for each in status.keys
    ]
    rows += [("none", f"{status.unencrypted:,}", "not encrypted")] if status.unencrypted or not rows else []
    return as_table(("KEY", "CONTENTS", "STATE"), rows, right=("CONTENTS",))
