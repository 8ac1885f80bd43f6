"""How many streams a credential may hold open, and for how long each lives."""

from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from math import ceil

from service.api.problems import ApiError


@dataclass(slots=True)
class Streams:
    """Open streams of this process. A stream ends by itself so that keys expire and releases go on."""

    seconds: float = 600.0
    heartbeat_seconds: float = 15.0
    per_key_max: int = 100
    _open: Counter[str] = field(default_factory=Counter)

    def counted(self, key_id: str, chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        """The same chunks, counted while they come. Raises `ApiError` 429 when that is one too many.

        A stream whose reader is gone is noticed by the next heartbeat: no sooner is it worth another try.
        """
        if self._open[key_id] >= self.per_key_max:
            raise ApiError(
                429,
                "too-many-streams",
                "This key has too many open streams",
                f"at most {self.per_key_max} at a time",
                headers={"retry-after": str(ceil(self.heartbeat_seconds))},
            )
        self._open[key_id] += 1
        return self._until_it_ends(key_id, chunks)

    async def _until_it_ends(self, key_id: str, chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        try:
            async for chunk in chunks:
                yield chunk
        finally:
            self._open[key_id] -= 1
            if not self._open[key_id]:
                del self._open[key_id]
