"""What gave way to its successor, from `schemas/README.md` alone."""

from tests.support.plain_reader.signed import ED25519, Key, open_checkpoint, read_key
from tests.support.plain_reader.texts import Json, read_canonical, require, unbase64, unhex
from tests.support.plain_reader.trees import read_entry


def read_succession(entry: Json, index: int) -> tuple[Key, Key]:
    """The key that gave way, and the one that it gave way to."""
    require(entry["kind"] == "signing-key", "another kind")
    said = _payload(entry, {"new", "new_signature", "old", "old_signature"})
    old, new = read_key(said["old"]), read_key(said["new"])
    require(old.kind == new.kind == ED25519 and old.name == new.name and old != new, "not two keys of a log")
    message = b"clv1/succession" + unhex(entry["prev_leaf_hash"], 32) + index.to_bytes(8, "big")
    for vkey in (said["old"], said["new"]):
        message += len(vkey).to_bytes(2, "big") + vkey.encode()
    for key, name in ((old, "old_signature"), (new, "new_signature")):
        signature = unbase64(said[name])
        require(len(signature) == 64, "no signature")
        key.check(signature, message)
    return old, new


class Row:
    """The keys of a log, one after the other, as a bundle shows them."""

    def __init__(self, first: Key, origin: str, shown: list[Json]) -> None:
        require((first.name, first.kind) == (origin, ED25519), "another log's key")
        self.keys, self.places = [first], list[int]()
        for each in shown:
            entry = read_entry(unbase64(each["entry"]))
            require(entry["type"] == "succession", "another entry")
            old, new = read_succession(entry, each["index"])
            require(old == self.keys[-1] and new not in self.keys, "not from the log's key to a new one")
            require(not self.places or each["index"] > self.places[-1], "out of order")
            self.keys.append(new)
            self.places.append(each["index"])

    def at(self, size: int) -> list[Key]:
        """The key that signs what is said of so many entries."""
        return [self.keys[sum(place < size for place in self.places)]]


def key(given: Json) -> Json:
    """From which key to which."""
    read_succession(read_entry(unhex(given["entry"])), given["index"])
    said = _payload(read_entry(unhex(given["entry"])), {"new", "new_signature", "old", "old_signature"})
    return {"old": said["old"], "new": said["new"]}


def previous_log(given: Json) -> Json:
    """What a log says of the one before it."""
    entry = read_entry(unhex(given["entry"]))
    require(entry["kind"] == "previous-log", "another kind")
    said = _payload(entry, {"checkpoint", "vkey"})
    known = read_key(said["vkey"])
    checkpoint = open_checkpoint(said["checkpoint"], known.name, [known])
    return {"origin": known.name, "vkey": said["vkey"], **checkpoint}


def _payload(entry: Json, fields: set[str]) -> Json:
    said = read_canonical(entry["payload"].encode())
    require(isinstance(said, dict) and said.keys() == fields, "other fields")
    assert isinstance(said, dict)
    require(all(isinstance(value, str) for value in said.values()), "not all are texts")
    return said
