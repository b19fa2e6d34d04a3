"""Encryption of contents at rest: a fresh data key for each, wrapped by a key-encryption key that somebody else keeps.

Both are 256-bit keys of AES-GCM (NIST SP 800-38D). A data key encrypts one content, once: its nonce is never used
again with it. A key-encryption key wraps many data keys under random 96-bit nonces, of which it may use 2^32.
"""

import base64
import binascii
import hashlib
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from waivern.errors import EncryptionError

KEY_BYTES = 32
_NONCE_BYTES = 12
_CONTENT, _DATA_KEY = b"waivern content 1\x00", b"waivern data key 1\x00"


@dataclass(frozen=True)
class WrappedKey:
    """A data key, encrypted under the key-encryption key that `key_id` tells; nonce, ciphertext, tag."""

    key_id: str
    wrapped: bytes


@dataclass(frozen=True, repr=False)
class Key:
    """A key-encryption key; `id` tells it from others and gives nothing of it away."""

    secret: bytes

    @property
    def id(self) -> str:
        return hashlib.sha256(b"waivern key id 1\x00" + self.secret).hexdigest()[:16]


class KeyRing:
    """The key-encryption keys that are known; the first one is the one that new data keys are wrapped by.

    Without any, contents are stored as they are, and encrypted ones cannot be read.
    """

    def __init__(self, keys: Sequence[Key] = ()) -> None:
        self._keys = {key.id: key for key in keys}
        self.current = keys[0] if keys else None

    @property
    def ids(self) -> list[str]:
        return list(self._keys)

    def knows(self, key_id: str) -> bool:
        return key_id in self._keys

    def sealed(self, plain: bytes | bytearray, *, digest: str, codec: str) -> tuple[bytes, WrappedKey]:
        """Encrypt under a fresh data key; return nonce, ciphertext and tag in one, and the wrapped key."""
        data_key = os.urandom(KEY_BYTES)
        return _encrypted(data_key, plain, _bound(_CONTENT, digest, codec)), self.wrap(data_key, digest=digest)

    def unsealed(self, sealed: bytes, key: WrappedKey | None, *, digest: str, codec: str, what: str) -> bytes:
        """Decrypt what `sealed` made.

        Raises:
            EncryptionError: the key that wraps its key is not known.
            ValueError: it, or its key, is not what was written, or belongs to another content.
        """
        if key is None:
            raise ValueError("its key is missing")
        return _decrypted(self.unwrap(key, digest=digest, what=what), sealed, _bound(_CONTENT, digest, codec))

    def wrap(self, data_key: bytes, *, digest: str) -> WrappedKey:
        """Wrap a data key by the current key."""
        if self.current is None:
            raise AssertionError("nothing is encrypted without a key")
        return WrappedKey(
            self.current.id, _encrypted(self.current.secret, data_key, _bound(_DATA_KEY, digest, self.current.id))
        )

    def unwrap(self, key: WrappedKey, *, digest: str, what: str) -> bytes:
        """Return the data key; raises as `unsealed`."""
        if key.key_id not in self._keys:
            raise _not_known(what, key.key_id, self.ids)
        return _decrypted(self._keys[key.key_id].secret, key.wrapped, _bound(_DATA_KEY, digest, key.key_id))


NO_KEYS = KeyRing()


def new_key() -> str:
    """Return a fresh key, as settings take it: 43 characters of base64 (RFC 4648, section 5)."""
    return base64.urlsafe_b64encode(os.urandom(KEY_BYTES)).decode().rstrip("=")


def read_keyring(*, text: str | None = None, file: Path | None = None) -> KeyRing:
    """Read keys from a setting or from a file, one or several with blanks or commas between them.

    Raises:
        EncryptionError: the file cannot be read, or what is written there is no key; never repeats it. Also where
            the library that encrypts is not installed.
    """
    where = "WAIVERN_ENCRYPTION_KEY"
    if file is not None:
        where = f"The key file {file}"
        try:
            text = file.read_text(encoding="ascii")
        except (OSError, ValueError) as error:
            why = error.strerror if isinstance(error, OSError) else "it is no text"
            raise EncryptionError(
                f"{where} cannot be read: {why}", remedy="Check WAIVERN_ENCRYPTION_KEY_FILE"
            ) from None
    words = (text or "").replace(",", " ").split()
    if not words and file is not None:
        raise EncryptionError(f"{where} holds no key", remedy="`waivern keys new` makes one")
    keys = [_key(word, where, number) for number, word in enumerate(words, 1)]
    if keys:
        with _library():
            import cryptography.hazmat.primitives.ciphers.aead  # noqa: F401  now rather than at the first save
    return KeyRing(keys)


def _key(word: str, where: str, number: int) -> Key:
    try:
        secret = base64.b64decode(word.rstrip("=") + "=", altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        secret = b""
    if len(secret) != KEY_BYTES:
        raise EncryptionError(
            f"{where} holds no key in its word {number}: a key is 43 characters of base64",
            remedy="`waivern keys new` makes one",
        )
    return Key(secret)


def _bound(purpose: bytes, digest: str, to: str) -> bytes:
    """The additional data: what was encrypted for one content is refused anywhere else."""
    return purpose + bytes.fromhex(digest) + to.encode("ascii")


def _encrypted(key: bytes, plain: bytes | bytearray, bound_to: bytes) -> bytes:
    nonce = os.urandom(_NONCE_BYTES)
    sealed: bytes = _cipher(key).encrypt(nonce, plain, bound_to)
    return nonce + sealed


def _decrypted(key: bytes, sealed: bytes, bound_to: bytes) -> bytes:
    from cryptography.exceptions import InvalidTag

    view = memoryview(sealed)
    try:
        plain: bytes = _cipher(key).decrypt(view[:_NONCE_BYTES], view[_NONCE_BYTES:], bound_to)
    except InvalidTag:
        raise ValueError("it was not encrypted so, or altered") from None
    return plain


def _cipher(key: bytes) -> Any:
    with _library():
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM
    return AESGCM(key)


@contextmanager
def _library() -> Iterator[None]:
    try:
        yield
    except ModuleNotFoundError:
        raise EncryptionError(
            "The library that encrypts is not installed", remedy="Install it with `pip install 'waivern[crypto]'`"
        ) from None


def _not_known(what: str, key_id: str, known: Sequence[str]) -> EncryptionError:
    given = f"the keys given are {', '.join(known)}" if known else "no key is given"
    return EncryptionError(
        f"What {what} holds is encrypted under the key {key_id}; {given}",
        remedy="Set WAIVERN_ENCRYPTION_KEY, or WAIVERN_ENCRYPTION_KEY_FILE, to that key",
    )
