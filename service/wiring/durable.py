"""Files that must survive: written, synced, moved into place, and their directory synced too."""

import os
import stat
from pathlib import Path


def make_private_directory(path: Path) -> None:
    """Make a directory that only its owner can enter, with its parents, durably, unless it is there."""
    missing = []
    while not path.exists():
        missing.append(path)
        path = path.parent
    for directory in reversed(missing):
        directory.mkdir(mode=0o700, exist_ok=True)
        sync_directory(directory.parent)


def write_durably(path: Path, content: bytes) -> None:
    """Write a file that only its owner can read, and return when it is on disk (its name is not yet)."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with open(descriptor, "wb") as file:  # noqa: PTH123 - of a descriptor, opened with its mode
        file.write(content)
        file.flush()
        os.fsync(descriptor)


def replace_durably(path: Path, content: bytes, like: Path | None = None) -> None:
    """Replace a file: a crash leaves the old content or the new, never a part of either.

    `like`: a file whose owner, group and mode it gets, so that who may read that one may read this one.
    """
    draft = path.with_name(f".{path.name}.new")
    write_durably(draft, content)
    if like is not None:
        facts = like.stat()
        if (facts.st_uid, facts.st_gid) != (draft.stat().st_uid, draft.stat().st_gid):
            os.chown(draft, facts.st_uid, facts.st_gid)
        draft.chmod(stat.S_IMODE(facts.st_mode) | stat.S_IWUSR)
    draft.replace(path)
    sync_directory(path.parent)


def sync_directory(path: Path) -> None:
    """Return when the names in this directory are on disk."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
