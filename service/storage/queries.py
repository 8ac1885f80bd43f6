"""The named statements of the `.sql` files: a name between dashes, then comments and one statement."""

import re
from importlib.resources import files

_FILES = ("queries.sql", "deliveries.sql", "erasures.sql", "exports.sql", "relays.sql", "wrapping.sql")
_NAME = re.compile(r"^-- (\w+) --$", re.MULTILINE)


def _load() -> dict[str, str]:
    texts = (files(__package__).joinpath(name).read_text(encoding="utf-8") for name in _FILES)
    parts = [part for text in texts for part in _NAME.split(text)[1:]]
    return {name: statement.strip() for name, statement in zip(parts[::2], parts[1::2], strict=True)}


SQL = _load()
"""Statement by name; PostgreSQL ignores the comments that stay in front of it."""
