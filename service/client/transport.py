"""Requests and their answers over HTTP: one at a time with patience, or lines both ways at once.

aiohttp, because it sends and reads at the same time, which a campaign of any length needs; and because the
service has it already.
"""

import asyncio
import secrets
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final, TypeVar
from urllib.parse import urlsplit

import aiohttp
import msgspec

from service.client.errors import AwayError, NoAnswerError, failure_of
from service.client.operations import Operation
from service.client.retrying import Retries, retry_after

JSON: Final = "application/json"
NDJSON: Final = "application/x-ndjson"
CONNECT_SECONDS: Final = 1.0
LINE_BYTES_MAX: Final = 1 << 20

T = TypeVar("T")
Clock = Callable[[], float]
_OK: Final = (HTTPStatus.OK, HTTPStatus.CREATED, HTTPStatus.MULTI_STATUS)
_BROKEN: Final = (aiohttp.ClientError, OSError, asyncio.TimeoutError)


@dataclass(frozen=True, slots=True)
class Sent:
    """What is sent with an operation. `json`: the body; `params`: the query; `key`: an Idempotency-Key."""

    json: object = None
    params: Mapping[str, str] | None = None
    key: str | None = None


class Transport:
    """One service, as one key may use it. It opens its connections in the loop that first uses it."""

    def __init__(
        self, url: str, key: str, *, retries: Retries, clock: Clock, connect_seconds: float = CONNECT_SECONDS
    ) -> None:
        parsed = urlsplit(url)
        if parsed.scheme not in ("http", "https") or not parsed.hostname:
            raise ValueError("the URL of the service begins with http:// or https://")
        self._base = url.rstrip("/")
        self._authorization = {"authorization": f"Bearer {key}"}
        self._retries = retries
        self._clock = clock
        self._connect = connect_seconds
        self._session: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def call(
        self,
        operation: Operation,
        kind: type[T],
        sent: Sent,
        *,
        patience: float,
        seconds: float | None = None,
    ) -> T:
        """The answer. What may pass is tried again until `patience` seconds have gone by.

        Raises `NoAnswerError`.
        """
        if not operation.repeatable and sent.key is None:
            sent = Sent(sent.json, sent.params, f'"{secrets.token_hex(16)}"')

        async def attempt() -> T:
            raw = await self._once(operation, sent, seconds)
            try:
                return msgspec.json.decode(raw, type=kind)
            except (msgspec.MsgspecError, UnicodeDecodeError) as error:
                raise AwayError("the answer cannot be read") from error

        return await self.patiently(attempt, patience)

    async def raw(self, operation: Operation, sent: Sent, *, patience: float) -> bytes:
        """The answer as it came. Raises `NoAnswerError`."""
        return await self.patiently(lambda: self._once(operation, sent, None), patience)

    async def patiently(self, attempt: Callable[[], Awaitable[T]], patience: float) -> T:
        """Do it, again after a while where its failure may pass. Raises the last `NoAnswerError`."""
        ends, number = time.monotonic() + patience, 0
        while True:
            try:
                return await attempt()
            except NoAnswerError as failure:
                number += 1
                await self.pause(number, failure, ends)

    async def pause(self, number: int, failure: NoAnswerError, ends: float) -> None:
        """Wait before attempt `number`.

        Raises the failure where it would fail again, or after patience `ends` (by the monotonic clock).
        """
        wait = self._retries.wait(number, failure)
        if wait is None or time.monotonic() + wait > ends:
            raise failure
        await asyncio.sleep(wait)

    async def _once(self, operation: Operation, sent: Sent, seconds: float | None) -> bytes:
        headers = {"accept": f"{JSON}, */*;q=0.1"}
        if sent.key is not None:
            headers["idempotency-key"] = sent.key
        body = None
        if sent.json is not None:
            headers["content-type"] = JSON
            body = msgspec.json.encode(sent.json)
        try:
            async with self._request(operation, headers, body, sent.params, seconds) as response:
                raw = await response.read()
        except _BROKEN as error:
            raise AwayError(_why(error)) from error
        return self._checked(response, raw)

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(headers=self._authorization)
        return self._session

    def _request(
        self,
        operation: Operation,
        headers: Mapping[str, str],
        body: Any,  # noqa: ANN401 - bytes, or a generator of them
        params: Mapping[str, str] | None,
        seconds: float | None,
    ) -> Any:  # noqa: ANN401 - aiohttp's own context manager
        return self._opened().request(
            operation.method,
            self._base + operation.path,
            headers=headers,
            data=body,
            params=params,
            allow_redirects=False,  # a key goes where it was meant to go
            timeout=aiohttp.ClientTimeout(
                total=operation.seconds if seconds is None else seconds, sock_connect=self._connect
            ),
        )

    def _checked(self, response: aiohttp.ClientResponse, raw: bytes) -> bytes:
        if response.status in _OK:
            return raw
        raise failure_of(response.status, raw, retry_after(response.headers, self._clock()))

    async def lines(
        self, operation: Operation, sending: AsyncIterator[bytes]
    ) -> AsyncGenerator[list[bytes], None]:
        """Send while reading: the lines of the answer, as many at a time as have come.

        Raises `NoAnswerError` where it broke off, and whatever `sending` raises.
        """
        wrong: list[BaseException] = []
        body = _noting(sending, wrong)
        headers = {"content-type": NDJSON, "accept": NDJSON}
        timeout = aiohttp.ClientTimeout(sock_connect=self._connect, sock_read=operation.seconds)
        rest = b""
        try:
            async with self._opened().request(
                operation.method,
                self._base + operation.path,
                headers=headers,
                data=body,
                allow_redirects=False,
                timeout=timeout,
            ) as response:
                if response.status not in _OK:
                    self._checked(response, await response.read())
                async for piece in response.content.iter_any():
                    *whole, rest = (rest + piece).split(b"\n")
                    if len(rest) > LINE_BYTES_MAX:
                        raise AwayError("the answer cannot be read")
                    yield [line for line in whole if line.strip()]
        except _BROKEN as error:
            if wrong:
                raise wrong[0] from None
            raise AwayError(_why(error)) from error
        if wrong:
            raise wrong[0]


async def _noting(sending: AsyncIterator[bytes], wrong: list[BaseException]) -> AsyncIterator[bytes]:
    """What is sent, noting what went wrong in making it: aiohttp would tell it as a broken connection."""
    try:
        async for piece in sending:
            yield piece
    except Exception as error:
        wrong.append(error)
        raise


def _why(error: BaseException) -> str:
    """What went wrong, without an address or a URL."""
    if isinstance(error, asyncio.TimeoutError):
        return "the service did not answer in time"
    if isinstance(error, aiohttp.ClientConnectorError):
        return "the service cannot be reached"
    return f"the connection broke off ({type(error).__name__})"
