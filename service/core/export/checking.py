"""Checking an export as far as that goes without replaying it: container, signatures, files, bundles.

What is wrong becomes a finding that names the file, and the rest is looked at all the same.
"""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from service.core.bundle import parse_bundle
from service.core.canonical import parse_canonical
from service.core.checkpoint import Checkpoint, open_checkpoint
from service.core.errors import FormatError, LedgerError, ProofError, SignatureError
from service.core.events import Form, parse_form
from service.core.export import contents as at
from service.core.export.archive import Archive, Member, packed_digest
from service.core.export.findings import ExportCheck, Inspection
from service.core.export.manifest import (
    MANIFEST,
    NOTE,
    Manifest,
    check_manifest_note,
    parse_manifest,
)
from service.core.export.outside import (
    HELD,
    WITNESSES,
    note_witnesses,
    read_held,
    read_witnessed,
    require_quorum,
)
from service.core.notes import parse_note
from service.core.succession import KeyHistory, trusted_with
from service.core.verifier import verify_bundle
from service.core.verify_signed import Trust

Progress = Callable[[int, int], None]
"""Told how much was done, and of how much."""

_OTHERS = {
    "addresses": "This export shows the addresses that were asked for, and nothing about anybody else.",
    "campaign": (
        "A campaign's addresses are not kept: this export shows that its answers are fixed, and which they"
        " are only for who brings an address and what was asked about it."
    ),
    "sender": (
        "This export shows events of one sender. That there are no others of it, or which came before in a"
        " person's history, takes an export of the whole ledger."
    ),
}
_ATTESTED: Final = ("time stamp", "stamped before", "witnesses")
"""What every bundle of an export says alike of what others attested: told once, from the first."""
_WITHOUT_LOG = "Without the whole log, that nothing was left out for anyone (L3) cannot be shown from it."


class _UntrustedKeyError(SignatureError):
    """The log's keys are none that the caller trusts."""


@dataclass(frozen=True, slots=True)
class Opened:
    """An export whose manifest was signed: its files can be read. `forms` by their hash."""

    archive: Archive
    body: at.ExportBody
    keys: at.KeysBody
    history: KeyHistory
    checkpoint: Checkpoint
    note: bytes
    held: Checkpoint | None
    witnessed: Checkpoint | None
    forms: Mapping[str, Form]
    names: frozenset[str]

    @property
    def known(self) -> Mapping[str, Checkpoint]:
        """States known from outside that only a replay can meet, under the names of their checks."""
        outside = {HELD: self.held, WITNESSES: self.witnessed}
        return {name: state for name, state in outside.items() if state is not None}

    def read(self, name: str) -> bytes:
        """A file's contents. Raises `FormatError`."""
        return self.archive.read(name)[0]


def inspect_export(
    archive: Archive, trust: Trust, held: bytes | None, progress: Progress
) -> tuple[Inspection, Opened | None]:
    """Look at an export as a file, and open it; None where it cannot be trusted enough to look inside.

    `trust`: the log's keys that the caller knows (without any those in the export are taken, and the report
    says so), witnesses, and who stamps. `held`: a checkpoint of this log that was kept from before.
    """
    found = Inspection()
    try:
        raw, stored = archive.read(MANIFEST)
        manifest = parse_manifest(raw)
        note, stored_note = archive.read(NOTE)
    except (FormatError, ProofError) as error:
        if MANIFEST not in archive and NOTE not in archive:
            found.find(
                "no_export", f"this zip is no export of a ledger: it has neither {MANIFEST} nor {NOTE}"
            )
        else:
            found.find("manifest_unreadable", f"{MANIFEST} or {NOTE}: {error}")
        found.failed("manifest", "Without its signed list of files nothing can be said of this file.")
        return found, None
    members = _check_files(archive, manifest, found, progress)
    before = len(found.findings)
    if not archive.is_canonical([*members, stored, stored_note]):
        found.find("archive_altered", "the archive is not, to the byte, the one that was written")
    found.settle("archive", before, "Every byte of the file is accounted for.")
    opened = _open(archive, manifest, trust, held, found)
    if opened is None:
        return found, None
    try:
        check_manifest_note(note, raw, manifest.origin, [opened.history.current])
    except ProofError as error:
        found.find("manifest_unsigned", f"{NOTE}: {error}")
        found.failed("manifest", "Nobody known vouches for this list of files.")
        return found, None
    found.passed("manifest", f"The log key has signed for these {len(manifest.files)} files.")
    _check_bundles(opened, trust, found)
    require_quorum(trust, opened.witnessed, found)
    return found, opened


