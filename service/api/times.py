"""Times as the interface writes them: RFC 3339, UTC, milliseconds."""

from datetime import UTC, datetime, timedelta
from functools import lru_cache

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def milliseconds_of(moment: datetime) -> int:
    """Milliseconds since 1970 of a zoned time, what is finer left off."""
    return (moment - _EPOCH) // timedelta(milliseconds=1)


# All events of a batch carry one time.
@lru_cache(maxsize=256)
def rfc3339(milliseconds: int) -> str:
    """`2026-11-23T10:15:00.000Z` of milliseconds since 1970."""
    moment = _EPOCH + timedelta(milliseconds=milliseconds)
    return moment.isoformat(timespec="milliseconds")[:-6] + "Z"
