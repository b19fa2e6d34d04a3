"""The port through which the keys of stored contents are looked after."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class KeyUse:
    """A key-encryption key: how many contents depend on it, whether it is known here, and whether new ones will."""

    key_id: str
    contents: int
    is_known: bool
    is_current: bool


@dataclass(frozen=True)
class EncryptionStatus:
    """Which keys are in use; `unencrypted` contents are stored as they are, `empty` ones hold nothing any more."""

    keys: Sequence[KeyUse]
    unencrypted: int
    empty: int


@dataclass(frozen=True)
class Rotated:
    """How many contents' keys were wrapped anew, and how many could not be, by the key that is not known."""

    done: int
    not_known: dict[str, int]


class Encryption(ABC):
    """The keys of stored contents."""

    @abstractmethod
    def status(self) -> EncryptionStatus:
        """Return which keys are in use."""

    @abstractmethod
    def rotate(self, *, actor: str) -> Rotated:
        """Wrap every data key by the current key; contents are not touched. Killed half-way, the next one goes on.

        Raises:
            EncryptionError: no key is given.
        """

    @abstractmethod
    def encrypt(self, *, actor: str) -> int:
        """Encrypt what is stored as it is; return how many contents that were. On the terms of `rotate`."""
