"""Look after the keys that stored contents are encrypted by."""

from collections.abc import Mapping
from typing import Any

from waivern.artifacts.encryption import EncryptionStatus, Rotated
from waivern.operations.application import Application


def encryption_status(application: Application) -> EncryptionStatus:
    """Return which keys are in use, and how many contents are not encrypted."""
    return application.storage.encryption.status()


def rotate_keys(application: Application) -> Rotated:
    """Wrap every content's key by the current one.

    Raises:
        EncryptionError: no key is given.
    """
    return application.storage.encryption.rotate(actor=application.actor)


def encrypt_contents(application: Application) -> int:
    """Encrypt what is stored unencrypted; return how many contents that were.

    Raises:
        EncryptionError: no key is given, or another one than the rest is encrypted under.
    """
    return application.storage.encryption.encrypt(actor=application.actor)


def status_as_json(status: EncryptionStatus) -> Mapping[str, Any]:
    """Return it as a JSON object."""
    return {
        "keys": [
            {
                "key_id": each.key_id,
                "contents": each.contents,
                "is_known": each.is_known,
                "is_current": each.is_current,
            }
            for each in status.keys
        ],
        "unencrypted": status.unencrypted,
        "empty": status.empty,
    }
