"""Refuse to store content under the wrong key."""

import sqlalchemy as sa

from waivern.database.connection.engine import keyring_of
from waivern.database.schema.tables import blob_keys
from waivern.errors import EncryptionError

_ONE_KEY_ID = sa.select(blob_keys.c.key_id).limit(1)
_KEY_IDS = sa.select(blob_keys.c.key_id).distinct().order_by(blob_keys.c.key_id)


def refuse_unknown_keys(connection: sa.Connection) -> None:
    """Check that one of the keys that encrypt the stored content is available, if there is encrypted content.

    Otherwise new content would be stored unencrypted, or under a key that no other process has.

    Raises:
        EncryptionError: none is available; the message names those in use.
    """
    keys = keyring_of(connection)
    one_in_use = connection.execute(_ONE_KEY_ID).scalar_one_or_none()
    if one_in_use is None or keys.knows(one_in_use):
        return
    in_use = list(connection.scalars(_KEY_IDS))
    encrypted = f"The content of this database is encrypted under the key {', '.join(in_use)}"
    if keys.current is None:
        raise EncryptionError(
            f"{encrypted}; no key is given",
            remedy="Set WAIVERN_ENCRYPTION_KEY, or WAIVERN_ENCRYPTION_KEY_FILE, to that key",
        )
    if not any(map(keys.knows, in_use)):
        raise EncryptionError(
            f"{encrypted}; the keys given are {', '.join(keys.ids)}",
            remedy="Give that key; to change it, give both, the new one first, and run `waivern keys rotate`",
        )
