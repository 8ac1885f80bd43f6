"""Which key signs is for the log to say, not for a file: its succession entries name it.

A process that finds the head signed by another key than its own looks there, and takes the new key up if it
has it: so a rotation on one machine reaches every process that signs, in the middle of its work.
"""

from typing import Protocol

from service.core.checkpoint import Checkpoint, open_checkpoint, parse_checkpoint
from service.core.entries import GenesisEntry, SuccessionEntry, decode_entry
from service.core.errors import ForkError, FormatError, ProofError, UnavailableError
from service.core.notes import parse_note
from service.core.succession import KeyHistory, key_history
from service.ledger.keys import LedgerKeys
from service.ledger.ports import EntryRow, Head


class Reader(Protocol):
    """What the history of a log's keys is read from: a snapshot, or an append under its lock."""

    async def entries(self, start: int, stop: int) -> list[EntryRow]:
        """Entries `start` ≤ index < `stop`, in order."""

    async def successions(self) -> list[EntryRow]:
        """The entries by which something gave way to its successor, in order."""


async def follow(keys: LedgerKeys, reader: Reader, head: Head) -> None:
    """Take up the key that signs now, where this head was signed by another than ours.

    Raises `UnavailableError` where that key is not at hand, and `ForkError` for a history that does not hold.
    """
    if not leads(keys, head):
        history = await read_history(reader)
        if history.current != keys.signer.verifier:
            keys.take_up(history)


async def refresh(keys: LedgerKeys, reader: Reader, head: Head) -> None:
    """As `follow`; and a key before the current one that is not at hand any more stops signing beside it."""
    await follow(keys, reader, head)
    if keys.previous:
        keys.take_up(keys.history)


def successions_until(keys: LedgerKeys, head: Head) -> tuple[int, ...]:
    """Where the log's key gave way, up to this head. Raises `UnavailableError` where it has since."""
    if keys.history.at(head.size) != keys.signer.verifier:
        raise UnavailableError("the signing key gave way while this was read: ask again")
    return tuple(each.index for each in keys.history.successions)


def leads(keys: LedgerKeys, head: Head) -> bool:
    """Whether our key stands first among those that signed this head, as the log's current one does."""
    try:
        return parse_note(head.checkpoint).signatures[0].key_id == keys.signer.verifier.key_id
    except FormatError:
        return True  # no succession explains that: whoever checks the head says so


async def read_history(reader: Reader) -> KeyHistory:
    """Every key the log has signed with. Raises `ForkError` for what no ledger of ours has written."""
    rows = await reader.entries(0, 1)
    try:
        genesis = decode_entry(rows[0].entry) if rows else None
        if not isinstance(genesis, GenesisEntry):
            raise ForkError("entry 0 is not a genesis entry")
        entries = [(row.index, decode_entry(row.entry)) for row in await reader.successions()]
        return key_history(
            genesis, ((index, entry) for index, entry in entries if isinstance(entry, SuccessionEntry))
        )
    except ProofError as error:
        raise ForkError(f"the keys that the log names do not follow from each other: {error}") from error


def open_signed(note: bytes, keys: LedgerKeys) -> Checkpoint:
    """A checkpoint of this log, signed by the key that was its own at that size.

    Raises `FormatError` and `SignatureError`.
    """
    size = parse_checkpoint(parse_note(note).text).size
    return open_checkpoint(note, keys.origin, [keys.history.at(size)])[0]
