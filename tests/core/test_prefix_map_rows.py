"""Rows and keys of the map are read strictly."""

import pytest

from service.core.errors import FormatError, ProofShapeError
from service.core.prefix_map import EMPTY_STRATUM, Stratum, map_root, update

LEAF_KEY = b"\x80" + bytes(31)


def row(branches: int, single: int, rest: bytes) -> bytes:
    return branches.to_bytes(2) + single.to_bytes(2) + rest


LEAF_0, LEAF_1 = bytes(64), b"\x10" + bytes(63)
DAMAGED_ROWS = {
    "nothing": ("", b""),
    "half the masks": ("", bytes(3)),
    "a byte too many": ("", bytes(5)),
    "a branch without its hash": ("", row(1, 0, b"")),
    "a leaf without its value": ("", row(0, 1, bytes(32))),
    "a slot that is branch and leaf": ("", row(1, 1, bytes(96))),
    "a leaf in the wrong slot": ("", row(0, 1, LEAF_1)),
    "leaves in the wrong order": ("", row(0, 3, LEAF_1 + LEAF_0)),
    "a leaf under the wrong prefix": ("1", row(0, 3, LEAF_0 + LEAF_1)),
    "one leaf where two are needed": ("0", row(0, 1, LEAF_0)),
    "no leaf below the top": ("0", row(0, 0, b"")),
}


@pytest.mark.parametrize(("prefix", "raw"), DAMAGED_ROWS.values(), ids=DAMAGED_ROWS.keys())
def test_a_damaged_row_is_refused(prefix: str, raw: bytes) -> None:
    with pytest.raises(FormatError):
        Stratum.from_bytes(raw, prefix=prefix)


@pytest.mark.parametrize(
    ("key", "value"), [(b"short", bytes(32)), (bytes(32), b"short"), (bytes(33), bytes(32))]
)
def test_keys_and_values_of_another_length_are_refused(key: bytes, value: bytes) -> None:
    with pytest.raises(ProofShapeError):
        update({"": EMPTY_STRATUM}, {key: value})
    with pytest.raises(ProofShapeError):
        map_root([(key, value)])


def test_a_key_given_twice_has_no_map() -> None:
    with pytest.raises(ProofShapeError):
        map_root([(LEAF_KEY, bytes(32)), (bytes(32), bytes(32)), (LEAF_KEY, bytes(32))])
