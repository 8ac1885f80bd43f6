"""What a group of lines is answered from: the standings of its addresses, read as one state of the log."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from service.core.errors import QuestionError
from service.core.history import reach
from service.core.law.facts import Standing
from service.core.law.standing import EMPTY, decode_standing, predecessors
from service.ledger.answering.checks import LINKED_SUBJECTS_MAX
from service.ledger.appending.admission import Admission
from service.ledger.campaigns.ports import CampaignStore, State


@dataclass(frozen=True, slots=True)
class Found:
    """Standings by subject key, and the senders' by id, of one state."""

    state: State
    standings: Mapping[bytes, Standing]
    senders: Mapping[str, Standing]


@dataclass(frozen=True, slots=True)
class Read:
    """What was read for a group. Addresses with former ones (`moved`) were read again, with those."""

    found: Found
    moved: Found | None = None
    linked: Mapping[bytes, Sequence[tuple[str, Standing]]] = field(default_factory=dict)
    too_many: Collection[bytes] = ()


class Reader:
    """Reads for one campaign, whose sender's succession it follows."""

    def __init__(self, store: CampaignStore, admission: Admission, sender: str) -> None:
        self._store = store
        self._admission = admission
        self._senders = {sender: admission.subject_of_sender(sender)}

    async def read(self, keys: Collection[bytes]) -> Read:
        """Everything the answers about these subjects are made from."""
        found = await self._found(keys)
        moved = [key for key in keys if key in found.standings and found.standings[key].origins]
        return Read(found) if not moved else await self._follow(found, moved)

    async def _found(self, keys: Collection[bytes]) -> Found:
        while True:
            state, rows = await self._store.standings([*keys, *self._senders.values()])
            standings = {key: decode_standing(row) for key, row in rows.items()}
            senders = {name: standings.get(key, EMPTY) for name, key in self._senders.items()}
            earlier = {
                name
                for own, standing in senders.items()
                for name in predecessors(standing, own)
                if name not in senders
            }
            if not earlier:
                return Found(state, standings, senders)
            if len(senders) + len(earlier) > LINKED_SUBJECTS_MAX:
                raise QuestionError("more linked senders than are followed", code="too_many_links")
            self._senders |= {name: self._admission.subject_of_sender(name) for name in earlier}

    async def _follow(self, first: Found, moved: Sequence[bytes]) -> Read:
        """Read the former addresses too, until none is missing: these lines have a state of their own."""
        wanted = set(moved)
        found = first
        too_many: set[bytes] = set()
        while True:
            known = {key.hex(): found.standings.get(key) for key in wanted}
            reached = {key: reach(key.hex(), known) for key in moved if key not in too_many}
            too_many |= {
                key
                for key, each in reached.items()
                if len(each.reached) + len(each.missing) > LINKED_SUBJECTS_MAX
            }
            missing = {
                bytes.fromhex(name)
                for key, each in reached.items()
                if key not in too_many
                for name in each.missing
            }
            if not missing and found is not first:
                break
            wanted |= missing
            found = await self._found(wanted)
        linked = {
            key: [
                (name, standing)
                for name in sorted(each.reached - {key.hex()})
                if (standing := found.standings.get(bytes.fromhex(name))) is not None
            ]
            for key, each in reached.items()
        }
        return Read(first, found, linked, too_many)
