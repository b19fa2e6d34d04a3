"""The port for managing the encryption keys of stored contents."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class KeyUse:
    """A key-encryption key: the number of contents that use it, and whether it is configured and current here."""

    key_id: str
    contents: int
    is_known: bool
    is_current: bool


@dataclass(frozen=True)
class EncryptionStatus:
    """The keys in use, the number of unencrypted contents, and of contents whose bytes were deleted (`empty`)."""

    keys: Sequence[KeyUse]
    unencrypted: int
    empty: int


@dataclass(frozen=True)
class Rotated:
    """How many data keys were rewrapped, and how many could not be, by the id of the missing key."""

    done: int
    not_known: dict[str, int]


class Encryption(ABC):
    """Manages the encryption keys of stored contents."""

    @abstractmethod
    def status(self) -> EncryptionStatus:
        """Return the keys in use."""

    @abstractmethod
    def rotate(self, *, actor: str) -> Rotated:
        """Wrap every data key with the current key, without rewriting contents. If interrupted, run it again.

        Raises:
            EncryptionError: no key is configured.
        """

    @abstractmethod
    def encrypt(self, *, actor: str) -> int:
        """Encrypt the contents that are not encrypted and return their number; raises as `rotate`."""
