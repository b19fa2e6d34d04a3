"""Envelope encryption of stored content: a data key for each content, wrapped by a key-encryption key.

Both are 256-bit keys of AES-GCM (NIST SP 800-38D). A data key encrypts one content, once, so its nonce is never reused.
A key-encryption key, which the database does not hold, wraps up to 2^32 data keys under random 96-bit nonces.
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
    """A data key (nonce, ciphertext, tag), encrypted under the key-encryption key with the id `key_id`."""

    key_id: str
    wrapped: bytes


@dataclass(frozen=True, repr=False)
class Key:
    """A key-encryption key; `id` identifies it without revealing anything of it."""

    secret: bytes

    @property
    def id(self) -> str:
        return hashlib.sha256(b"waivern key id 1\x00" + self.secret).hexdigest()[:16]


class KeyRing:
    """The available key-encryption keys. The first wraps new data keys; all of them unwrap.

    Without keys, content is stored unencrypted, and encrypted content cannot be read.
    """

    def __init__(self, keys: Sequence[Key] = ()) -> None:
        self._keys = {key.id: key for key in keys}
        self.current = keys[0] if keys else None

    @property
    def ids(self) -> list[str]:
        return list(self._keys)

    def knows(self, key_id: str) -> bool:
        return key_id in self._keys

    def encrypt(self, plaintext: bytes | bytearray, *, digest: str, codec: str) -> tuple[bytes, WrappedKey]:
        """Encrypt under a new data key; return nonce, ciphertext and tag as one, and the wrapped key."""
        data_key = os.urandom(KEY_BYTES)
        ciphertext = _encrypt(data_key, plaintext, _associated_data(_CONTENT, digest, codec))
        return ciphertext, self.wrap(data_key, digest=digest)

    def decrypt(self, ciphertext: bytes, key: WrappedKey | None, *, digest: str, codec: str, subject: str) -> bytes:
        """Decrypt the result of `encrypt`.

        Raises:
            EncryptionError: the key-encryption key is not available; `subject` names the content in the message.
            ValueError: the ciphertext or its key was altered, is missing, or belongs to a different content.
        """
        if key is None:
            raise ValueError("its key is missing")
        data_key = self.unwrap(key, digest=digest, subject=subject)
        return _decrypt(data_key, ciphertext, _associated_data(_CONTENT, digest, codec))

    def wrap(self, data_key: bytes, *, digest: str) -> WrappedKey:
        """Encrypt a data key under the current key."""
        if self.current is None:
            raise AssertionError("a key is needed to encrypt")
        associated = _associated_data(_DATA_KEY, digest, self.current.id)
        return WrappedKey(self.current.id, _encrypt(self.current.secret, data_key, associated))

    def unwrap(self, key: WrappedKey, *, digest: str, subject: str) -> bytes:
        """Return the data key; raises as `decrypt`."""
        if key.key_id not in self._keys:
            raise _unknown_key(subject, key.key_id, self.ids)
        associated = _associated_data(_DATA_KEY, digest, key.key_id)
        return _decrypt(self._keys[key.key_id].secret, key.wrapped, associated)


NO_KEYS = KeyRing()


def new_key() -> str:
    """Return a new random key as the settings take it: 43 characters of base64 (RFC 4648, section 5)."""
    return base64.urlsafe_b64encode(os.urandom(KEY_BYTES)).decode().rstrip("=")


def read_keyring(*, text: str | None = None, file: Path | None = None) -> KeyRing:
    """Read keys, separated by spaces or commas, from a setting's text or from a file.

    Raises:
        EncryptionError: the file cannot be read, a key is invalid (the message does not repeat it), or the encryption
            library is not installed.
    """
    where = "WAIVERN_ENCRYPTION_KEY"
    if file is not None:
        where = f"The key file {file}"
        text = _read_key_file(file)
    words = (text or "").replace(",", " ").split()
    if not words and file is not None:
        raise EncryptionError(f"{where} contains no key", remedy="Create one with `waivern keys new`")
    keys = [_parse_key(word, where, number) for number, word in enumerate(words, 1)]
    if keys:
        with _encryption_library():  # fail now rather than at the first save
            import cryptography.hazmat.primitives.ciphers.aead  # noqa: F401
    return KeyRing(keys)


def _read_key_file(file: Path) -> str:
    try:
        return file.read_text(encoding="ascii")
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not a text file"
        raise EncryptionError(
            f"Cannot read the key file {file}: {reason}", remedy="Check WAIVERN_ENCRYPTION_KEY_FILE"
        ) from None


def _parse_key(word: str, where: str, number: int) -> Key:
    try:
        secret = base64.b64decode(word.rstrip("=") + "=", altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        secret = b""
    if len(secret) != KEY_BYTES:
        raise EncryptionError(
            f"{where}: key {number} is not valid: a key is 43 characters of base64",
            remedy="Create one with `waivern keys new`",
        )
    return Key(secret)


def _associated_data(purpose: bytes, digest: str, context: str) -> bytes:
    """Bind a ciphertext to its content, so that it is refused in the place of any other."""
    return purpose + bytes.fromhex(digest) + context.encode("ascii")


def _encrypt(key: bytes, plaintext: bytes | bytearray, associated_data: bytes) -> bytes:
    nonce = os.urandom(_NONCE_BYTES)
    ciphertext: bytes = _cipher(key).encrypt(nonce, plaintext, associated_data)
    return nonce + ciphertext


def _decrypt(key: bytes, ciphertext: bytes, associated_data: bytes) -> bytes:
    from cryptography.exceptions import InvalidTag

    view = memoryview(ciphertext)
    try:
        plaintext: bytes = _cipher(key).decrypt(view[:_NONCE_BYTES], view[_NONCE_BYTES:], associated_data)
    except InvalidTag:
        raise ValueError("its authentication tag does not match") from None
    return plaintext


def _cipher(key: bytes) -> Any:
    with _encryption_library():
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM
    return AESGCM(key)


@contextmanager
def _encryption_library() -> Iterator[None]:
    try:
        yield
    except ModuleNotFoundError:
        raise EncryptionError(
            "The encryption library is not installed", remedy="Install it with `pip install 'waivern[crypto]'`"
        ) from None


def _unknown_key(subject: str, key_id: str, available: Sequence[str]) -> EncryptionError:
    given = f"the keys given are {', '.join(available)}" if available else "no key is given"
    return EncryptionError(
        f"The content of {subject} is encrypted under the key {key_id}; {given}",
        remedy="Set WAIVERN_ENCRYPTION_KEY, or WAIVERN_ENCRYPTION_KEY_FILE, to that key",
    )
