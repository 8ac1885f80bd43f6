"""Addresses, subject keys, forms, records and commitments, from `schemas/README.md` alone.

Two tables are in no standard library, and the README names them: UTS 46 (here from `idna`) and the countries'
number plans (here from `phonenumbers`). Everything else is written out.
"""

import hashlib
import hmac
import re
import unicodedata

import idna
import phonenumbers

from tests.support.plain_reader.shapes import check, schema_of, without_defaults
from tests.support.plain_reader.texts import Json, RefusedError, read_canonical, require, unhex, write_json

ZERO = bytes(32)


def sha256(*parts: bytes) -> bytes:
    """The hash of the parts, joined."""
    return hashlib.sha256(b"".join(parts)).digest()


def email(value: str) -> str:
    """The canonical form of an e-mail address."""
    require(len(value) <= 320, "too long to be read")
    text = unicodedata.normalize("NFC", value.strip(" \t"))
    categories = {unicodedata.category(character) for character in text}
    require(not categories & {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}, "an invisible character")
    before, at, after = text.rpartition("@")
    require(at, "no at sign")
    atom = r"[A-Za-z0-9!#$%&'*+\-/=?^_`{|}~\u0080-\U0010ffff]+"
    require(re.fullmatch(rf"{atom}(?:\.{atom})*", before), "not atoms and dots")
    require("Zs" not in {unicodedata.category(character) for character in before}, "a space")
    require(not unicodedata.category(before[0]).startswith("M"), "a combining mark in front")
    local, domain = unicodedata.normalize("NFC", before.lower()), _host(after)
    require(len(local.encode()) <= 64, "more than 64 octets")
    whole = f"{local}@{domain}"
    require(len(whole.encode()) <= 254, "more than 254 octets")
    return whole


def _host(name: str) -> str:
    try:
        mapped = idna.uts46_remap(name, std3_rules=True, transitional=False)
        labels = [idna.alabel(label).decode().lower() for label in re.split("[.\u3002\uff0e\uff61]", mapped)]
    except (idna.IDNAError, UnicodeError):
        raise RefusedError("not a host name") from None
    require(len(labels) >= 2, "one label")
    for label in labels:
        require(re.fullmatch(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?", label), "not a label")
        require(label[2:4] != "--" or label.startswith("xn--"), "a reserved label")
    require(labels[-1][-1].isalpha(), "the last label ends in no letter")
    return ".".join(labels)


def phone(value: str) -> str:
    """The canonical form of a phone number."""
    require(len(value) <= 320, "too long to be read")
    text = value.strip(" \t")
    require(re.fullmatch(r"\+[0-9][0-9 ().\-/]{4,30}", text) and "(0)" not in text, "not a number")
    canonical = "+" + re.sub("[^0-9]", "", text)
    try:
        number = phonenumbers.parse(canonical)
    except phonenumbers.NumberParseException:
        raise RefusedError("no such country") from None
    require(phonenumbers.is_possible_number(number), "no such length")
    plan = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    require(plan == canonical, "a national prefix")
    return canonical


def subject_key(given: Json) -> Json:
    """The key of a subject."""
    secret, kind, address = unhex(given["secret"], 32), given["kind"].encode(), given["address"].encode()
    message = b"clv1/subject" + bytes([len(kind)]) + kind + len(address).to_bytes(2, "big") + address
    return {"key": hmac.new(secret, message, "sha256").hexdigest()}


def secret_commitment(given: Json) -> Json:
    """What the genesis says of the secret."""
    return {"commitment": sha256(b"clv1/ksub", unhex(given["secret"], 32)).hex()}


def form(given: Json) -> Json:
    """The canonical text of a form and its id."""
    schema = schema_of("form")
    check(given["form"], schema, schema)
    kept = without_defaults(given["form"], schema, schema)
    names = [box["name"] for box in kept.get("boxes", [])]
    require(len(set(names)) == len(names), "two boxes of one name")
    text = write_json(kept)
    return {"text": text, "id": hashlib.sha256(text.encode()).hexdigest()}


_RECORD = {"event", "origin", "prev", "schema", "seq", "subject"}


def write_record(given: Json) -> Json:
    """The bytes of a record."""
    record = {name: value for name, value in given.items() if value is not None}
    return {"record": write_json(record | {"schema": 1})}


def read_record(text: str) -> Json:
    """The parts of a record."""
    record = read_canonical(text.encode())
    require(isinstance(record, dict), "not an object")
    assert isinstance(record, dict)
    require(_RECORD <= record.keys() <= _RECORD | {"evidence"}, "other fields")
    require(type(record["schema"]) is int and record.pop("schema") == 1, "another version")
    require(type(record["seq"]) is int and record["seq"] >= 0, "no count")
    require(isinstance(record["event"], dict) and isinstance(record["origin"], str), "another type")
    for name in {"prev", "subject", "evidence"} & record.keys():
        unhex(record[name], 32)
    return {"evidence": None} | record


def committed(tag: bytes, opening: str, text: str) -> bytes:
    """The commitment to a record or to evidence."""
    return sha256(tag, unhex(opening, 32), text.encode())


def chained(head: bytes, index: int, commitment: bytes) -> bytes:
    """The next head of a subject's chain."""
    return sha256(b"clv1/chain", head, index.to_bytes(8, "big"), commitment)


def chain(given: Json) -> Json:
    """The heads of a chain."""
    heads = [ZERO]
    for event in given["events"]:
        heads.append(chained(heads[-1], event["index"], unhex(event["commitment"], 32)))
    return {"heads": [head.hex() for head in heads]}


def head_value(count: int, last: int, chain_head: bytes) -> bytes:
    """The value of a subject in the map."""
    return sha256(b"clv1/head", count.to_bytes(8, "big"), last.to_bytes(8, "big"), chain_head)
