"""Forgeries of a thief, who cannot sign: bytes and spellings, under the signature that was there."""

import json
import random
import re
from collections.abc import Callable, Sequence

from tests.forge.honest import Source
from tests.forge.operator import signed
from tests.support.bundle_vectors import MISSPELLED
from tests.support.edits import OTHER_KEYS
from tests.support.forgery import world


def bytes_changed(chance: random.Random, source: Source) -> bytes:
    """A few bytes are others, gone, added or twice there."""
    raw = bytearray(source.raw)
    for _ in range(chance.choice((1, 1, 1, 2, 5))):
        at, size = chance.randrange(len(raw)), chance.choice((1, 1, 2, 8, 44))
        move = chance.randrange(5)
        if move == 0:
            raw[at] ^= 1 << chance.randrange(8)
        elif move == 1:
            del raw[at : at + size]
        elif move == 2:
            raw[at:at] = chance.randbytes(size)
        elif move == 3:
            raw[at:at] = raw[at : at + size]
        else:
            raw[at] = chance.choice(b'"{}[],:0123456789abcdefABCDEF+/=\\ \n')
    return bytes(raw)


def respelled(chance: random.Random, source: Source) -> bytes:
    """The same content in another spelling."""
    text = source.raw.decode()
    pattern, change = chance.choice(SPELLINGS)
    found = list(re.finditer(pattern, text))
    if not found:
        return source.raw + b" "
    one = chance.choice(found)
    return (text[: one.start()] + change(one, chance) + text[one.end() :]).encode("utf-8", "surrogatepass")


def _escaped(one: re.Match[str], _: random.Random) -> str:
    return f"\\u{ord(one[0]):04x}"


SPELLINGS: Sequence[tuple[str, Callable[[re.Match[str], random.Random], str]]] = (
    (
        r"[,:{}\[\]]",
        lambda one, chance: chance.choice((" {}", "{} ", "\n{}", "{}\t", "\ufeff{}")).format(one[0]),
    ),
    (r"[a-z](?=[a-z]*\")", _escaped),
    (r"(?<=\":)[0-9]+", lambda one, chance: one[0] + chance.choice((".0", "e0", "E0", ".00"))),
    (r"(?<=\":)[0-9]+", lambda one, chance: chance.choice(("0", "-", "+", "00")) + one[0]),
    (r"=(?=\")", lambda _one, chance: chance.choice(("", "==", "=\\n", "A"))),
    (r"[A-Za-z0-9+/](?==*\")", lambda _one, chance: chance.choice("ABCDQRSTghijwxyz0189+/")),
    (r"[+/](?=[A-Za-z0-9+/]*=*\")", lambda one, _: {"+": "-", "/": "_"}[one[0]]),
    (r"[a-f](?=[0-9a-f]{8,}\")", lambda one, _: one[0].upper()),
    (
        r"\{\"",
        lambda one, chance: one[0] + chance.choice(('extra":null,"', 'role":"sender","', '__proto__":{},"')),
    ),
    (r"\"([a-z_]+)\":([0-9]+|null|true|\"[^\"]*\")", lambda one, _: f"{one[0]},{one[0]}"),
    (r"null", lambda _one, chance: chance.choice(("NaN", "{}", "0", "false", "Null", '""'))),
    (
        r"[a-z](?=[a-z ]*\")",
        lambda _one, chance: chance.choice(("\u00e9", "\ud800", "\u0000", "\u202e", "\\u0000")),
    ),
)


def misspelled(chance: random.Random, source: Source) -> bytes:
    """As the published vectors are misspelled."""
    return chance.choice(list(MISSPELLED.values()))(source.raw.decode()).encode()


def signed_by_another(chance: random.Random, source: Source) -> bytes:
    """The same, signed with a key that is not the log's, under its own id or under the log's."""
    raw = signed(json.loads(source.raw), OTHER_KEYS.signer)
    if chance.random() < 0.5:
        own = OTHER_KEYS.signer.verifier.key_id.hex().encode()
        raw = raw.replace(own, world().signer.verifier.key_id.hex().encode())
    return raw
