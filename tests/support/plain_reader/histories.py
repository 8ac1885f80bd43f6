"""Step 7 of a bundle's verification: every history is whole, and everybody needed is there."""

import re
from collections.abc import Callable, Mapping
from itertools import pairwise

from tests.support.plain_reader.identities import ZERO, chained, committed, head_value, read_record
from tests.support.plain_reader.texts import Json, require, unbase64, write_json

TIME = r"(?!0000)[0-9]{4}(-[0-9]{2}){2}T[0-9]{2}(:[0-9]{2}){2}\.[0-9]{3}Z"
PASSING = ("sender_renamed", "business_transferred")
OF_SENDERS = (
    *PASSING,
    "campaign_checked",
    "export_created",
    "export_downloaded",
    "form_published",
    "key_rotated",
    "rulebook_published",
    "sender_registered",
)


def _is_sender(subject: Json, name: str | None) -> bool:
    return bool(subject["role"] == "sender" and subject["address"]["value"] == name)


def event_entry(event: Json, commitment: bytes) -> bytes:
    """The entry of an event."""
    time: int = event["recorded_at_ms"]
    return b"\1" + unbase64(event["prev_leaf_hash"]) + time.to_bytes(8, "big") + commitment


class Histories:
    """The histories of a bundle's subjects, as they are put together and read."""

    def __init__(self, said: Json) -> None:
        self.said = said
        self.notices: dict[int, Json] = {}
        self.emptied: set[int] = set()
        # Of each subject, by its key: its records, by index, and the end of its chain.
        self.records: dict[str, dict[int, str]] = {}
        self.heads: dict[str, bytes] = {}
        # Of each subject, by its key: when each event was recorded, and the event.
        self.held: dict[str, list[tuple[int, int, Json]]] = {}

    def put_together(self, subject: Json) -> list[tuple[int, bytes]]:
        """The entries of a subject's events."""
        key, chain, last, entries = subject["subject_key"], ZERO, -1, []
        records = self.records[key] = {}
        for seq, event in enumerate(subject["events"]):
            require(last < event["index"], "out of order")
            last = event["index"]
            if "event" in event:
                record = {"event": event["event"], "origin": self.said["origin"], "schema": 1, "seq": seq}
                record |= {"prev": chain.hex(), "subject": key, **self._evidence(event)}
                records[last] = write_json(record)
                opening = unbase64(event["opening"]).hex()
                commitment = committed(b"clv1/commit", opening, records[last])
            else:
                commitment = unbase64(event["commitment"])
            entries.append((last, event_entry(event, commitment)))
            chain = chained(chain, last, commitment)
        self.heads[key] = chain
        return entries

    @staticmethod
    def _evidence(event: Json) -> Json:
        if "evidence_hash" in event:
            return {"evidence": unbase64(event["evidence_hash"]).hex()}
        if "evidence" in event:
            opening, text = unbase64(event["opening"]).hex(), write_json(event["evidence"])
            return {"evidence": committed(b"clv1/evidence", opening, text).hex()}
        return {}

    def map_value(self, subject: Json) -> str | None:
        """What the map holds of a subject."""
        events = subject["events"]
        if not events:
            return None
        return head_value(len(events), events[-1]["index"], self.heads[subject["subject_key"]]).hex()

    def read_all(self, entries: Mapping[int, Json]) -> None:
        """Read what can be read, and find the notices that explain the rest."""
        shown = self.said.get("erasures", [])
        require(all(one["index"] < two["index"] for one, two in pairwise(shown)), "out of order")
        for notice in shown:
            self.notices[notice["index"]] = entries[notice["index"]]
            require(self.notices[notice["index"]]["type"] == "erasure", "no notice")
        for subject in self.said["subjects"]:
            self._read(subject)

    def _read(self, subject: Json) -> None:
        key, covered = subject["subject_key"], -1
        held = self.held[key] = []
        for event in subject["events"]:
            index = event["index"]
            if index not in self.records[key]:
                covered = max(covered, self._excused(index))
                continue
            record = read_record(self.records[key][index])
            self._check_whose(subject, record["event"])
            held.append((index, event["recorded_at_ms"], record["event"]))
        require(all(index > covered for index, _, _ in held), "part of a history was kept")

    def _excused(self, index: int) -> int:
        found = [at for at, notice in self.notices.items() if index < at and index in notice["indices"]]
        require(found, "no notice")
        self.emptied.add(index)
        return max(found)

    def all_events(self) -> list[Json]:
        """Every event whose contents are held."""
        return [event for held in self.held.values() for _, _, event in held]

    def check_notices(self) -> None:
        """Every notice explains something."""
        for notice in self.notices.values():
            require(self.emptied & set(notice["indices"]), "a notice that explains nothing")

    def _check_whose(self, subject: Json, event: Json) -> None:
        require(re.fullmatch(TIME, event["occurred_at"]), "another spelling of a time")
        roles = {"address_changed": ("old", "new")} | dict.fromkeys(PASSING, ("from", "to"))
        plain = (None,) if event["type"] in OF_SENDERS else (None, "other")
        require(event.get("role") in roles.get(event["type"], plain), "another role")
        require("counterpart" not in event or "role" in event, "a counterpart of nobody")
        require((event["type"] in OF_SENDERS) == (subject["role"] == "sender"), "another kind of history")
        if subject["role"] == "sender":
            side = event.get("role", "sender")
            require(event.get(side) == subject["address"]["value"], "another sender")
            other = event.get({"from": "to", "to": "from"}.get(side, ""))
            keys = [each["subject_key"] for each in self.said["subjects"] if _is_sender(each, other)]
            require(all(key == event["counterpart"] for key in keys), "another key")

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
