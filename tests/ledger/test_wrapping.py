"""A ring of wrapping keys: the first seals, every one opens, and nothing else does."""

import os

import pytest
from cryptography.exceptions import InvalidTag

from service.core.errors import FormatError
from service.core.unsubscribe import LinkKeys, UnsubscribeLink
from service.ledger.exporting.tokens import NONCE_SIZE, ExportTokens
from service.ledger.keys import LedgerKeys, Sealer
from service.ledger.vault import Vault, webhook_signing_keys
from service.ledger.wrapping import WrappingRing
from tests.support.small_ledger import keys_from

OLD, NEW, OTHER = (bytes([number]) * 32 for number in range(1, 4))
BEFORE = WrappingRing((OLD,))
ADDED = WrappingRing((OLD, NEW))
SWITCHED = WrappingRing((NEW, OLD))
AFTER = WrappingRing((NEW,))
SUBJECT, ADDRESS = bytes(32), b"email:jane@example.org"


def keys_with(ring: WrappingRing) -> LedgerKeys:
    keys = keys_from("main")
    keys.wrapping = ring
    return keys


@pytest.mark.parametrize("sealing", [BEFORE, ADDED, SWITCHED, AFTER])
@pytest.mark.parametrize("opening", [ADDED, SWITCHED])
def test_processes_whose_order_differs_open_what_each_other_sealed(
    sealing: WrappingRing, opening: WrappingRing
) -> None:
    cipher, row = Sealer(sealing, os.urandom).new_subject(SUBJECT, ADDRESS)
    sealed = Vault(sealing, os.urandom).seal(b"a secret", "secrets/1")
    again = Sealer(opening, os.urandom).open_subject(SUBJECT, row.wrapped_key)
    assert Sealer.open(again, row.sealed_address, SUBJECT) == ADDRESS
    assert Sealer.open(cipher, row.sealed_address, SUBJECT) == ADDRESS
    assert Vault(opening, os.urandom).open(sealed, "secrets/1") == b"a secret"


@pytest.mark.parametrize(("sealing", "opening"), [(SWITCHED, BEFORE), (ADDED, AFTER)])
def test_the_first_key_alone_seals(sealing: WrappingRing, opening: WrappingRing) -> None:
    _, row = Sealer(sealing, os.urandom).new_subject(SUBJECT, ADDRESS)
    with pytest.raises(InvalidTag):
        Sealer(opening, os.urandom).open_subject(SUBJECT, row.wrapped_key)
    with pytest.raises(InvalidTag):
        Vault(opening, os.urandom).open(Vault(sealing, os.urandom).seal(b"a secret", "a"), "a")


def test_what_is_wrapped_anew_holds_the_same_data_key_and_leaves_the_old_one_out_of_it() -> None:
    _, row = Sealer(BEFORE, os.urandom).new_subject(SUBJECT, ADDRESS)
    wrapped = Sealer(SWITCHED, os.urandom).rewrapped(SUBJECT, row.wrapped_key)
    cipher = Sealer(AFTER, os.urandom).open_subject(SUBJECT, wrapped)
    assert Sealer.open(cipher, row.sealed_address, SUBJECT) == ADDRESS
    assert Sealer(SWITCHED, os.urandom).rewrapped(SUBJECT, wrapped) == wrapped
    with pytest.raises(InvalidTag):
        Sealer(BEFORE, os.urandom).open_subject(SUBJECT, wrapped)


def test_another_context_opens_nothing_under_any_key() -> None:
    sealed = ADDED.cipher(os.urandom).seal(b"a secret", b"here")
    assert SWITCHED.cipher(os.urandom).opened(sealed, b"here") == (1, b"a secret")
    for opening in (ADDED.cipher(os.urandom).open, ADDED.cipher(os.urandom).renewed):
        with pytest.raises(InvalidTag):
            opening(sealed, b"there")


def test_an_export_can_be_fetched_with_a_token_that_another_key_of_the_ring_made() -> None:
    token = ExportTokens(BEFORE).make("ab" * 12, "crm", 1_000, bytes(NONCE_SIZE))
    for ring in (ADDED, SWITCHED):
        assert ExportTokens(ring).read(token, "ab" * 12).by == "crm"
    with pytest.raises(FormatError):
        ExportTokens(AFTER).read(token, "ab" * 12)


def test_links_open_under_every_key_of_the_ring_and_are_made_under_the_first() -> None:
    link = UnsubscribeLink(SUBJECT, "acme", "newsletter", "email")
    tokens = {}
    for ring in (BEFORE, ADDED, SWITCHED, AFTER):
        keys = keys_with(ring)
        tokens[ring] = LinkKeys(keys.all_link_secrets(), keys.origin).seal(link)
    assert tokens[BEFORE] == tokens[ADDED] != tokens[SWITCHED] == tokens[AFTER]
    keys = keys_with(ADDED)
    for token in tokens.values():
        assert LinkKeys(keys.all_link_secrets(), keys.origin).open(token) == link


def test_every_key_signs_webhooks_so_a_receiver_that_knows_one_verifies() -> None:
    publics = [
        [key.public_key().public_bytes_raw() for key in webhook_signing_keys(ring)]
        for ring in (BEFORE, ADDED, SWITCHED, AFTER)
    ]
    (old,), added, switched, (new,) = publics
    assert added == [old, new]
    assert switched == [new, old]


def test_a_key_is_called_by_a_name_that_is_no_part_of_it() -> None:
    names = ADDED.ids
    assert names == (*BEFORE.ids, *AFTER.ids)
    assert len({*names, *WrappingRing((OTHER,)).ids}) == 3
    assert not any(name in key.hex() for name, key in zip(names, ADDED.keys, strict=True))
    assert repr(OLD) not in repr(keys_with(ADDED))
