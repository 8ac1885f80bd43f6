"""What erasure needs beside the log: its table, and the list that a restored backup does not reach."""

from collections.abc import Sequence
from typing import Protocol

from msgspec import Struct


class ErasedSubject(Struct, frozen=True, gc=False):
    """One erasure: its newest notice by index, leaf hash and time; whose events, and the newest destroyed."""

    notice: int
    leaf_hash: bytes
    subject_key: bytes
    last_index: int
    at_ms: int


class ErasureRows(Protocol):
    """One ledger's erasures in its database."""

    async def all(self) -> list[ErasedSubject]:
        """Every erasure, oldest first."""

    async def still_held(self, erased: Sequence[ErasedSubject]) -> list[ErasedSubject]:
        """Those of whom contents are held that were recorded by the time they were erased."""

    async def audited(self, size: int, root: bytes, at_ms: int) -> None:
        """Note that the log of this size and root was replayed, and nothing found."""


class ErasureList(Protocol):
    """The same erasures outside the database, where a restore does not bring back what was before."""

    def read(self) -> list[ErasedSubject]:
        """Every erasure that was ever noted, oldest first.

        Raises `UnavailableError`, or `ForkError` where it is garbled.
        """

    async def add(self, erased: Sequence[ErasedSubject]) -> None:
        """Note these durably, each once. Raises `UnavailableError`."""
