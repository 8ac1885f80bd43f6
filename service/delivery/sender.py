"""One HTTP request to somebody else's server, with everything that could go wrong bounded.

The guard stands at the socket: whatever a name, an odd spelling or a changed DNS answer leads to, the address
that is about to be connected to is looked at, for every new connection. Redirects are not followed, proxies
of the environment not used, cookies not kept, and of the answer no more is read than `READ_BYTES_MAX`.
"""

import asyncio
import socket
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any, Final

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

from service.ledger.delivering.deliveries import Answer, Outcome, outcome_of, retry_after
from service.ledger.delivering.sinks import is_public
from service.ledger.ports import Clock

CONNECT_SECONDS: Final = 5.0
TOTAL_SECONDS: Final = 15.0
READ_BYTES_MAX: Final = 65_536
KEPT_BYTES_MAX: Final = 1_024
_KEEP_ALIVE_SECONDS: Final = 30.0
_HEADER_BYTES_MAX: Final = 8_190
# Names that do not resolve hold a thread for as long as the system's resolver is patient.
_RESOLVER_THREADS: Final = 64


class ForbiddenAddressError(OSError):
    """The name leads to an address that webhooks may not go to."""


def public_only(address: Any) -> socket.socket:  # noqa: ANN401 - aiohttp's AddrInfoType
    """Make the socket for this resolved address, or refuse to. Raises `ForbiddenAddressError`."""
    if not is_public(address[4][0]):
        raise ForbiddenAddressError("not a public address")
    return any_address(address)


def any_address(address: Any) -> socket.socket:  # noqa: ANN401 - aiohttp's AddrInfoType
    """Make the socket: for development, where receivers run on the same machine."""
    family, kind, protocol, _, _ = address
    return socket.socket(family, kind, protocol)


class PatientResolver(AbstractResolver):
    """The system's resolver in threads of its own: a slow name server delays nobody else's deliveries."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(_RESOLVER_THREADS, "resolver")

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """The addresses of this name."""
        loop = asyncio.get_running_loop()
        found = await loop.run_in_executor(
            self._threads, lambda: socket.getaddrinfo(host, port, family, socket.SOCK_STREAM)
        )
        return [
            ResolveResult(
                hostname=host,
                host=str(address[0]),
                port=int(address[1]),
                family=kind,
                proto=protocol,
                flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
            )
            for kind, _, protocol, _, address in found
        ]

    async def close(self) -> None:
        """Let the threads go; those that still wait for an answer end by themselves."""
        self._threads.shutdown(wait=False, cancel_futures=True)


class Sender:
    """Sends webhooks; one connection pool for all endpoints."""

    def __init__(
        self, clock: Clock, *, private_allowed: bool = False, resolver: AbstractResolver | None = None
    ) -> None:
        self._clock = clock
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                limit=0,
                use_dns_cache=False,
                resolver=resolver or PatientResolver(),
                socket_factory=any_address if private_allowed else public_only,
                keepalive_timeout=_KEEP_ALIVE_SECONDS,
            ),
            timeout=aiohttp.ClientTimeout(total=TOTAL_SECONDS, connect=CONNECT_SECONDS),
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=False,
            auto_decompress=False,
            max_line_size=_HEADER_BYTES_MAX,
            max_field_size=_HEADER_BYTES_MAX,
        )

    async def close(self) -> None:
        """Close what is open."""
        await self._session.close()

    async def send(self, url: str, headers: dict[str, str], body: bytes) -> Answer:
        """POST these bytes and say what came of it; never raises for what a receiver does."""
        try:
            async with (
                asyncio.timeout(TOTAL_SECONDS),
                self._session.post(url, data=body, headers=headers, allow_redirects=False) as response,
            ):
                return await self._answer(response)
        except TimeoutError:
            return Answer(Outcome.TIMED_OUT)
        except (aiohttp.ClientError, OSError, ValueError) as error:
            return Answer(Outcome.FORBIDDEN_ADDRESS if _forbidden(error) else Outcome.UNREACHABLE)

    async def _answer(self, response: aiohttp.ClientResponse) -> Answer:
        body = bytearray()
        outcome = outcome_of(response.status)
        # The status is the answer; what follows is only looked at, and no longer than it is worth.
        with suppress(aiohttp.ClientError):
            while len(body) < READ_BYTES_MAX and (chunk := await response.content.readany()):
                body += chunk
        if not response.content.at_eof():
            response.close()
        return Answer(
            outcome,
            response.status,
            retry_after(response.headers.get("retry-after"), self._clock()),
            response.headers.get("webhook-delivery"),
            bytes(body[:KEPT_BYTES_MAX]),
        )


def _forbidden(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, ForbiddenAddressError):
            return True
        error = getattr(error, "os_error", None) or error.__cause__
    return False
