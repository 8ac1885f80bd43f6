"""HTML that cannot be broken out of: whatever is text is escaped where it is put together."""

from html import escape


class Markup(str):
    """Text that is HTML already."""

    __slots__ = ()


Child = Markup | str | None


def tag(name: str, *children: Child, **attributes: str | None) -> Markup:
    """An element. Children that are no `Markup` are text; in attributes `_` is a hyphen, `class_` class."""
    said = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(value)}"'
        for key, value in attributes.items()
        if value is not None
    )
    return Markup(f"<{name}{said}>{join(*children)}</{name}>")


def join(*children: Child) -> Markup:
    """Children one after the other."""
    return Markup(
        "".join(
            child if isinstance(child, Markup) else escape(child) for child in children if child is not None
        )
    )
