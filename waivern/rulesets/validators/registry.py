"""Validators: checksums, calendars and numbering plans that decide whether a pattern's match is valid.

A rule refers to its validator by name. Besides the validators in this package, `stdnum.<module>` is the `is_valid` of a
module of python-stdnum (`stdnum.nl.bsn`). Modules whose result depends on the current date are excluded.
"""

import functools
import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import stdnum

from waivern.rulesets.validators.code_values import CODE_VALIDATORS
from waivern.rulesets.validators.contact_values import CONTACT_VALIDATORS
from waivern.rulesets.validators.date_values import DATE_VALIDATORS
from waivern.rulesets.validators.identity_values import IDENTITY_VALIDATORS
from waivern.rulesets.validators.payment_values import PAYMENT_VALIDATORS
from waivern.rulesets.validators.secret_values import SECRET_VALIDATORS

Validator = Callable[[str], tuple[int, int] | None]
"""Takes the matched text; returns the (start, end) of its valid part, or None if it is not valid."""


def is_validator(name: str) -> bool:
    return name in _VALIDATORS or _stdnum_module(name) is not None


@functools.cache
def get_validator(name: str) -> Validator:
    """Return the validator with this name.

    Raises:
        KeyError: There is no such validator.
    """
    if name in _VALIDATORS:
        return _VALIDATORS[name]
    if name in _DATE_DEPENDENT or not (_is_file_of_stdnum(name) or _stdnum_module(name) is not None):
        raise KeyError(name)
    return _validator_of_stdnum(name)


def _is_file_of_stdnum(name: str) -> bool:
    package, *path = name.split(".")
    return package == "stdnum" and any(Path(folder, *path).with_suffix(".py").is_file() for folder in stdnum.__path__)


def _stdnum_module(name: str) -> Any | None:
    if not name.startswith("stdnum.") or name in _DATE_DEPENDENT:
        return None
    try:
        module = importlib.import_module(name)
    except ImportError:
        return None
    return module if hasattr(module, "is_valid") else None


_DATE_DEPENDENT = {
    f"stdnum.{module}"
    for module in ("be.nn", "dk.cpr", "kr.rrn", "no.fodselsnummer", "ro.onrc", "se.personnummer", "sg.uen", "za.idnr")
}


def _validator_of_stdnum(name: str) -> Validator:
    """Return the validator of a module that is imported on first use: a ruleset names many, and a text needs few."""

    @functools.cache
    def is_valid() -> Callable[[str], bool]:
        function: Callable[[str], bool] = importlib.import_module(name).is_valid
        return function

    def validate(value: str) -> tuple[int, int] | None:
        return (0, len(value)) if is_valid()(value) else None

    return validate


_VALIDATORS: dict[str, Validator] = {
    **CODE_VALIDATORS,
    **CONTACT_VALIDATORS,
    **DATE_VALIDATORS,
    **IDENTITY_VALIDATORS,
    **PAYMENT_VALIDATORS,
    **SECRET_VALIDATORS,
}
