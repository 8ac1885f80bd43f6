"""Step 7 of a bundle's verification: every history is whole, and everybody needed is there."""

from collections.abc import Callable
from itertools import pairwise

from tests.support.plain_reader.identities import ZERO, chained, committed, read_record
from tests.support.plain_reader.texts import Json, require, unbase64

Leaf = Callable[[Json, int], Json]


class Histories:
    """The histories of a bundle's subjects, as they are read."""

    def __init__(self, said: Json, leaf: Leaf) -> None:
        self.said, self.leaf = said, leaf
        self.notices: dict[int, Json] = {}
        self.emptied: set[int] = set()
        # Of each subject, by its key: when each event was recorded, and the event.
        self.held: dict[str, list[tuple[int, int, Json]]] = {}
        shown = said.get("erasures", [])
        require(all(one["index"] < two["index"] for one, two in pairwise(shown)), "out of order")
        for notice in shown:
            self.notices[notice["index"]] = leaf(notice, notice["index"])
            require(self.notices[notice["index"]]["type"] == "erasure", "no notice")

    def all_events(self) -> list[Json]:
        """Every event whose contents are held."""
        return [event for held in self.held.values() for _, _, event in held]

    def read(self, subject: Json, size: int) -> None:
        """Follow one subject's chain to its head."""
        chain, last, covered = ZERO, -1, -1
        held = self.held[subject["subject_key"]] = []
        for seq, event in enumerate(subject["events"]):
            index = event["index"]
            require(last < index < size - 1, "out of order")
            last, entry = index, self.leaf(event, index)
            require(entry["type"] == "event", "no event")
            if event["record"] is None or event["opening"] is None:
                covered = max(covered, self._excused(event))
            else:
                record = self._open(event, entry)
                require((record["seq"], record["prev"]) == (seq, chain.hex()), "does not follow")
                require(record["origin"] == self.said["origin"], "another log")
                require(record["subject"] == subject["subject_key"], "another subject")
                self._check_named(subject, record["event"])
                held.append((index, entry["recorded_at_ms"], record["event"]))
            chain = chained(chain, index, bytes.fromhex(entry["commitment"]))
        require(all(index > covered for index, _, _ in held), "part of a history was kept")
        head = subject["head"] or {"event_count": 0, "last_index": -1, "chain": ZERO.hex()}
        reached = {"event_count": len(subject["events"]), "last_index": last, "chain": chain.hex()}
        require(head == reached, "does not lead to the head")

    def _open(self, event: Json, entry: Json) -> Json:
        opening = unbase64(event["opening"]).hex()
        found = committed(b"clv1/commit", opening, event["record"])
        require(found.hex() == entry["commitment"], "another record")
        record = read_record(event["record"])
        if "evidence" in event:
            shown = committed(b"clv1/evidence", opening, event["evidence"]).hex()
            require(record["evidence"] == shown, "other evidence")
        return record

    def _excused(self, event: Json) -> int:
        require(event["record"] is event["opening"] is event.get("evidence") is None, "shown in part")
        index = event["index"]
        found = [at for at, notice in self.notices.items() if index < at and index in notice["indices"]]
        require(found, "no notice")
        self.emptied.add(index)
        return max(found)

    def check_notices(self) -> None:
        """Every notice explains something."""
        for notice in self.notices.values():
            require(self.emptied & set(notice["indices"]), "a notice that explains nothing")

    @staticmethod
    def _check_named(subject: Json, event: Json) -> None:
        if subject["role"] == "sender":
            side = event.get("role", "sender")
            named = event.get(side) if side in ("from", "to") else event.get("sender")
            require(named == subject["address"]["value"], "another sender")

    def check_closed(self, milliseconds: Callable[[str], int], through: int | None) -> None:
        """Everybody linked is shown, and nobody else. Events after index `through` lead nowhere."""
        subjects, asked = self.said["subjects"], self.said["question"]
        at = asked["at_ms"] if asked is not None else None
        known_at = asked["known_at_ms"] if asked is not None else None
        moves: dict[str, set[str]] = {}
        others: dict[str, set[str]] = {}
        for subject in subjects:
            events = [
                (index, event)
                for index, recorded, event in self.held[subject["subject_key"]]
                if (known_at is None or recorded <= known_at)
                and (through is None or index <= through)
                and (at is None or event["type"] == "correction" or milliseconds(event["occurred_at"]) <= at)
            ]
            if subject["role"] == "sender":
                name = subject["address"]["value"]
                sides = [
                    (event["from"], event["to"]) for _, event in events if "from" in event and "to" in event
                ]
                others[name] = {one if two == name else two for one, two in sides}
            else:
                moves[subject["subject_key"]] = _former(events)
        start = next(each["subject_key"] for each in subjects if each["role"] == "address")
        _check_reach({start}, moves)
        _check_reach({asked["body"]["sender"]} if asked is not None else set(), others)


def _former(events: list[tuple[int, Json]]) -> set[str]:
    """The subjects whose address gave way to this one, but for what was corrected."""
    found: dict[int, str] = {}
    for index, event in events:
        if event["type"] == "address_changed" and event["role"] == "new":
            found[index] = event["counterpart"]
        elif event["type"] == "correction":
            found.pop(event["corrects"], None)
    return set(found.values())


def _check_reach(waiting: set[str], links: dict[str, set[str]]) -> None:
    reached: set[str] = set()
    while waiting - reached:
        name = (waiting - reached).pop()
        require(name in links, "somebody is left out")
        reached.add(name)
        waiting = waiting | links[name]
    require(reached == links.keys(), "somebody is shown who has no link")
