"""Where a ledger's secrets are kept: `<data>/keys/<ledger>/`, three files that only their owner can read.

`signing.key` is a C2SP signer key (`PRIVATE+KEY+<origin>+…`); `subject.key` is 64 hexadecimal digits, and so
is each line of `wrapping.key`: one, or two while it gives way to another, of which the first seals. They are
made once, all three or none, and never made again for a ledger that exists: a new `subject.key` would make
every person in it a stranger. They belong in escrow the day they are made.

A rotation of the signing key writes the new key to `signing.next.key` before the log hears of it; when it
has, that file becomes `signing.key`, and the key before it `signing.previous.key`, which goes on signing
checkpoints beside the new one until it is retired. Which of the three signs is for the log to say, not for
their names: a crash between two of these steps costs nothing, and a directory that cannot be written is given
the files.

Unsubscribe links are made under a secret that follows from `wrapping.key`. To make them under another, write
a file `unsubscribe.key`: 128 hexadecimal digits a line, the first line makes new links, every line opens its
own for ever. Add a new line at the end, restart every process, move it to the top, restart again.
"""

import errno
import os
import re
import shutil
import stat
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from service.core.errors import FormatError, LedgerError
from service.core.notes import Signer, Verifier, parse_signer
from service.ledger.keys import LedgerKeys
from service.ledger.ports import Randomness
from service.ledger.wrapping import WrappingRing
from service.settings.reading import OPEN_TO_OTHERS
from service.wiring.durable import (
    make_private_directory,
    replace_durably,
    sync_directory,
    write_durably,
)

SIGNING, SUBJECT, WRAPPING = "signing.key", "subject.key", "wrapping.key"
NEXT, PREVIOUS = "signing.next.key", "signing.previous.key"
LINKS = "unsubscribe.key"

_FILE_BYTES_MAX = 16_384
_KEY_SIZE = 32
_HEX = re.compile(r"[0-9a-f]{64}")
_LINK_HEX = re.compile(r"[0-9a-f]{128}")


class KeysError(LedgerError):
    """The keys of a ledger cannot be used; the message is one line that names the file and what to do."""


def keys_directory(data_dir: Path, ledger: str) -> Path:
    """The directory of this ledger's keys."""
    return data_dir / "keys" / ledger


def have_keys(directory: Path) -> bool:
    """Whether anything stands where the keys should be: then they are loaded, and never made."""
    return directory.exists()


def create_keys(directory: Path, origin: str, random: Randomness) -> LedgerKeys:
    """Make the keys of a new ledger durably and return them; those of another process that was first win.

    Raises `KeysError`.
    """
    secrets = {
        SIGNING: Signer(origin, Ed25519PrivateKey.from_private_bytes(random(_KEY_SIZE))).skey,
        SUBJECT: random(_KEY_SIZE).hex(),
        WRAPPING: random(_KEY_SIZE).hex(),
    }
    draft = directory.with_name(f".{directory.name}.{random(8).hex()}")
    try:
        make_private_directory(directory.parent)
        draft.mkdir(mode=0o700)
        for name, text in secrets.items():
            write_durably(draft / name, f"{text}\n".encode())
        sync_directory(draft)
        _move_whole(draft, directory)
    except OSError as error:
        raise KeysError(f"cannot keep the ledger's keys in {directory}: {error.strerror}") from error
    return load_keys(directory, origin)


def _move_whole(draft: Path, directory: Path) -> None:
    """Give the draft its name, so that a crash leaves all the keys or none."""
    try:
        draft.rename(directory)
    except OSError as error:
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
            raise
        shutil.rmtree(draft)
    sync_directory(directory.parent)


def load_keys(directory: Path, origin: str) -> LedgerKeys:
    """Read the keys of the ledger that signs as `origin`.

    Raises `KeysError` when one is missing, open to others, damaged or another log's.
    """
    signer = _read_signer(directory / SIGNING, origin)
    subject = parse_secret(_read(directory / SUBJECT), str(directory / SUBJECT))
    wrapping = parse_ring(_read(directory / WRAPPING), str(directory / WRAPPING))
    return LedgerKeys(
        origin,
        signer,
        subject_key_secret=subject,
        wrapping=wrapping,
        link_secrets=_read_link_secrets(directory / LINKS),
        held=lambda: signing_keys(directory, origin),
    )


