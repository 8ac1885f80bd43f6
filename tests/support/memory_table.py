"""A table in memory that keeps every version of its rows."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")


class ConstraintError(Exception):
    """A row that PostgreSQL would have refused."""


class Table(Generic[K, V]):
    """Rows by primary key, each with every version it ever had; None: deleted."""

    def __init__(self) -> None:
        self._versions: dict[K, list[tuple[int, V | None]]] = {}

    def get(self, key: K, version: int) -> V | None:
        """The row as of a version."""
        for since, row in reversed(self._versions.get(key, ())):
            if since <= version:
                return row
        return None

    def items(self, version: int) -> Iterator[tuple[K, V]]:
        """All rows as of a version, oldest key first."""
        for key in self._versions:
            row = self.get(key, version)
            if row is not None:
                yield key, row

    def require_new(self, keys: Iterable[K]) -> None:
        """Raise `ConstraintError` where a row would be there twice."""
        seen: set[K] = set()
        for key in keys:
            versions = self._versions.get(key)
            if key in seen or (versions is not None and versions[-1][1] is not None):
                raise ConstraintError(f"a row with this key exists: {key!r}")
            seen.add(key)

    def put_all(self, rows: Mapping[K, V], version: int) -> None:
        """Add or replace many rows."""
        for key, row in rows.items():
            self.put(key, row, version)

    def put(self, key: K, row: V | None, version: int) -> None:
        """Add, replace or (None) delete a row."""
        self._versions.setdefault(key, []).append((version, row))
