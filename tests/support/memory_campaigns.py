"""Campaigns over a whole ledger in memory, and the bundle of one line of one."""

from collections.abc import Iterable, Sequence

from service.core.merkle import HASH_SIZE, TILE_WIDTH, HashRange
from service.ledger.campaigns.lines import Group, Line, LineAddress
from service.ledger.campaigns.ports import Run, State, Tile
from service.ledger.campaigns.proofs import CampaignProofs
from service.ledger.campaigns.running import Campaigns, Parts
from service.ledger.catalogue import Catalogue
from tests.support.memory_store import MemoryStore
from tests.support.small_ledger import SECOND, Counted, SmallLedger, moment


class MemoryCampaigns:
    """What campaigns keep, beside a ledger's own store."""

    def __init__(self, store: MemoryStore) -> None:
        self._store = store
        self._questions: dict[bytes, bytes] = {}
        self._tiles: dict[tuple[bytes, int, int], bytes] = {}
        self._runs: dict[bytes, list[Run]] = {}

    async def standings(self, keys: Sequence[bytes]) -> tuple[State, dict[bytes, bytes]]:
        """The state, and those standings that exist."""
        head, found = await self._store.standings(keys)
        return State(head.position, head.recorded_at_ms, head.rulebook_hash), found

    async def begin(self, campaign: bytes, question: bytes) -> None:
        """Keep what is asked."""
        self._questions[campaign] = question

    async def keep(self, campaign: bytes, tiles: Sequence[Tile], runs: Sequence[Run]) -> None:
        """Keep tiles and runs."""
        self._tiles |= {(campaign, tile.level, tile.number): tile.hashes for tile in tiles}
        self._runs.setdefault(campaign, []).extend(runs)

    async def question(self, campaign: bytes) -> bytes | None:
        """What was asked."""
        return self._questions.get(campaign)

    async def event_index(self, dedup_key: bytes) -> int | None:
        """The place of the event of this key."""
        return self._store.dedup_keys.get(dedup_key, self._store.version)

    async def hashes(self, campaign: bytes, ranges: Iterable[HashRange]) -> dict[HashRange, list[bytes]]:
        """Leaf hashes and tile roots."""
        found = {}
        for wanted in ranges:
            number = wanted.start // TILE_WIDTH
            joined = self._tiles[campaign, wanted.level, number]
            first = number * TILE_WIDTH
            found[wanted] = [
                joined[at * HASH_SIZE : (at + 1) * HASH_SIZE]
                for at in range(wanted.start - first, wanted.stop - first)
            ]
        return found

    async def names(self) -> list[bytes]:
        """Every campaign that answered anything, the newest first."""
        return list(self._runs)[::-1]

    async def leaves(self, campaign: bytes, start: int, stop: int) -> bytes:
        """Leaf hashes, joined."""
        numbers = sorted(number for name, level, number in self._tiles if (name, level) == (campaign, 0))
        joined = b"".join(self._tiles[campaign, 0, number] for number in numbers)
        return joined[start * HASH_SIZE : stop * HASH_SIZE]

    async def runs(self, campaign: bytes) -> list[Run]:
        """Every run."""
        return list(self._runs.get(campaign, []))

    async def run_of(self, campaign: bytes, line: int) -> Run | None:
        """The run that a line belongs to."""
        return next((run for run in reversed(self._runs[campaign]) if run.first_line <= line), None)


async def proved_lines() -> tuple[SmallLedger, dict[int, bytes]]:
    """A ledger, and bundles of two lines of 5.

    Line 2 is allowed (a withdrawal from before was recorded after it), line 4 asks about nobody.
    """
    ledger = await SmallLedger().begin("acme", "beta")
    form = await ledger.publish_form()
    tick = {"sender": "acme", "form": form, "box": "newsletter", "method": "ticked"}
    await ledger.record("consent_granted", "jane@example.org", **tick)
    store = MemoryCampaigns(ledger.store)
    catalogue = Catalogue(ledger.store)
    asked_ms = ledger.now_ms = ledger.now_ms + 10 * SECOND
    parts = Parts(
        store, ledger.keys, ledger.admission, catalogue, ledger.appender, ledger.clock, Counted("campaign")
    )
    people = ("one", "jane", "no address", "two", "three")
    names = [name if " " in name else f"{name}@example.org" for name in people]
    lines = [Line(LineAddress("email", name)) for name in names]
    defaults = {
        "sender": "acme",
        "category": "newsletter",
        "channel": "email",
        "kind": "commercial",
        "recipient": {"country": "NL", "kind": "consumer"},
        "message": {"optout": True, "identity": True},
    }
    campaign = await Campaigns(parts).open(defaults, _refused, _no_header)
    await campaign.answer(await campaign.prepare(Group(lines)))
    ledger.now_ms += SECOND
    await campaign.close(complete=True)
    left = {"sender": "acme", "scope": "all_marketing", "occurred_at": moment(asked_ms - SECOND)}
    await ledger.record("consent_withdrawn", "jane@example.org", **left)
    proofs = CampaignProofs(ledger.store, store, ledger.keys, ledger.opener, ledger.proofs)
    return ledger, {
        number: await proofs.bundle(campaign.id, number, ledger.address(names[number - 1]), {}, disclose=True)
        for number in (2, 4)
    }


def _refused(_line: int, _name: str | None, _refusal: Exception) -> bytes:
    return b"{}\n"


def _no_header(_subject: bytes, _sender: str, _category: str, _channel: str) -> bytes:
    raise AssertionError("nobody asked for it")