def _check_files(archive: Archive, manifest: Manifest, found: Inspection, progress: Progress) -> list[Member]:
    before = len(found.findings)
    listed = {file.name for file in manifest.files}
    for name in sorted(set(archive.names) - listed - {MANIFEST, NOTE}):
        found.find("file_unknown", f"{name!a} is in the archive and not in the manifest")
    if len(set(archive.names)) != len(archive.names):
        found.find("file_twice", "the archive holds two files of one name")
    members: list[Member] = []
    for number, file in enumerate(manifest.files, 1):
        progress(number, len(manifest.files))
        try:
            body, member = archive.read(file.name)
        except FormatError as error:
            missing = file.name not in archive
            found.find("file_missing" if missing else "file_differs", f"{file.name}: {error}")
            continue
        members.append(member)
        if len(body) != file.size or hashlib.sha256(body).hexdigest() != file.sha256:
            found.find("file_differs", f"{file.name}: it is not the file that was signed for")
    if len(members) == len(manifest.files) and packed_digest(members).hex() != manifest.packed_sha256:
        found.find("archive_altered", "the files were packed anew")
    found.settle("files", before, f"All {len(members)} files are there, and are what the manifest lists.")
    return members


def _open(
    archive: Archive, manifest: Manifest, trust: Trust, held: bytes | None, found: Inspection
) -> Opened | None:
    try:
        body: at.ExportBody = at.read_body(archive.read(at.EXPORT)[0], at.ExportBody)
        keys: at.KeysBody = at.read_body(archive.read(at.KEYS)[0], at.KeysBody)
        note = archive.read(at.CHECKPOINT)[0]
        history = _key_history(manifest.origin, keys, trust, found)
        checkpoint = _checkpoint(note, manifest, body, history, trust, found)
    except _UntrustedKeyError as error:
        found.find("key_not_trusted", str(error))
        found.failed("key pinned", "The log key is none of those given.")
        return None
    except ProofError as error:
        found.find("checkpoint_unsigned", str(error))
        found.failed("checkpoint", "It is not shown what state of which log this is.")
        return None
    found.checkpoint, found.scope = checkpoint, body.scope
    before = read_held(held, checkpoint, archive, history, found)
    found.not_shown += [_OTHERS[body.scope]] if body.scope in _OTHERS else []
    found.not_shown += [] if body.log else [_WITHOUT_LOG]
    return Opened(
        archive=archive,
        body=body,
        keys=keys,
        history=history,
        checkpoint=checkpoint,
        note=note,
        held=before,
        witnessed=read_witnessed(archive, history, trust, found),
        forms=_read_documents(archive, found),
        names=frozenset(archive.names),
    )


def _checkpoint(
    note: bytes,
    manifest: Manifest,
    body: at.ExportBody,
    history: KeyHistory,
    trust: Trust,
    found: Inspection,
) -> Checkpoint:
    """The state everything is of. Raises `ProofError` unless the log signed it and all say the same."""
    keys = [history.at(manifest.size), *trust.witnesses]
    checkpoint, attested = open_checkpoint(note, manifest.origin, keys)
    listed = (manifest.size, manifest.root)
    if (body.origin, body.size) != (manifest.origin, checkpoint.size) or listed != (
        checkpoint.size,
        checkpoint.root.hex(),
    ):
        raise FormatError("manifest, checkpoint and export.json are not of one state of one log")
    found.passed("checkpoint", f"Signed by the log over {checkpoint.size} entries.")
    note_witnesses(attested, trust, found)
    return checkpoint


