"""The one door to a ledger's secrets: files under the data directory, or settings an orchestrator gives.

Files are the rule (`service.wiring.keys.files`). Where a platform hands secrets over as variables, or as
files of its own (`CONSENT_LEDGER_SIGNING_KEY_FILE`…), all three are given so, for the ledger that the
settings name: none is ever made there, and a rotation of the signing key, which has to keep what it makes,
needs the files.
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from service.ledger.keys import LedgerKeys
from service.settings import Settings
from service.settings.reading import PREFIX
from service.wiring.durable import replace_durably
from service.wiring.keys.files import (
    LINKS,
    WRAPPING,
    KeysError,
    create_keys,
    have_keys,
    keys_directory,
    load_keys,
    parse_link_secrets,
    parse_ring,
    parse_secret,
    parse_signing_key,
)

GIVEN = ("signing_key", "subject_key", "wrapping_key")
"""The settings that give keys, all or none."""


_SETTINGS = {WRAPPING: PREFIX + "WRAPPING_KEY", LINKS: PREFIX + "UNSUBSCRIBE_KEYS"}


@dataclass(frozen=True, slots=True)
class Unkept:
    """What could not be written here. `where` it belongs: a file, or a setting; `text` is secret."""

    where: str
    text: str = field(repr=False)


class KeySource(Protocol):
    """Where the keys of one ledger come from."""

    @property
    def directory(self) -> Path | None:
        """The directory they are kept in; None: they are not kept by us."""

    def exist(self) -> bool:
        """Whether there is anything: then it is loaded, and never made."""

    def load(self, origin: str) -> LedgerKeys:
        """The keys of the ledger that signs as `origin`. Raises `KeysError`."""

    def create(self, origin: str) -> LedgerKeys:
        """Make the keys of a new ledger, durably. Raises `KeysError`."""

    def keep(self, lines: Mapping[str, Sequence[str]]) -> list[Unkept]:
        """Write these lines in place of what stands there, by the name of the key file, in this order.

        Returns what somebody else must put in place, because nothing can be written here.
        """


def key_source(settings: Settings, ledger: str) -> KeySource:
    """Where this ledger's keys come from. Raises `KeysError` when they come from two places, or in part."""
    directory = keys_directory(settings.data_dir, ledger)
    given = [name for name in GIVEN if getattr(settings, name) is not None]
    if ledger != settings.ledger or not (given or settings.unsubscribe_keys):
        return KeptKeys(directory)
    if missing := [PREFIX + name.upper() for name in GIVEN if name not in given]:
        raise KeysError(f"{', '.join(missing)} is not set, and the other keys are: give all three or none")
    if have_keys(directory):
        raise KeysError(f"the keys are given by settings, and {directory} is there too: keep one of them")
    return GivenKeys(settings)


class KeptKeys:
    """Keys in files of ours."""

    def __init__(self, directory: Path) -> None:
        self.directory: Path | None = directory
        self._path = directory

    def exist(self) -> bool:
        """Whether anything stands where they should be."""
        return have_keys(self._path)

    def load(self, origin: str) -> LedgerKeys:
        """Read them. Raises `KeysError`."""
        return load_keys(self._path, origin)

    def create(self, origin: str) -> LedgerKeys:
        """Make them durably. Raises `KeysError`."""
        return create_keys(self._path, origin, os.urandom)

    def keep(self, lines: Mapping[str, Sequence[str]]) -> list[Unkept]:
        """Replace the files, one after the other; where one cannot be, it and those after it come back."""
        texts = {self._path / name: "".join(f"{line}\n" for line in each) for name, each in lines.items()}
        waiting = list(texts)
        try:
            while waiting:
                replace_durably(waiting[0], texts[waiting[0]].encode(), like=self._path / WRAPPING)
                del waiting[0]
        except OSError:
            return [Unkept(str(path), texts[path]) for path in waiting]
        return []


class GivenKeys:
    """Keys that the settings hold."""

    directory: Path | None = None

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def exist(self) -> bool:
        """They do."""
        return True

    def load(self, origin: str) -> LedgerKeys:
        """Take them as they are given. Raises `KeysError` when one is damaged or another log's."""
        return LedgerKeys(
            origin,
            parse_signing_key(self._text("signing_key"), origin, PREFIX + "SIGNING_KEY"),
            subject_key_secret=parse_secret(self._text("subject_key"), PREFIX + "SUBJECT_KEY"),
            wrapping=parse_ring(self._text("wrapping_key"), PREFIX + "WRAPPING_KEY"),
            link_secrets=parse_link_secrets(
                self._settings.unsubscribe_keys or "", PREFIX + "UNSUBSCRIBE_KEYS"
            ),
        )

    def create(self, origin: str) -> LedgerKeys:
        """Nothing to make: what is given is used. Raises `KeysError`."""
        return self.load(origin)

    def keep(self, lines: Mapping[str, Sequence[str]]) -> list[Unkept]:
        """Nothing is written: which setting takes what."""
        return [Unkept(_SETTINGS[name], ",".join(each)) for name, each in lines.items()]

    def _text(self, name: str) -> str:
        return str(getattr(self._settings, name))
