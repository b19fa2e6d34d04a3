"""HTML and SVG made of elements, in which every text is escaped: what is not `Made` here cannot become any."""

import html
from collections.abc import Iterable

_ACTING = (*range(0x20), *range(0x7F, 0xA0), *range(0xD800, 0xE000), 0xFFFE, 0xFFFF)
_TURNING = (0x061C, 0x200E, 0x200F, *range(0x2028, 0x202F), *range(0x2066, 0x206A))
_SHOWN = {
    **{code: "\N{REPLACEMENT CHARACTER}" for code in _ACTING if chr(code) not in "\t\n"},
    **{code: f"\\u{code:04x}" for code in _TURNING},
}
_VOID = {"br", "meta", "hr"}


class Made(str):
    """Finished markup, told from text by its type."""

    __slots__ = ()


def escaped(text: str) -> Made:
    """Return a text as it stands in an element or in a quoted attribute.

    What HTML may not hold is replaced, and what would turn the text around is written out.
    """
    return Made(html.escape(text.translate(_SHOWN), quote=True))


def element(tag: str, *children: object, **attributes: object) -> Made:
    """Return an element. Children: texts, which are escaped, finished elements, lists of these; None is left out.

    Attributes: `class_` is `class`, `aria_label` is `aria-label`; None is left out, True has no value.
    """
    opening = f"<{tag}{''.join(_attribute(name, value) for name, value in attributes.items())}>"
    if tag in _VOID:
        return Made(opening)
    return Made(f"{opening}{joined(*children)}</{tag}>")


def joined(*children: object) -> Made:
    """Return children one after the other."""
    return Made("".join(_child(child) for child in children))


def _child(child: object) -> str:
    if child is None:
        return ""
    if isinstance(child, Made):
        return child
    if isinstance(child, Iterable) and not isinstance(child, str):
        return "".join(_child(each) for each in child)
    return escaped(str(child))


def _attribute(name: str, value: object) -> str:
    if value is None or value is False:
        return ""
    written = name.rstrip("_").replace("_", "-")
    if written == "viewbox":
        written = "viewBox"
    return f" {written}" if value is True else f' {written}="{escaped(str(value))}"'
