"""Questions to servers that the operator has named: witnesses, time-stamping authorities.

No guard stands at the socket as it does for webhooks: these addresses are the operator's, not a caller's.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import aiohttp

from service.core.errors import ProofError, UnavailableError
from service.core.notes import Verifier
from service.delivery.timestamps import TimestampTrust, timestamp_request, verified_time

SECONDS: Final = 10.0
ANSWER_BYTES_MAX: Final = 262_144
_OK: Final = 200


@asynccontextmanager
async def asking_session() -> AsyncIterator[aiohttp.ClientSession]:
    """The connections of one process. No redirects, cookies or proxies of the environment."""
    timeout = aiohttp.ClientTimeout(total=SECONDS)
    async with aiohttp.ClientSession(
        timeout=timeout, cookie_jar=aiohttp.DummyCookieJar(), auto_decompress=False
    ) as session:
        yield session


async def _post(session: aiohttp.ClientSession, url: str, body: bytes, kind: str) -> tuple[int, bytes]:
    try:
        async with session.post(
            url, data=body, headers={"content-type": kind}, allow_redirects=False
        ) as answer:
            content = b""
            async for chunk in answer.content.iter_any():
                content += chunk
                if len(content) > ANSWER_BYTES_MAX:
                    raise UnavailableError("the answer is longer than any")
            return answer.status, content
    except (aiohttp.ClientError, OSError, TimeoutError) as error:
        raise UnavailableError(f"it cannot be reached ({type(error).__name__})") from error


class HttpWitness:
    """A witness at its submission prefix (C2SP tlog-witness)."""

    def __init__(self, session: aiohttp.ClientSession, verifier: Verifier, url: str) -> None:
        self.verifier = verifier
        self._session = session
        self._url = url.rstrip("/") + "/add-checkpoint"

    async def add_checkpoint(self, body: bytes) -> tuple[int, bytes]:
        """Status and body of the answer. Raises `UnavailableError`."""
        return await _post(self._session, self._url, body, "text/plain; charset=utf-8")


class HttpTimeStamper:
    """A time-stamping authority over HTTP (RFC 3161 §3.4)."""

    def __init__(self, session: aiohttp.ClientSession, url: str, trust: TimestampTrust) -> None:
        self._session = session
        self._url = url
        self._trust = trust

    async def stamp(self, message: bytes) -> tuple[bytes, int]:
        """A response over these bytes that verifies, and its time.

        Raises `UnavailableError` and `ProofError`.
        """
        request, nonce = timestamp_request(message, self._trust)
        status, answer = await _post(self._session, self._url, request, "application/timestamp-query")
        if status != _OK:
            raise ProofError(f"the time-stamping authority answered {status}")
        return answer, verified_time(answer, message, self._trust, nonce=nonce)
