"""Names that code declares without a mark of their own: properties, parameters, what is taken out of an object, SQL."""

import re

_NEAR = 40
_FAR = 300
"""Characters in which the beginning of a declaration, or of a list that the name stands in, is looked for."""

_PROPERTY = re.compile(r"[ \t]*\{[ \t]*(?:get|set|init)\b")
_TYPE_BEFORE = re.compile(
    r"(?<!\w)(?:String|string|str|u?int|Integer|long|Long|bool|boolean|Boolean|double|Double|float|decimal|Decimal|BigDecimal"
    r"|Date|DateTime|DateOnly|LocalDate|LocalDateTime|Instant|Guid|UUID|char[ \t]*\*)\??(?:[ \t]+\*?|(?<=\*))\Z"
)
_ENDS_DECLARATION = re.compile(r"[ \t]*[;,)]")
_GO_TYPE = re.compile(
    r"[ \t]+\*?(?:string|u?int(?:8|16|32|64)?|float(?:32|64)|time\.Time|sql\.Null\w{1,20})[ \t]*(?:[`\r\n\0]|//|\Z)"
)
_LINE_SO_FAR = re.compile(r"(?:^|[\r\n\0])[ \t]*\Z")
_LIST_OF_NAMES = re.compile(r"[\w$\s,:.=?]*")
_TAKEN_OUT = re.compile(r"\}\s{0,4}(?::\s{0,4}\w{1,40}\s{0,4})?[=)]")
_FUNCTION_BEFORE = re.compile(r"(?<!\w)(?:def|function|func|fun|fn)\s{1,4}[\w$]{0,64}\s{0,4}\Z")
_SELECT_BEFORE = re.compile(
    r"(?<!\w)(?:SELECT|select)\s+(?:DISTINCT\s+|distinct\s+)?(?:[\w.*`\"\[\]()]{1,64}(?:\s+(?:AS|as)\s+\w{1,64})?\s*,\s*)*\Z"
)
_SELECTED = re.compile(r"\s*,|\s+(?:(?:AS|as)\s+\w{1,64}\s+)?(?:FROM|from)\s+[\w.`\"\[]")
_ADD_BEFORE = re.compile(r"(?<!\w)(?:ADD|add)\s+(?:(?:COLUMN|column)\s+)?\Z")
_SQL_TYPE = re.compile(
    r"\s+(?i:n?varchar2?|n?char|text|date|datetime|timestamp|int|integer|bigint|decimal|numeric|boolean|jsonb?)\b"
)


def is_declared(text: str, start: int, end: int) -> bool:
    """Say whether the word from `start` to `end` is a name that code declares or asks for."""
    near = text[max(0, start - _NEAR) : start]
    if _PROPERTY.match(text, end) or (_TYPE_BEFORE.search(near) and _ENDS_DECLARATION.match(text, end)):
        return True
    if _LINE_SO_FAR.search(near) and _GO_TYPE.match(text, end):
        return True
    return (
        _is_symbol(text, start)
        or _is_taken_out(text, start, end)
        or _is_parameter(text, start)
        or _is_in_sql(text, start, end)
    )


def _is_symbol(text: str, start: int) -> bool:
    """`:email` in Ruby, `user->email` in PHP and C."""
    before = text[max(0, start - 2) : start]
    return before == "->" or (before[-1:] == ":" and len(before) == 2 and before[0] in " \t([{,!\n")


def _is_taken_out(text: str, start: int, end: int) -> bool:
    """`const { email, phone } = body`, `({ email, phone }) => ...`."""
    first = text.rfind("{", max(0, start - _FAR), start)
    last = text.find("}", end, end + _FAR)
    if first < 0 or last < 0 or not _TAKEN_OUT.match(text, last):
        return False
    return all(_LIST_OF_NAMES.fullmatch(text, *part) is not None for part in ((first + 1, start), (end, last)))


def _is_parameter(text: str, start: int) -> bool:
    first = text.rfind("(", max(0, start - _FAR), start)
    if first < 0 or _LIST_OF_NAMES.fullmatch(text, first + 1, start) is None:
        return False
    return _FUNCTION_BEFORE.search(text[max(0, first - 2 * _NEAR) : first]) is not None


def _is_in_sql(text: str, start: int, end: int) -> bool:
    if _SELECTED.match(text, end) and _SELECT_BEFORE.search(text[max(0, start - _FAR) : start]):
        return True
    return (
        _SQL_TYPE.match(text, end) is not None and _ADD_BEFORE.search(text[max(0, start - _NEAR) : start]) is not None
    )
