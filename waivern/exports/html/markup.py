"""HTML and SVG elements. Every text is escaped unless it is `Markup`."""

import html
from collections.abc import Iterable

_CONTROL_CHARACTERS = (*range(0x20), *range(0x7F, 0xA0), *range(0xD800, 0xE000), 0xFFFE, 0xFFFF)
_BIDIRECTIONAL_CONTROLS = (0x061C, 0x200E, 0x200F, *range(0x2028, 0x202F), *range(0x2066, 0x206A))
_REPLACEMENTS = {
    **{code: "\N{REPLACEMENT CHARACTER}" for code in _CONTROL_CHARACTERS if chr(code) not in "\t\n"},
    **{code: f"\\u{code:04x}" for code in _BIDIRECTIONAL_CONTROLS},
}
_VOID = {"br", "meta", "hr"}


class Markup(str):
    """Markup that must not be escaped again."""

    __slots__ = ()


def escape(text: str) -> Markup:
    """Return a text escaped for an element or a quoted attribute.

    Characters that HTML forbids are replaced. Bidirectional controls, which could disguise a text, become `\\u202e`.
    """
    return Markup(html.escape(text.translate(_REPLACEMENTS), quote=True))


def element(tag: str, *children: object, **attributes: object) -> Markup:
    """Return an element.

    Children are texts (escaped), elements, or lists of these; None is omitted. The attribute `class_` becomes `class`,
    `aria_label` becomes `aria-label`; None and False are omitted, True has no value.
    """
    opening = f"<{tag}{''.join(_attribute(name, value) for name, value in attributes.items())}>"
    if tag in _VOID:
        return Markup(opening)
    return Markup(f"{opening}{join(*children)}</{tag}>")


def join(*children: object) -> Markup:
    """Return the children without an element around them."""
    return Markup("".join(_child(child) for child in children))


def _child(child: object) -> str:
    if child is None:
        return ""
    if isinstance(child, Markup):
        return child
    if isinstance(child, Iterable) and not isinstance(child, str):
        return "".join(_child(item) for item in child)
    return escape(str(child))


def _attribute(name: str, value: object) -> str:
    if value is None or value is False:
        return ""
    html_name = name.rstrip("_").replace("_", "-")
    if html_name == "viewbox":
        html_name = "viewBox"
    return f" {html_name}" if value is True else f' {html_name}="{escape(str(value))}"'
