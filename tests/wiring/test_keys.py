"""A ledger's secrets on disk: made once and whole, read with suspicion."""

import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from service.wiring.keys.files import (
    LINKS,
    SIGNING,
    SUBJECT,
    WRAPPING,
    KeysError,
    create_keys,
    keys_directory,
    load_keys,
)

ORIGIN = "ledger.example/main/1"
FILES = (SIGNING, SUBJECT, WRAPPING)


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return keys_directory(tmp_path / "data", "main")


def test_keys_are_the_same_every_time_they_are_read(directory: Path) -> None:
    made = create_keys(directory, ORIGIN, os.urandom)
    read = load_keys(directory, ORIGIN)
    assert read.signer.skey == made.signer.skey
    assert read.subject_key_secret == made.subject_key_secret
    assert read.wrapping == made.wrapping


def test_only_their_owner_can_read_the_keys_or_enter_their_directory(directory: Path) -> None:
    create_keys(directory, ORIGIN, os.urandom)
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    assert {stat.S_IMODE((directory / name).stat().st_mode) for name in FILES} == {0o600}


def test_the_three_keys_have_nothing_in_common(directory: Path) -> None:
    keys = create_keys(directory, ORIGIN, os.urandom)
    seeds = {keys.signer.private.private_bytes_raw(), keys.subject_key_secret, *keys.wrapping.keys}
    assert len(seeds) == 3


def test_the_second_of_two_processes_that_make_keys_takes_those_of_the_first(directory: Path) -> None:
    first = create_keys(directory, ORIGIN, os.urandom)
    second = create_keys(directory, ORIGIN, os.urandom)
    assert second.signer.skey == first.signer.skey
    assert [path.name for path in directory.parent.iterdir()] == ["main"]


def test_a_crash_while_making_keys_leaves_none(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def crash(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "rename", crash)
    with pytest.raises(KeyboardInterrupt):
        create_keys(directory, ORIGIN, os.urandom)
    assert not directory.exists()


def test_a_new_link_secret_makes_new_links_and_every_old_link_goes_on_working(directory: Path) -> None:
    old = create_keys(directory, ORIGIN, os.urandom).all_link_secrets()
    fresh, other = os.urandom(64), os.urandom(64)
    (directory / LINKS).write_text(f"{fresh.hex()}\n{other.hex()}\n")
    (directory / LINKS).chmod(0o600)
    assert load_keys(directory, ORIGIN).all_link_secrets() == (fresh, other, *old)


@pytest.mark.parametrize("text", ["ab", "x" * 128, f"{'a' * 128}\n{'b' * 126}"])
def test_a_damaged_file_of_link_secrets_is_refused(directory: Path, text: str) -> None:
    create_keys(directory, ORIGIN, os.urandom)
    (directory / LINKS).write_text(text)
    (directory / LINKS).chmod(0o600)
    with pytest.raises(KeysError, match=r"unsubscribe\.key"):
        load_keys(directory, ORIGIN)


def test_a_wrapping_key_that_stands_there_twice_is_refused(directory: Path) -> None:
    create_keys(directory, ORIGIN, os.urandom)
    (directory / WRAPPING).write_text((directory / WRAPPING).read_text() * 2)
    with pytest.raises(KeysError, match="the same key twice"):
        load_keys(directory, ORIGIN)


def _remove(path: Path) -> None:
    path.unlink()


def _open_to_all(path: Path) -> None:
    path.chmod(0o644)


def _writable_by_the_group(path: Path) -> None:
    path.chmod(0o620)


def _cut(path: Path) -> None:
    path.write_text(path.read_text()[:-9])


def _garble(path: Path) -> None:
    path.write_bytes(b"\xff" * 64)


def _empty(path: Path) -> None:
    path.write_text("")


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("harm", [_remove, _open_to_all, _writable_by_the_group, _cut, _garble, _empty])
def test_a_key_that_is_missing_open_or_damaged_is_refused_in_one_line_that_names_it(
    directory: Path, name: str, harm: Callable[[Path], None]
) -> None:
    create_keys(directory, ORIGIN, os.urandom)
    harm(directory / name)
    with pytest.raises(KeysError) as refusal:
        load_keys(directory, ORIGIN)
    assert str(directory / name) in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_a_key_whose_id_belongs_to_another_key_is_refused(directory: Path) -> None:
    keys = create_keys(directory, ORIGIN, os.urandom)
    other_id = f"+{int(keys.signer.verifier.key_id.hex(), 16) ^ 1:08x}+"
    own_id = f"+{keys.signer.verifier.key_id.hex()}+"
    (directory / SIGNING).write_text(keys.signer.skey.replace(own_id, other_id))
    with pytest.raises(KeysError):
        load_keys(directory, ORIGIN)


def test_keys_of_another_log_are_refused(directory: Path) -> None:
    create_keys(directory, ORIGIN, os.urandom)
    with pytest.raises(KeysError, match=r"ledger\.example/main/1"):
        load_keys(directory, "ledger.example/other/1")


def test_a_refusal_never_repeats_a_secret(directory: Path) -> None:
    keys = create_keys(directory, ORIGIN, os.urandom)
    secret = keys.signer.skey.split("+", 4)[4]
    (directory / SIGNING).write_text(keys.signer.skey[:-4])
    with pytest.raises(KeysError) as refusal:
        load_keys(directory, ORIGIN)
    assert secret[:12] not in str(refusal.value)


def test_keys_that_a_group_may_read_are_accepted_as_an_orchestrator_mounts_them(directory: Path) -> None:
    made = create_keys(directory, ORIGIN, os.urandom)
    for name in FILES:
        (directory / name).chmod(0o440)
    assert load_keys(directory, ORIGIN).signer.skey == made.signer.skey


def test_a_place_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file where the directory should be")
    with pytest.raises(KeysError):
        create_keys(keys_directory(tmp_path / "data", "main"), ORIGIN, os.urandom)
