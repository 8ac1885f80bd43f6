"""What exports need from the world, and the rows they are kept as."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from msgspec import Struct

from service.core.export.archive import Member
from service.core.export.contents import ScopeKind
from service.ledger.addresses import CanonicalAddress

Status = Literal["preparing", "ready", "failed", "withdrawn"]
ExportLanguage = Literal["en", "nl"]


@dataclass(frozen=True, slots=True)
class Scope:
    """What an export is of. `question`: a question's body, answered for every address asked for.

    `since_ms` and `until_ms` are of recorded times, the latter not included. `size`: a checkpoint the log had
    once; None is the newest. `held_sizes`: of checkpoints that the reader kept, whose consistency is proved.
    `disclose`: with the secret that ties subject keys to addresses.
    """

    kind: ScopeKind
    addresses: tuple[CanonicalAddress, ...] = ()
    question: dict[str, object] | None = None
    sender: str | None = None
    since_ms: int | None = None
    until_ms: int | None = None
    campaign: str | None = None
    size: int | None = None
    held_sizes: tuple[int, ...] = ()
    disclose: bool = False
    language: ExportLanguage = "en"


Printer = Callable[[str], bytes]
"""From a report's page to the same as a PDF; raises `FormatError` for what cannot be printed."""


class ExportRow(Struct, frozen=True):
    """An export. `size` and `root` are of the checkpoint it is pinned to, None before it is pinned.

    `frozen` of its files are kept, `done` of `planned` are known; `bytes` is the whole size once it is ready.
    `scope` is sealed.
    """

    export_id: str
    status: Status
    kind: ScopeKind
    created_by: str
    created_at_ms: int
    expires_at_ms: int
    scope: bytes
    size: int | None
    frozen: int
    done: int
    planned: int
    bytes: int | None


class FileRow(Struct, frozen=True):
    """One file of an export as it stands in the archive. `body` is sealed, None where the log gives it."""

    number: int
    name: str
    method: int
    crc: int
    size: int
    packed_size: int
    packed_sha256: bytes
    sha256: bytes
    offset: int
    body: bytes | None

    @property
    def member(self) -> Member:
        """As the archive knows it."""
        return Member(
            self.name, self.method, self.crc, self.size, self.packed_size, self.packed_sha256, self.offset
        )


class ExportStore(Protocol):
    """One ledger's exports. Every method raises `UnavailableError`."""

    async def create(self, row: ExportRow) -> None:
        """Keep a new one."""

    async def find(self, export_id: str | None = None) -> list[ExportRow]:
        """All of them, newest first, or the one of this id if there is one."""

    async def claim(self, now_ms: int, until_ms: int, export_id: str | None = None) -> ExportRow | None:
        """Take one that is to be prepared and that nobody is at; None where there is none."""

    async def hold(self, export_id: str, until_ms: int) -> None:
        """Go on holding it."""

    async def pin(
        self, export_id: str, size: int, planned: int, files: Sequence[FileRow], until_ms: int
    ) -> None:
        """Pin it, with the files that are kept: all or nothing."""

    async def add(self, export_id: str, files: Sequence[FileRow], until_ms: int) -> None:
        """Note files that are known now, and go on holding it."""

    async def finish(self, export_id: str, files: Sequence[FileRow], total_bytes: int) -> None:
        """Note the last files, and that it is ready: all or nothing."""

    async def fail(self, export_id: str) -> None:
        """It can never be made."""

    async def files(self, export_id: str, start: int, limit: int) -> list[FileRow]:
        """Files from number `start` on, in order."""

    async def file_at(self, export_id: str, offset: int) -> FileRow | None:
        """The file whose bytes hold this offset; None behind the last."""

    async def erased_since(self, size: int) -> bool:
        """Whether somebody was erased at or after this size of the log."""

    async def withdraw(self, now_ms: int, export_id: str | None = None) -> int:
        """Destroy what is kept of this export, or of all that have expired; how many."""
