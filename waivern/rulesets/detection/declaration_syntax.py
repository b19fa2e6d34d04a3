"""Field names in declarations: properties, parameters, destructured objects, SQL."""

import re

_NEAR = 40
_FAR = 300
"""How many characters before a name the start of its declaration, or of the list that contains it, may be."""

_PROPERTY = re.compile(r"[ \t]*\{[ \t]*(?:get|set|init)\b")
_TYPE_BEFORE = re.compile(
    r"(?<!\w)(?:String|string|str|u?int|Integer|long|Long|bool|boolean|Boolean|double|Double|float|decimal|Decimal|BigDecimal"
    r"|Date|DateTime|DateOnly|LocalDate|LocalDateTime|Instant|Guid|UUID|char[ \t]*\*)\??(?:[ \t]+\*?|(?<=\*))\Z"
)
_ENDS_DECLARATION = re.compile(r"[ \t]*[;,)]")
_GO_TYPE = re.compile(
    r"[ \t]+\*?(?:string|u?int(?:8|16|32|64)?|float(?:32|64)|time\.Time|sql\.Null\w{1,20})[ \t]*(?:[`\r\n\0]|//|\Z)"
)
_INDENTATION_BEFORE = re.compile(r"(?:^|[\r\n\0])[ \t]*\Z")
_NAME_LIST = re.compile(r"[\w$\s,:.=?]*")
_AFTER_DESTRUCTURING = re.compile(r"\}\s{0,4}(?::\s{0,4}\w{1,40}\s{0,4})?[=)]")
_FUNCTION_BEFORE = re.compile(r"(?<!\w)(?:def|function|func|fun|fn)\s{1,4}[\w$]{0,64}\s{0,4}\Z")
_SELECT_BEFORE = re.compile(
    r"(?<!\w)(?:SELECT|select)\s+(?:DISTINCT\s+|distinct\s+)?(?:[\w.*`\"\[\]()]{1,64}(?:\s+(?:AS|as)\s+\w{1,64})?\s*,\s*)*\Z"
)
_AFTER_SELECTED = re.compile(r"\s*,|\s+(?:(?:AS|as)\s+\w{1,64}\s+)?(?:FROM|from)\s+[\w.`\"\[]")
_ADD_BEFORE = re.compile(r"(?<!\w)(?:ADD|add)\s+(?:(?:COLUMN|column)\s+)?\Z")
_SQL_TYPE = re.compile(
    r"\s+(?i:n?varchar2?|n?char|text|date|datetime|timestamp|int|integer|bigint|decimal|numeric|boolean|jsonb?)\b"
)


def is_declared(text: str, start: int, end: int) -> bool:
    """Return whether code declares or queries the name from `start` to `end`."""
    before = text[max(0, start - _NEAR) : start]
    if _PROPERTY.match(text, end) or (_TYPE_BEFORE.search(before) and _ENDS_DECLARATION.match(text, end)):
        return True
    if _INDENTATION_BEFORE.search(before) and _GO_TYPE.match(text, end):
        return True
    return (
        _is_symbol(text, start)
        or _is_destructured(text, start, end)
        or _is_parameter(text, start)
        or _is_in_sql(text, start, end)
    )


def _is_symbol(text: str, start: int) -> bool:
    """Match `:email` in Ruby, and `user->email` in PHP and C."""
    before = text[max(0, start - 2) : start]
    return before == "->" or (before[-1:] == ":" and len(before) == 2 and before[0] in " \t([{,!\n")


def _is_destructured(text: str, start: int, end: int) -> bool:
    """Match `const { email, phone } = body` and `({ email, phone }) => ...`."""
    first = text.rfind("{", max(0, start - _FAR), start)
    last = text.find("}", end, end + _FAR)
    if first < 0 or last < 0 or not _AFTER_DESTRUCTURING.match(text, last):
        return False
    return all(_NAME_LIST.fullmatch(text, *part) is not None for part in ((first + 1, start), (end, last)))


def _is_parameter(text: str, start: int) -> bool:
    first = text.rfind("(", max(0, start - _FAR), start)
    if first < 0 or _NAME_LIST.fullmatch(text, first + 1, start) is None:
        return False
    return _FUNCTION_BEFORE.search(text[max(0, first - 2 * _NEAR) : first]) is not None


def _is_in_sql(text: str, start: int, end: int) -> bool:
    if _AFTER_SELECTED.match(text, end) and _SELECT_BEFORE.search(text[max(0, start - _FAR) : start]):
        return True
    return (
        _SQL_TYPE.match(text, end) is not None and _ADD_BEFORE.search(text[max(0, start - _NEAR) : start]) is not None
    )
