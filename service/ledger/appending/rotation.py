"""A rotation of the log's signing key: one event and one succession entry, in one epoch.

The checkpoint over them is signed by both keys, the new one first: whoever knows the old one follows, and
witnesses that know only it see the new one arrive.
"""

import msgspec

from service.core.errors import ConflictError
from service.core.notes import Signer
from service.ledger.appending.admission import Admission
from service.ledger.appending.appender import Appender
from service.ledger.appending.configuration import announce
from service.ledger.appending.epoch import Receipt
from service.ledger.keys import LedgerKeys


async def rotate(
    appender: Appender, keys: LedgerKeys, admission: Admission, new: Signer, now_ms: int
) -> Receipt:
    """Let the log's key give way to `new`, which must be kept durably before this is called.

    Doing it again changes nothing. Raises what `Appender.append` raises.
    """
    key_id = new.verifier.key_id.hex()
    event: dict[str, object] = {
        "type": "key_rotated",
        "source_event_id": f"signing-key:{key_id}",
        "key_id": key_id,
    }
    admitted = announce(admission, event, [], now_ms)
    try:
        return await appender.append(msgspec.structs.replace(admitted, successor=new))
    except ConflictError:
        # The same rotation at another time: its event stands right after its succession.
        places = {each.new: each.index for each in keys.history.successions}
        return await appender.receipt_of(places[new.verifier] + 1)
