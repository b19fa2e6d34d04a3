"""Numbers of a workbook as text: as dates where the cell's number format is one (ECMA-376 part 1, 18.8.30)."""

import re
from datetime import date, datetime, time, timedelta
from enum import Enum

_MAX_FORMAT_LENGTH = 255  # Excel's own limit
_LITERALS = re.compile(r'"[^"]*"|\\.|_.|\*.|\[(?!h{1,2}\]|m{1,2}\]|s{1,2}\])[^\]]*\]', re.IGNORECASE)
_DURATION = re.compile(r"\[(?:h{1,2}|m{1,2}|s{1,2})\]", re.IGNORECASE)
_DATE_LETTERS = re.compile(r"[dmyhs]", re.IGNORECASE)
_BUILT_IN_DATES = frozenset({*range(14, 23), *range(27, 37), 45, 47, *range(50, 59)})
_BUILT_IN_DURATION = 46
_EPOCH_1900, _EPOCH_1904 = datetime.fromisoformat("1899-12-30"), datetime.fromisoformat("1904-01-01")
_NOT_A_DAY = 60  # 29 February 1900 did not exist; Excel counts it
_MILLISECONDS_PER_DAY = 86_400_000
_LAST_MOMENT = timedelta(days=1, milliseconds=-1)
_MAX_DAYS = 2_958_466  # until the end of 9999
_MAX_DIGITS = 30


class NumberKind(Enum):
    """What a number format makes of a number."""

    NUMBER = "number"
    DATE = "date"
    DURATION = "duration"


def built_in_kind(format_id: int) -> NumberKind:
    """Return the kind of a format that a workbook does not define."""
    if format_id == _BUILT_IN_DURATION:
        return NumberKind.DURATION
    return NumberKind.DATE if format_id in _BUILT_IN_DATES else NumberKind.NUMBER


def kind_of(format_code: str) -> NumberKind:
    """Return the kind of a format such as "yyyy-mm-dd"."""
    code = _LITERALS.sub("", format_code[:_MAX_FORMAT_LENGTH].partition(";")[0])
    if _DURATION.search(code):
        return NumberKind.DURATION
    return NumberKind.DATE if _DATE_LETTERS.search(code) else NumberKind.NUMBER


def number_as_text(number: str, kind: NumberKind, *, is_1904: bool) -> str:
    """Return a number as its cell shows it, a date in ISO 8601, and a whole number without a fraction."""
    if len(number) > _MAX_DIGITS:
        return number
    try:
        value = float(number)
    except ValueError:
        return number
    if kind is NumberKind.DURATION and abs(value) < _MAX_DAYS:
        return str(_duration(value))
    if kind is NumberKind.DATE and 0 <= value < _MAX_DAYS - is_1904 * 1462:
        return _date(value, is_1904=is_1904)
    if number.lstrip("+-").isdigit():
        return str(int(number))
    return str(int(value)) if value.is_integer() and abs(value) < 1e18 else str(value)


def _date(days: float, *, is_1904: bool) -> str:
    if 0 <= days < 1:
        return (_EPOCH_1900 + min(_duration(days), _LAST_MOMENT)).time().isoformat()
    if days < _NOT_A_DAY and not is_1904:
        days += 1
    moment = (_EPOCH_1904 if is_1904 else _EPOCH_1900) + _duration(days)
    shown: date = moment.date() if moment.time() == time() else moment
    return shown.isoformat()


def _duration(days: float) -> timedelta:
    return timedelta(milliseconds=round(days * _MILLISECONDS_PER_DAY))
