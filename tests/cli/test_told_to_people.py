"""What `verify` and `audit` say to somebody who is no engineer: what is wrong, and what to do about it."""

import asyncio
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from service.cli.entry import run
from service.core.checkpoint import sign_checkpoint
from service.core.notes import Signer
from tests.support.exported import signed
from tests.support.small_export import a_small_export
from tests.support.trusted_world import trusted_world

STRANGER = Ed25519PrivateKey.from_private_bytes(b"\x09" * 32)
OTHER_LOG = Signer("ledger.example/beta/1", STRANGER)


@dataclass(frozen=True)
class Desk:
    """A folder with files to be checked; `vkey` is the key of their log, `origin` its name."""

    folder: Path
    vkey: str
    origin: str

    def file(self, name: str) -> str:
        """Where a file lies."""
        return str(self.folder / name)


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    folder = tmp_path_factory.mktemp("desk")
    made = asyncio.run(a_small_export())
    origin, raw = made.signer.name, signed(made.files, made.signer)
    changed = bytearray(raw)
    changed[len(raw) // 2] ^= 1
    impostor = Signer(origin, STRANGER)
    for name, body in {
        "all.zip": raw,
        "changed.zip": bytes(changed),
        "cut.zip": raw[:-100],
        "letter.zip": b"Dear Sir or Madam",
        "bundle.json": trusted_world().anchored,
        "held-other": sign_checkpoint(OTHER_LOG.name, 8, b"\1" * 32, [OTHER_LOG]),
        "held-forged": sign_checkpoint(origin, 8, b"\1" * 32, [impostor]),
        "held-newer": sign_checkpoint(origin, 999, b"\1" * 32, [made.signer]),
    }.items():
        (folder / name).write_bytes(body)
    with zipfile.ZipFile(folder / "photos.zip", "w") as archive:
        archive.writestr("cat.txt", "a cat")
    return Desk(folder, made.signer.verifier.vkey, origin)


@pytest.fixture
def told(desk: Desk, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str]]:
    """Run the program; its exit status, and all it says, on one line."""

    def tell(command: str, name: str, *options: str) -> tuple[int, str]:
        status = run([command, desk.file(name), *options])
        out, err = capsys.readouterr()
        return status, " ".join((out + err).split())

    return tell


Told = Callable[..., tuple[int, str]]


@pytest.mark.parametrize("command", ["verify", "audit"])
def test_a_sound_export_is_so_provided_that_its_key_is_the_operator_s(
    told: Told, desk: Desk, command: str
) -> None:
    status, said = told(command, "all.zip")
    assert (status, "SOUND" in said, "Provided that the key is the operator's" in said) == (0, True, True)
    status, said = told(command, "all.zip", "--key", desk.vkey)
    assert (status, "SOUND" in said, "Provided" in said) == (0, True, False)


@pytest.mark.parametrize("command", ["verify", "audit"])
@pytest.mark.parametrize(
    ("name", "status", "says"),
    [
        ("changed.zip", 1, "its bytes are not those its checksum was made of"),
        ("cut.zip", 1, "this zip was cut off or damaged"),
        ("photos.zip", 1, "this zip is no export of a ledger"),
    ],
)
def test_a_file_that_is_no_sound_export_is_told_by_what_ails_it(
    told: Told, command: str, name: str, status: int, says: str
) -> None:
    found, said = told(command, name)
    assert (found, says in said, "NOT SOUND" in said) == (status, True, True), said


def test_what_is_not_audited_is_told_in_one_line_where_it_belongs(told: Told, desk: Desk) -> None:
    status, said = told("audit", "bundle.json")
    assert (status, f"consent-ledger verify {desk.file('bundle.json')}" in said) == (2, True), said
    status, said = told("audit", "letter.zip")
    assert (status, "it is no zip" in said) == (2, True), said


@pytest.mark.parametrize(
    ("signer", "says"),
    [
        (OTHER_LOG, "the key given is of ledger.example/beta/1"),
        (None, "signed by another key of"),
    ],
    ids=["of another log", "of another signer"],
)
def test_a_wrong_key_is_said_to_be_the_matter(
    told: Told, desk: Desk, signer: Signer | None, says: str
) -> None:
    key = (signer or Signer(desk.origin, STRANGER)).verifier.vkey
    status, said = told("audit", "all.zip", "--key", key)
    assert (status, says in said, "✗ key pinned" in said) == (1, True, True), said


@pytest.mark.parametrize("command", ["verify", "audit"])
@pytest.mark.parametrize(
    ("held", "says"),
    [
        ("held-other", "is of another log, ledger.example/beta/1"),
        ("held-forged", "none of its keys has signed it"),
        ("bundle.json", "The file named as a checkpoint held before is none"),
    ],
)
def test_a_checkpoint_held_that_cannot_be_compared_hides_nothing_else(
    told: Told, desk: Desk, command: str, held: str, says: str
) -> None:
    status, said = told(command, "all.zip", "--key", desk.vkey, "--held", desk.file(held))
    assert (status, says in said, "✓ documents" in said) == (1, True, True), said


def test_a_newer_checkpoint_is_not_held_against_an_export(told: Told, desk: Desk) -> None:
    status, said = told("audit", "all.zip", "--key", desk.vkey, "--held", desk.file("held-newer"))
    assert (status, "It is newer (999 entries) than this export" in said) == (0, True), said


def test_a_bundle_tells_the_same_and_not_nine_times(told: Told, desk: Desk) -> None:
    status, said = told("verify", "bundle.json")
    assert (status, "Provided that the key is the operator's" in said) == (0, True), said
    status, said = told("verify", "bundle.json", "--held", desk.file("held-other"))
    assert (status, "is of another log, ledger.example/beta/1" in said) == (1, True), said
    assert said.count("an earlier step failed") == 1
    wrong = Signer(trusted_world().old.name, STRANGER).verifier.vkey
    status, said = told("verify", "bundle.json", "--key", wrong)
    assert (status, "✓ 2 key pinned" in said) == (1, False), said


def test_an_option_that_cannot_be_read_is_named(told: Told, desk: Desk) -> None:
    for option, value, says in (
        ("--key", "nonsense", "--key 'nonsense'"),
        ("--policy", desk.file("letter.zip"), "letter.zip: "),
        ("--timestamps", desk.file("letter.zip"), "letter.zip holds no certificates"),
    ):
        status, said = told("verify", "all.zip", option, value)
        assert (status, says in said) == (2, True), said
