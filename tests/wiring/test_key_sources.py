"""The one door to a ledger's secrets: kept in files, or given by settings; never both, never in part."""

import os
from pathlib import Path

import msgspec
import pytest

from service.settings import Settings, read_settings
from service.wiring.keys.files import KeysError, create_keys, keys_directory
from service.wiring.keys.sources import GIVEN, key_source

ORIGIN = "ledger.example/main/1"


@pytest.fixture
def given(tmp_path: Path) -> Settings:
    made = create_keys(tmp_path / "elsewhere", ORIGIN, os.urandom)
    return Settings(
        data_dir=tmp_path,
        signing_key=made.signer.skey,
        subject_key=made.subject_key_secret.hex(),
        wrapping_key=made.wrapping.keys[0].hex(),
    )


def test_keys_that_are_given_are_used_and_nothing_is_written(given: Settings, tmp_path: Path) -> None:
    source = key_source(given, "main")
    assert source.exist()
    assert source.create(ORIGIN).signer.skey == source.load(ORIGIN).signer.skey == given.signing_key
    assert source.directory is None
    assert not (tmp_path / "keys").exists()


def test_each_key_may_be_a_file_of_the_platform(given: Settings, tmp_path: Path) -> None:
    environment = {"CONSENT_LEDGER_DATA_DIR": str(tmp_path)}
    for name in GIVEN:
        path = tmp_path / name
        path.write_text(f"{getattr(given, name)}\n")
        path.chmod(0o440)
        environment[f"CONSENT_LEDGER_{name.upper()}_FILE"] = str(path)
    (wrapping,) = key_source(read_settings(environment), "main").load(ORIGIN).wrapping.keys
    assert wrapping.hex() == given.wrapping_key


@pytest.mark.parametrize("between", [",", " ", ", ", "\n"])
def test_several_wrapping_keys_are_given_in_the_order_in_which_they_seal(
    given: Settings, between: str
) -> None:
    other = os.urandom(32)
    both = msgspec.structs.replace(given, wrapping_key=between.join([other.hex(), given.wrapping_key or ""]))
    keys = key_source(both, "main").load(ORIGIN).wrapping.keys
    assert [key.hex() for key in keys] == [other.hex(), given.wrapping_key]


def test_secrets_of_unsubscribe_links_are_given_beside_the_keys_and_never_without_them(
    given: Settings,
) -> None:
    first, second = os.urandom(64), os.urandom(64)
    settings = msgspec.structs.replace(given, unsubscribe_keys=f"{first.hex()},{second.hex()}")
    assert key_source(settings, "main").load(ORIGIN).all_link_secrets()[:2] == (first, second)
    with pytest.raises(KeysError, match="SIGNING_KEY"):
        key_source(Settings(data_dir=given.data_dir, unsubscribe_keys=first.hex()), "main")


@pytest.mark.parametrize("missing", GIVEN)
def test_keys_that_are_given_in_part_stop_a_start(given: Settings, missing: str) -> None:
    with pytest.raises(KeysError, match=f"CONSENT_LEDGER_{missing.upper()} is not set"):
        key_source(msgspec.structs.replace(given, **{missing: None}), "main")


def test_keys_in_two_places_stop_a_start(given: Settings) -> None:
    create_keys(keys_directory(given.data_dir, "main"), ORIGIN, os.urandom)
    with pytest.raises(KeysError, match="keep one of them"):
        key_source(given, "main")


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("signing_key", "PRIVATE+KEY+nonsense", "SIGNING_KEY is damaged"),
        ("subject_key", "ab" * 31, "SUBJECT_KEY is damaged"),
        ("wrapping_key", "zz" * 32, "WRAPPING_KEY is damaged"),
    ],
)
def test_a_damaged_key_is_named_and_never_shown(given: Settings, name: str, value: str, said: str) -> None:
    with pytest.raises(KeysError, match=said) as refused:
        key_source(msgspec.structs.replace(given, **{name: value}), "main").load(ORIGIN)
    assert value not in str(refused.value)


def test_another_logs_key_is_refused(given: Settings) -> None:
    with pytest.raises(KeysError, match="and this ledger is ledger"):
        key_source(given, "main").load("ledger.example/other/1")


def test_what_is_given_is_for_the_ledger_of_the_settings_alone(given: Settings) -> None:
    assert key_source(given, "other").directory == keys_directory(given.data_dir, "other")
