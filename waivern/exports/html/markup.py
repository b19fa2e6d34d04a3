"""HTML and SVG elements. Every text is escaped unless it is `Markup`."""

import html
from collections.abc import Iterable

from waivern.escaping import lines

_VOID = {"br", "meta", "hr"}


class Markup(str):
    """Markup that must not be escaped again."""

    __slots__ = ()


def escape(text: str) -> Markup:
    """Return a text escaped for an element or a quoted attribute.

    Characters that HTML forbids, that are invisible, or that could disguise a text, become `\\u202e`.
    """
    return Markup(html.escape(lines(text), quote=True))


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