def _key_history(origin: str, keys: at.KeysBody, trust: Trust, found: Inspection) -> KeyHistory:
    """The log's keys. Raises `_UntrustedKeyError` where the caller trusts keys, and none of these."""
    history = at.history_of(keys)
    if history.first.name != origin:
        raise SignatureError("the keys in this export are of another log")
    if not trust.logs:
        found.not_checked(
            "key pinned",
            "The log key was taken from the export itself, which anybody can make under their own key."
            f" Compare it with what the operator publishes: {history.current.vkey}",
        )
    elif trusted_with(history, trust.logs):
        found.passed("key pinned", "The log key is one that you named, or was signed for by one.")
    else:
        named = {key.name for key in trust.logs}
        raise _UntrustedKeyError(
            f"the key given is of {', '.join(sorted(named))}, and this export of {origin}"
            if origin not in named
            else f"this export is signed by another key of {origin} than was given: {history.current.vkey}"
        )
    return history


def _read_documents(archive: Archive, found: Inspection) -> dict[str, Form]:
    before = len(found.findings)
    forms: dict[str, Form] = {}
    names = [name for name in archive.names if name.startswith("document/")]
    for name in names:
        try:
            body = archive.read(name)[0]
            kind, digest = name.split("/")[1:]
            if hashlib.sha256(body).hexdigest() != digest.removesuffix(".json"):
                raise FormatError("it is not the text that its name is the hash of")
            if kind == "form":
                forms[digest.removesuffix(".json")] = parse_form(parse_canonical(body))
        except (LedgerError, ValueError) as error:
            found.find("document_differs", f"{name}: {error}")
    found.settle(
        "documents", before, f"{len(names)} forms, rulebooks, packs and senders hash to their names."
    )
    return forms


def _bundles(opened: Opened, found: Inspection) -> list[tuple[str, str]]:
    """The names of all bundles, of addresses and of campaigns' lines about them, and whom each is about."""
    subjects = opened.body.subjects
    named = [(at.bundle_name(number), subject) for number, subject in enumerate(subjects, 1)]
    for name in sorted(opened.names):
        place = at.place_of_line(name)
        if place is not None and 0 < place <= len(subjects):
            named.append((name, subjects[place - 1]))
        elif place is not None:
            found.find("line_of_nobody", f"{name} is about no address that was asked for")
    for name in sorted(opened.names - {name for name, _ in named}):
        if name.startswith("bundle/"):
            found.find("bundle_of_another_subject", f"{name} is about no address that was asked for")
    return named


def _check_bundles(opened: Opened, trust: Trust, found: Inspection) -> None:
    before = len(found.findings)
    subjects = opened.body.subjects
    named = _bundles(opened, found)
    keys = [opened.history.at(opened.checkpoint.size), *trust.witnesses]
    levels: set[str | None] = set()
    for name, subject in named:
        try:
            raw = opened.read(name)
            shown = parse_bundle(raw)
        except ProofError as error:
            found.find("bundle_unreadable", f"{name}: {error}")
            continue
        verdict = verify_bundle(raw, verifiers=keys, policy=trust.policy, stamped=trust.stamped)
        levels.add(verdict.level)
        for check in verdict.checks:
            if check.outcome == "failed":
                found.find("bundle_fails", f"{name}, step {check.number}: {check.detail}")
            elif name == at.bundle_name(1) and check.name in _ATTESTED:
                found.checks.append(ExportCheck(check.name, check.outcome, check.detail))
        if parse_note(shown.checkpoint.encode()).text != opened.checkpoint.text:
            found.find("bundle_of_another_state", f"{name} is of another checkpoint than the export")
        if all(each.subject_key != subject for each in shown.subjects if each.role == "address"):
            found.find("bundle_of_another_subject", f"{name} is not about the address asked for")
    found.counts["bundles"] = len(subjects)
    if subjects:
        if levels == {"L2"}:  # nothing was held here, so it is by witnesses
            found.held_before = found.witnessed = True
        found.settle("bundles", before, f"All {len(named)} verify by themselves.")
