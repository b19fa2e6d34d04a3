"""Show and rotate the keys that encrypt stored content."""

from collections.abc import Mapping
from typing import Any

from waivern.caller import Caller
from waivern.history.retention import EncryptionStatus, RotationResult
from waivern.operations.application import Application


def encryption_status(application: Application) -> EncryptionStatus:
    """Return which keys are in use, and how many contents are not encrypted."""
    return application.storage.retention.encryption_status()


def rotate_keys(application: Application, *, caller: Caller) -> RotationResult:
    """Encrypt every content's key under the current key.

    Raises:
        EncryptionError: there is no key.
    """
    return application.storage.retention.rotate_keys(caller=caller)


def encrypt_contents(application: Application, *, caller: Caller) -> int:
    """Encrypt content that is stored unencrypted; return how many contents.

    Raises:
        EncryptionError: there is no key, or the other contents are encrypted under an unavailable one.
    """
    return application.storage.retention.encrypt_contents(caller=caller)


def encryption_status_as_json(status: EncryptionStatus) -> Mapping[str, Any]:
    """Return a status as a JSON object."""
    return {
        "keys": [
            {
                "key_id": key.key_id,
                "contents": key.contents,
                "is_available": key.is_available,
                "is_current": key.is_current,
            }
            for key in status.keys
        ],
        "unencrypted": status.unencrypted,
        "tombstones": status.tombstones,
    }
