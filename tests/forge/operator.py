"""Forgeries of the operator: everything may be changed, is proved anew where it can be, and signed again.

What the operator cannot do is find other bytes for a hash that was signed.
"""

import base64
import hashlib
import json
import random
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import msgspec

from service.core.law.codes import ALLOW_CODES, DENY_CODES
from service.core.notes import Signer
from tests.forge.honest import CANONICAL, Json, Source, other
from tests.support.edits import other_genesis, other_origin, other_root, token_by_another
from tests.support.reproving import reprove

Change = Callable[[random.Random, Json], object]

_INTEGERS = (0, 1, -1, 2**31, 2**32, 2**53 - 1, 2**53, 2**63, 2**64)


def signed(value: Json, signer: Signer) -> bytes:
    """These values, whatever they are, signed as a bundle is."""
    value.pop("signature", None)
    message = b"clv1/bundle" + hashlib.sha256(CANONICAL.encode(value)).digest()
    signature = base64.b64encode(signer.private.sign(message)).decode()
    return CANONICAL.encode(
        value | {"signature": {"key_id": signer.verifier.key_id.hex(), "value": signature}}
    )


def places(value: object, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every place in a value of JSON."""
    if path:
        yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, item in items:
        yield from places(item, (*path, name))


def at(value: Any, path: Sequence[Any]) -> Any:  # noqa: ANN401 - JSON
    """What stands at a place."""
    for name in path:
        value = value[name]
    return value


def element_moved(chance: random.Random, value: Json) -> None:
    """An element of a list, or a field, is gone, twice there, or exchanged with another."""
    path = chance.choice([path for path in places(value) if path[0] != "signature"])
    holder, name = at(value, path[:-1]), path[-1]
    if isinstance(holder, dict):
        others = [other for other in holder if other != name]
        if others and chance.random() < 0.5:
            other = chance.choice(others)
            holder[name], holder[other] = holder[other], holder[name]
        else:
            del holder[name]
        return
    other = chance.randrange(len(holder))
    move = chance.randrange(3)
    if move == 0:
        del holder[name]
    elif move == 1:
        holder.insert(other, json.loads(json.dumps(holder[name])))
    else:
        holder[name], holder[other] = holder[other], holder[name]


def value_changed(chance: random.Random, value: Json) -> None:
    """A number, text, hash or proof is another."""
    leaves = [path for path in places(value) if not isinstance(at(value, path), dict | list)]
    path = chance.choice([path for path in leaves if path[0] != "signature"])
    holder, name = at(value, path[:-1]), path[-1]
    holder[name] = _another(chance, holder[name])


def _another(chance: random.Random, known: object) -> object:
    if isinstance(known, bool):
        return not known
    if isinstance(known, int):
        return chance.choice((known + 1, known - 1, *_INTEGERS))
    if not isinstance(known, str):
        return chance.choice((0, "", [], {}, True, "00" * 32))
    if re.fullmatch("[0-9a-f]{64}", known):
        return _flipped(chance, bytes.fromhex(known)).hex()
    if len(known) > 20 and re.fullmatch("[A-Za-z0-9+/]+=*", known):
        return base64.b64encode(_hashes_changed(chance, base64.b64decode(known + "=="))).decode()
    place = chance.randrange(len(known) + 1)
    return chance.choice(
        (known[:place], known + "x", known[:place] + "\u00e9" + known[place:], known.upper(), "")
    )


def _flipped(chance: random.Random, raw: bytes) -> bytes:
    changed = bytearray(raw)
    changed[chance.randrange(len(changed))] ^= 1 << chance.randrange(8)
    return bytes(changed)


def _hashes_changed(chance: random.Random, raw: bytes) -> bytes:
    hashes = [raw[start : start + 32] for start in range(0, len(raw), 32)]
    place, other = chance.randrange(len(hashes)), chance.randrange(len(hashes))
    move = chance.randrange(6)
    if move == 0:
        hashes[place] = _flipped(chance, hashes[place])
    elif move == 1:
        del hashes[place]
    elif move == 2:
        hashes.insert(place, hashes[other])
    elif move == 3:
        hashes[place], hashes[other] = hashes[other], hashes[place]
    elif move == 4:
        hashes[place] = bytes(32)
    else:
        hashes.insert(place, chance.randbytes(chance.choice((1, 31, 32, 33))))
    return b"".join(hashes)


def part_of_another(chance: random.Random, value: Json) -> None:
    """Some part is that of another bundle: its map, its log, its events, its checkpoint, its answer."""
    donor = other(chance)
    shared = [path for path in places(donor) if path[0] != "signature" and _stands(value, path)]
    path = chance.choice([path for path in shared if len(path) <= chance.choice((1, 1, 2, 3, 4, 8))])
    at(value, path[:-1])[path[-1]] = at(donor, path)


def _stands(value: object, path: Sequence[Any]) -> bool:
    try:
        at(value, path)
    except (KeyError, IndexError, TypeError):
        return False
    return True


def history_changed(chance: random.Random, value: Json) -> None:
    """Events are left out, hidden, given to others, or claimed never to have been."""
    subjects = value["subjects"]
    subject = chance.choice(subjects)
    events, donors = subject["events"], other(chance)["subjects"]
    donor = chance.choice(donors)
    move = chance.randrange(7)
    if move == 0:
        del events[chance.randrange(len(events) + 1) :]
    elif move == 1:
        subject["events"] = []
    elif move == 2:
        subject.update(events=[], map_proof=donor["map_proof"])
    elif move == 3:
        subject["events"] = sorted([*events, *donor["events"]], key=lambda event: int(event["index"]))
    elif move == 4:
        subjects.remove(subject)
    elif move == 5:
        subjects.append(donor | {"role": chance.choice(("address", "linked", "sender"))})
    else:
        subjects[subjects.index(subject)] = donor | {"role": subject["role"]}


def named_otherwise(chance: random.Random, value: Json) -> None:
    """One of the operator's known moves: another origin, root or genesis, another's token."""
    moves = [other_origin, other_root, other_genesis]
    if value["question"] is not None and "campaign" not in value and value["token"] is not None:
        moves.append(token_by_another)
    chance.choice(moves)(value)


def text_changed(chance: random.Random, value: Json) -> None:
    """A form, the rulebook or a pack is another: under its old hash, or under its own."""
    documents = value["documents"]
    if not documents:
        documents["00" * 32] = "{}"
        return
    name = chance.choice(sorted(documents))
    text = documents.pop(name)
    place = chance.randrange(len(text))
    text = text[:place] + chance.choice(("", "x", text[place].swapcase())) + text[place + 1 :]
    documents[chance.choice((name, hashlib.sha256(text.encode()).hexdigest()))] = text


def answered_otherwise(chance: random.Random, value: Json) -> None:
    """Another answer, question or time than the events lead to; with the token gone, as an operator might."""
    if value["question"] is None:
        value["decision"] = {"decision": "allow"}
        return
    if chance.random() < 0.5:
        value["token"] = None
    part = chance.choice((value["decision"], value["question"]["body"], value["question"]))
    name = chance.choice([name for name in part if not isinstance(part[name], dict)])
    part[name] = {"allow": "deny", "deny": "allow"}.get(str(part[name])) or _another(chance, part[name])


def answer_forged(chance: random.Random, value: Json) -> None:
    """Another decision, reason, rule or expiry than follows, and no token: only the law can tell."""
    decision, donor = value["decision"], other(chance)["decision"]
    value["token"] = None
    if decision is None:
        value["decision"] = donor or {"decision": "allow"}
        return
    name = chance.choice(list(decision))
    if isinstance(decision[name], dict):
        part = chance.choice(list(decision[name]))
        decision[name][part] = _another(chance, decision[name][part])
        return
    told = {
        "decision": {"allow": "deny", "deny": "allow"}.get(decision["decision"]),
        "reason_code": chance.choice(sorted(ALLOW_CODES | DENY_CODES)),
        "further_codes": chance.sample(sorted(DENY_CODES), 2),
        "events": sorted({*decision["events"], chance.randrange(9)}),
        "missing_facts": [*decision["missing_facts"], "local_time"],
        "expires_at": chance.choice((None, decision["evaluated_at"])),
        "jurisdiction": chance.choice(("NL", "EU", "US")),
    }
    decision[name] = told.get(name, _another(chance, decision[name]))
    if donor is not None and chance.random() < 0.2:
        value["decision"] = donor | {"evaluated_at": decision["evaluated_at"]}


def operator(change: Change) -> Callable[[random.Random, Source], bytes | None]:
    """Change, prove what is then shown, and sign."""

    def forge(chance: random.Random, source: Source) -> bytes | None:
        value: Json = json.loads(source.raw)
        proof = value.get("log_proof")
        change(chance, value)
        try:
            if value.get("log_proof") == proof and chance.random() < 0.8:
                reprove(value, source.leaves)
        except (AttributeError, IndexError, KeyError, TypeError, ValueError):
            pass  # there is no proof for what is no bundle any more
        try:
            return signed(value, source.ledger.keys.signer)
        except (msgspec.MsgspecError, OverflowError, UnicodeEncodeError):
            return None

    return forge
