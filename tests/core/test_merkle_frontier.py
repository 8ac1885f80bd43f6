"""A frontier is read strictly: what no tree would have written is refused."""

import pytest

from service.core.errors import FormatError
from service.core.merkle import Frontier

DAMAGED_FRONTIERS = {
    "nothing": b"",
    "half a size": bytes(7),
    "a byte after the empty tree": bytes(9),
    "no hash for one leaf": (1).to_bytes(8),
    "two hashes for two leaves": (2).to_bytes(8) + bytes(64),
    "one hash for three leaves": (3).to_bytes(8) + bytes(32),
    "more leaves than there can be": (1 << 63).to_bytes(8) + bytes(32),
}


@pytest.mark.parametrize("raw", DAMAGED_FRONTIERS.values(), ids=DAMAGED_FRONTIERS.keys())
def test_a_damaged_frontier_is_refused(raw: bytes) -> None:
    with pytest.raises(FormatError):
        Frontier.from_bytes(raw)
