"""Parsed and checked rulesets in the user's cache: parsing their YAML takes a hundred times as long as reading them."""

from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

import msgspec
import stdnum

from waivern.user_cache import key_of, user_cache

T = TypeVar("T")


def parsed(content: bytes, shape: type[T], parse: Callable[[], T], *, uri: str) -> T:
    """Return what `parse` makes of a ruleset's file, from the cache if an earlier process has parsed the same.

    Args:
        content: The content of the file.
        shape: The type of the result, which msgspec can encode.
        parse: Parses the content. Errors are not cached.
        uri: The URI of the ruleset.
    """
    validators = stdnum.__version__  # an entry is used without checking that the rules' validators exist
    key = key_of("rulesets", shape.__name__.encode(), uri.encode(), validators.encode(), content)
    stored = user_cache().get(key)
    if stored is not None:
        with suppress(msgspec.DecodeError):
            return msgspec.msgpack.decode(stored, type=shape)
    result = parse()
    user_cache().put(key, msgspec.msgpack.encode(result))
    return result
