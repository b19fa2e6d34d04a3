"""Anchor files: the signed end of a chain of events, kept outside the database, so that truncation is noticed."""

import base64
import binascii
import hashlib
import hmac
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import msgspec

from waivern.errors import AnchorError, MessageError
from waivern.history.events import iso_instant
from waivern.history.verification import ChainEnd
from waivern.messages.canonical import canonical_bytes

_FORMAT = 1
_SHORTEST_SECRET = 16
HMAC, ED25519 = "hmac-sha256", "ed25519"


@dataclass(frozen=True)
class Anchor:
    """The newest event of an installation's chain when the anchor was written."""

    installation: str
    seq: int
    hash: str
    written_at: str

    @classmethod
    def at(cls, end: ChainEnd, *, now: datetime) -> "Anchor":
        return cls(end.installation, end.seq, end.hash, iso_instant(now))

    def signed(self, key: "AnchorKey") -> bytes:
        """Return the content of the anchor's file."""
        fields = self._fields(key.algorithm)
        signature = base64.b64encode(key.sign(canonical_bytes(fields))).decode()
        return msgspec.json.format(canonical_bytes({**fields, "signature": signature}), indent=2) + b"\n"

    @classmethod
    def read(cls, file_content: bytes, key: "AnchorKey") -> "Anchor":
        """Return the anchor in a file's content after checking its signature.

        Raises:
            AnchorError: it is not an anchor, was altered, or was signed with a different key.
        """
        fields = _parse(file_content)
        if fields["algorithm"] != key.algorithm:
            raise AnchorError(
                f"The anchor is signed with {fields['algorithm']}, but the key is for {key.algorithm}",
                remedy="Use the key that signed the anchor",
            )
        signature = fields.pop("signature")
        try:
            is_valid = key.verifies(canonical_bytes(fields), base64.b64decode(signature, validate=True))
        except (binascii.Error, ValueError):
            is_valid = False
        if not is_valid:
            raise AnchorError(
                "The anchor's signature is not valid: the anchor was altered, or signed with a different key",
                remedy="Use the key that signed the anchor; if this is that key, do not trust the anchor",
            )
        return cls(fields["installation"], fields["seq"], fields["hash"], fields["written_at"])

    def _fields(self, algorithm: str) -> dict[str, Any]:
        return {"waivern_anchor": _FORMAT, "algorithm": algorithm, **asdict(self)}


class AnchorKey:
    """The key that signs anchors: an Ed25519 key in PEM format, or any other bytes as a secret for HMAC-SHA256.

    Args:
        content: The content of the key file. A public key can check anchors but not write them.

    Raises:
        AnchorError: the key cannot be read, the secret is too short, or the package `cryptography` is missing.
    """

    def __init__(self, content: bytes) -> None:
        self.algorithm = ED25519 if b"-----BEGIN " in content else HMAC
        self._secret = content.strip()
        self._private: Any = None
        self._public: Any = None
        if self.algorithm == ED25519:
            self._private, self._public = _ed25519(content)
        elif len(self._secret) < _SHORTEST_SECRET:
            raise AnchorError(
                f"The anchor key has {len(self._secret)} bytes, but needs at least {_SHORTEST_SECRET}",
                remedy="Create one with `openssl rand -hex 32 > anchor.key`",
            )

    def sign(self, data: bytes) -> bytes:
        """Return the signature of the data.

        Raises:
            AnchorError: this is a public key.
        """
        if self.algorithm == HMAC:
            return hmac.new(self._secret, data, hashlib.sha256).digest()
        if self._private is None:
            raise AnchorError(
                "The anchor key is a public key, which can check anchors but not write them",
                remedy="Use the private key",
            )
        signature: bytes = self._private.sign(data)
        return signature

    def verifies(self, data: bytes, signature: bytes) -> bool:
        """Return whether the signature of the data was made with this key."""
        if self.algorithm == HMAC:
            return hmac.compare_digest(self.sign(data), signature)
        from cryptography.exceptions import InvalidSignature

        try:
            self._public.verify(signature, data)
        except InvalidSignature:
            return False
        return True


def _ed25519(pem: bytes) -> tuple[Any, Any]:
    """Return the private key (None for a public PEM) and the public key."""
    try:
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
        from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key
    except ImportError:
        raise AnchorError(
            "An Ed25519 key needs the package 'cryptography'",
            remedy="Install it with `pip install 'waivern[crypto]'`, or use a secret (`openssl rand -hex 32`)",
        ) from None
    is_public = b"PUBLIC KEY" in pem
    try:
        key = load_pem_public_key(pem) if is_public else load_pem_private_key(pem, password=None)
    except (ValueError, TypeError):
        raise AnchorError(
            "Cannot read the anchor key", remedy="Use an unencrypted Ed25519 key in PEM format, or a secret"
        ) from None
    if isinstance(key, Ed25519PrivateKey):
        return key, key.public_key()
    if isinstance(key, Ed25519PublicKey):
        return None, key
    raise AnchorError(
        "The anchor key is not an Ed25519 key",
        remedy="Create one with `openssl genpkey -algorithm ed25519 -out anchor.pem`",
    )


def _parse(file_content: bytes) -> dict[str, Any]:
    types = {"installation": str, "seq": int, "hash": str, "written_at": str, "algorithm": str, "signature": str}
    try:
        fields = msgspec.json.decode(file_content, type=dict[str, Any])
        canonical_bytes(fields)
    except (msgspec.DecodeError, UnicodeDecodeError, MessageError):
        fields = {}
    is_anchor = fields.get("waivern_anchor") == _FORMAT
    if not is_anchor or not all(isinstance(fields.get(name), kind) for name, kind in types.items()):
        raise AnchorError("The file is not an anchor, or is damaged", remedy="Use a file that `waivern verify` wrote")
    return fields
