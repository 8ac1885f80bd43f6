"""Whom a reader trusts, as a file (C2SP tlog-policy): logs, witnesses, and how many of them are enough.

log ledger.example/acme/1+9101a312+AYqI…
witness dpo dpo.example/w+8b1a…+BN2… https://witness.dpo.example/
witness auditor auditor.example/w+77c0…+BL0…
group both all dpo auditor
quorum both
"""

import re
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Final

from service.core.cosignatures import COSIGNATURE, ED25519, MLDSA_COSIGNATURE
from service.core.errors import FormatError
from service.core.notes import Verifier, parse_verifier

POLICY_BYTES_MAX: Final = 1_000_000
NONE: Final = "none"

_ALLOWED: Final = re.compile(rb"[\t\n\x20-\x7e\x80-\xff]*")
_FIELDS_MAX: Final = 3


@dataclass(frozen=True, slots=True)
class Group:
    """Witnesses when at least `threshold` of its members (witnesses or groups) do."""

    threshold: int
    members: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Witness:
    """A witness of the policy. `url` is where it is asked (its submission prefix), where the file says so."""

    name: str
    verifier: Verifier
    url: str | None


@dataclass(slots=True)
class Policy:
    """A policy as read. `quorum` names a witness or a group; `none` asks for no cosignature."""

    logs: list[Verifier] = field(default_factory=list)
    witnesses: dict[str, Witness] = field(default_factory=dict)
    groups: dict[str, Group] = field(default_factory=dict)
    quorum: str = ""

    def is_met_by(self, cosigners: Collection[Verifier]) -> bool:
        """Whether these, who have cosigned, are enough."""
        if self.quorum == NONE:
            return True
        met = {name for name, witness in self.witnesses.items() if witness.verifier in cosigners}
        for name, group in self.groups.items():  # members stand before the group
            if sum(member in met for member in group.members) >= group.threshold:
                met.add(name)
        return self.quorum in met

    @property
    def verifiers(self) -> list[Verifier]:
        """The keys of logs and witnesses."""
        return [*self.logs, *(witness.verifier for witness in self.witnesses.values())]


def parse_policy(raw: bytes) -> Policy:
    """Read a policy. Raises `FormatError`, which names the line."""
    if len(raw) > POLICY_BYTES_MAX or not _ALLOWED.fullmatch(raw):
        raise FormatError("a policy is a text without control characters")
    if raw and not raw.endswith(b"\n"):
        raise FormatError("the last line of a policy ends in a line feed")
    reader = _Reader()
    for number, line in enumerate(raw.decode("utf-8", "surrogateescape").split("\n"), 1):
        words = [word for word in re.split(r"[ \t]+", line) if word]
        if not words or words[0].startswith("#"):
            continue
        try:
            reader.take(words[0], words[1:])
        except FormatError as error:
            raise FormatError(f"line {number} of the policy: {error}") from None
    if not reader.policy.quorum:
        raise FormatError("a policy has a quorum line")
    return reader.policy


class _Reader:
    def __init__(self) -> None:
        self.policy = Policy()
        self._used: set[str] = set()

    def take(self, word: str, words: list[str]) -> None:
        if word == "log" and 1 <= len(words) <= _FIELDS_MAX - 1:
            self._take_log(words[0])
        elif word == "witness" and _FIELDS_MAX - 1 <= len(words) <= _FIELDS_MAX:
            self._take_witness(words[0], words[1], words[2] if len(words) == _FIELDS_MAX else None)
        elif word == "group" and len(words) >= _FIELDS_MAX:
            self._take_group(words[0], words[1], tuple(words[2:]))
        elif word == "quorum" and len(words) == 1:
            self._take_quorum(words[0])
        else:
            raise FormatError("not a log, witness, group or quorum line")

    def _take_log(self, vkey: str) -> None:
        key = _key(vkey, ED25519)
        if any(key.public == other.public for other in self.policy.logs):
            raise FormatError("this log's key stands there already")
        self.policy.logs.append(key)

    def _take_witness(self, name: str, vkey: str, url: str | None) -> None:
        self._require_new(name)
        key = _key(vkey, COSIGNATURE, MLDSA_COSIGNATURE)
        if any(key.public == other.verifier.public for other in self.policy.witnesses.values()):
            raise FormatError("this witness's key stands there already")
        self.policy.witnesses[name] = Witness(name, key, url)

    def _take_group(self, name: str, wanted: str, members: tuple[str, ...]) -> None:
        self._require_new(name)
        for member in members:
            if member not in self.policy.witnesses and member not in self.policy.groups:
                raise FormatError("a member is not defined above")
            if member in self._used:
                raise FormatError("a member stands in one group, once")
            self._used.add(member)
        counts = {"all": len(members), "any": 1}
        if wanted not in counts and not re.fullmatch(r"[1-9][0-9]{0,5}", wanted):
            raise FormatError("a group wants all, any or a number of its members")
        threshold = counts.get(wanted) or int(wanted)
        if threshold > len(members):
            raise FormatError("a group wants more members than it has")
        self.policy.groups[name] = Group(threshold, members)

    def _take_quorum(self, name: str) -> None:
        if self.policy.quorum:
            raise FormatError("a policy has one quorum line")
        if name not in (NONE, *self.policy.witnesses, *self.policy.groups):
            raise FormatError("the quorum is not defined above")
        self.policy.quorum = name

    def _require_new(self, name: str) -> None:
        if name == NONE or name in self.policy.witnesses or name in self.policy.groups:
            raise FormatError("this name is taken")


def _key(vkey: str, *kinds: int) -> Verifier:
    key = parse_verifier(vkey)
    if key.kind not in kinds:
        raise FormatError("a key of this type does not sign that")
    return key