def signing_keys(directory: Path, origin: str) -> list[Signer]:
    """Every signing key that is kept: of now, of a rotation under way, of before. Raises `KeysError`."""
    paths = (directory / SIGNING, directory / NEXT, directory / PREVIOUS)
    return [_read_signer(path, origin) for path in paths if path.exists()]


def next_signing_key(directory: Path, origin: str, random: Randomness) -> Signer:
    """The key a rotation leads to: the one that is there already, else made and kept durably now.

    Raises `KeysError`.
    """
    path = directory / NEXT
    if not path.exists():
        signer = Signer(origin, Ed25519PrivateKey.from_private_bytes(random(_KEY_SIZE)))
        try:
            replace_durably(path, f"{signer.skey}\n".encode())
        except OSError as error:
            raise KeysError(f"cannot keep the new signing key in {path}: {error.strerror}") from error
    return _read_signer(path, origin)


def settle_signing_keys(directory: Path, current: Verifier, *, keep_previous: bool) -> None:
    """Name the files after what the log says: `current` signs. Doing it again changes nothing.

    Raises `KeysError` where the files cannot be changed.
    """
    signing, following, previous = directory / SIGNING, directory / NEXT, directory / PREVIOUS
    try:
        if following.exists() and _read_signer(following, current.name).verifier == current:
            signing.replace(previous)
            following.replace(signing)
        if not keep_previous:
            previous.unlink(missing_ok=True)
        sync_directory(directory)
    except OSError as error:
        raise KeysError(
            f"the log is signed by the new key, but the files in {directory} cannot be renamed"
            f" ({error.strerror}): move {NEXT} to {SIGNING} by hand"
        ) from error


def _read_signer(path: Path, origin: str) -> Signer:
    return parse_signing_key(_read(path), origin, str(path))


def parse_signing_key(text: str, origin: str, where: str) -> Signer:
    """A signing key as it is kept (`PRIVATE+KEY+<origin>+…`). `where` it stands, for the message.

    Raises `KeysError` when it is damaged or another log's.
    """
    try:
        signer = parse_signer(text)
    except FormatError as error:
        raise KeysError(f"{where} is damaged ({error}): put the escrowed copy back") from None
    if signer.name != origin:
        raise KeysError(
            f"{where} signs for {signer.name}, and this ledger is {origin}: set CONSENT_LEDGER_ORIGIN_HOST"
            " and --ledger as they were, or put this ledger's own keys there"
        )
    return signer


def _read_link_secrets(path: Path) -> tuple[bytes, ...]:
    return parse_link_secrets(_read(path), str(path)) if path.exists() else ()


def parse_link_secrets(text: str, where: str) -> tuple[bytes, ...]:
    """Secrets of unsubscribe links, kept as `parse_ring` reads them, or none. Raises `KeysError`."""
    lines = text.replace(",", " ").split()
    if not all(_LINK_HEX.fullmatch(line) for line in lines):
        raise KeysError(f"{where} is damaged (128 hexadecimal digits a line): put the escrowed copy back")
    return tuple(bytes.fromhex(line) for line in lines)


def parse_ring(text: str, where: str) -> WrappingRing:
    """Wrapping keys as they are kept: one a line, or with commas between them. Raises `KeysError`."""
    keys = [parse_secret(part, where) for part in text.replace(",", " ").split() or [""]]
    if len(set(keys)) < len(keys):
        raise KeysError(f"{where} holds the same key twice: take one of them out")
    return WrappingRing(tuple(keys))


def parse_secret(text: str, where: str) -> bytes:
    """A subject or wrapping key as it is kept: 64 hexadecimal digits. Raises `KeysError`."""
    if not _HEX.fullmatch(text):
        raise KeysError(f"{where} is damaged (it holds 64 hexadecimal digits): put the escrowed copy back")
    return bytes.fromhex(text)


def _read(path: Path) -> str:
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            raw = file.read(_FILE_BYTES_MAX)
    except FileNotFoundError:
        raise KeysError(
            f"{path} is missing, and a ledger that exists never gets new keys: put the escrowed copy back"
        ) from None
    except OSError as error:
        raise KeysError(f"{path} cannot be read: {error.strerror}") from None
    if mode & OPEN_TO_OTHERS:
        raise KeysError(f"{path} is open to others (mode {stat.S_IMODE(mode):04o}): chmod 600 {path}")
    try:
        return raw.decode("ascii").strip()
    except UnicodeDecodeError:
        raise KeysError(f"{path} is damaged (not text): put the escrowed copy back") from None
