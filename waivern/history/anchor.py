"""An anchor: where a chain of events ended, signed and kept outside, so that nobody can cut the chain off unseen."""

import base64
import binascii
import hashlib
import hmac
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import msgspec

from waivern.errors import AnchorError, MessageError
from waivern.history.event_log import instant
from waivern.history.verification import ChainEnd
from waivern.messages.canonical import canonical_bytes

_FORMAT = 1
_SHORTEST_SECRET = 16
HMAC, ED25519 = "hmac-sha256", "ed25519"


@dataclass(frozen=True)
class Anchor:
    """What an anchor says: which installation's chain had which newest event, and when that was written down."""

    installation: str
    seq: int
    hash: str
    written_at: str

    @classmethod
    def at(cls, end: ChainEnd, *, now: datetime) -> "Anchor":
        return cls(end.installation, end.seq, end.hash, instant(now))

    def signed(self, key: "AnchorKey") -> bytes:
        """Return the anchor as a file holds it."""
        said = self._said(key.algorithm)
        signature = base64.b64encode(key.sign(canonical_bytes(said))).decode()
        return msgspec.json.format(canonical_bytes({**said, "signature": signature}), indent=2) + b"\n"

    @classmethod
    def read(cls, written: bytes, key: "AnchorKey") -> "Anchor":
        """Return what a file says, once its signature is proven.

        Raises:
            AnchorError: it is no anchor, was altered, or was signed with another key.
        """
        said = _fields(written)
        if said["algorithm"] != key.algorithm:
            raise AnchorError(
                f"The anchor is signed by {said['algorithm']}, and the key is one for {key.algorithm}",
                remedy="Give the key that it was written with",
            )
        signature = said.pop("signature")
        try:
            is_right = key.fits(canonical_bytes(said), base64.b64decode(signature, validate=True))
        except (binascii.Error, ValueError):
            is_right = False
        if not is_right:
            raise AnchorError(
                "The anchor's signature does not fit: it was altered, or signed with another key",
                remedy="Give the key that it was written with; if that is the one, do not trust this anchor",
            )
        return cls(said["installation"], said["seq"], said["hash"], said["written_at"])

    def _said(self, algorithm: str) -> dict[str, Any]:
        return {"waivern_anchor": _FORMAT, "algorithm": algorithm, **asdict(self)}


class AnchorKey:
    """The key that anchors are signed with: an Ed25519 key in PEM form, or any other file as a secret for HMAC.

    Args:
        content: What the key's file holds. A public key can check anchors and write none.

    Raises:
        AnchorError: it is no such key, too short a secret, or `cryptography` is missing.
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
                f"The key for anchors has {len(self._secret)} bytes, and needs at least {_SHORTEST_SECRET}",
                remedy="Make one with `openssl rand -hex 32 > anchor.key`",
            )

    def sign(self, said: bytes) -> bytes:
        """Return the signature; raises AnchorError for a public key."""
        if self.algorithm == HMAC:
            return hmac.new(self._secret, said, hashlib.sha256).digest()
        if self._private is None:
            raise AnchorError(
                "The key for anchors is a public one, which can check anchors and write none",
                remedy="Give the private key",
            )
        signature: bytes = self._private.sign(said)
        return signature

    def fits(self, said: bytes, signature: bytes) -> bool:
        """Say whether the signature is that of this key."""
        if self.algorithm == HMAC:
            return hmac.compare_digest(self.sign(said), signature)
        from cryptography.exceptions import InvalidSignature

        try:
            self._public.verify(signature, said)
        except InvalidSignature:
            return False
        return True


def _ed25519(pem: bytes) -> tuple[Any, Any]:
    """The private key, if it is one, and the public key of a PEM."""
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
            "The key for anchors cannot be read", remedy="Give an unencrypted Ed25519 key in PEM form, or a secret"
        ) from None
    if isinstance(key, Ed25519PrivateKey):
        return key, key.public_key()
    if isinstance(key, Ed25519PublicKey):
        return None, key
    raise AnchorError(
        "The key for anchors is no Ed25519 key",
        remedy="Make one with `openssl genpkey -algorithm ed25519 -out anchor.pem`",
    )


def _fields(written: bytes) -> dict[str, Any]:
    wanted = {"installation": str, "seq": int, "hash": str, "written_at": str, "algorithm": str, "signature": str}
    try:
        said = msgspec.json.decode(written, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError):
        said = {}
    if said.get("waivern_anchor") != _FORMAT or not all(isinstance(said.get(k), kind) for k, kind in wanted.items()):
        raise AnchorError("The file is no anchor, or is damaged", remedy="Give a file that `waivern verify` wrote")
    try:
        canonical_bytes(said)
    except MessageError:
        raise AnchorError("The anchor is damaged", remedy="Give a file that `waivern verify` wrote") from None
    return said
