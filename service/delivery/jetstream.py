"""NATS JetStream as a broker: the CloudEvents binding in structured mode, de-duplicated by `Nats-Msg-Id`.

An event goes to the subject `<topic>.<type>.<pseudonym>`. Its place is a stream that somebody made, with the
retention they want: one that is missing is an error, and never made here.
"""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from service.ledger.delivering.cloud_events import MEDIA_TYPE
from service.ledger.delivering.relaying import BrokerAwayError, BrokerRefusedError, Message

if TYPE_CHECKING:
    from nats.aio.client import Client
    from nats.js import JetStreamContext

CONNECT_SECONDS: Final = 5
ACK_SECONDS: Final = 10
_SECRETS_WRONG: Final = ("Authorization", "Authentication")


class JetStream:
    """A `Broker`. `servers`: URLs of one cluster."""

    def __init__(self, servers: Sequence[str], topic: str, credentials: Path | None) -> None:
        self._servers = list(servers)
        self._topic = topic
        self._credentials = credentials
        self._client: Client | None = None
        self._context: JetStreamContext | None = None
        self._stream = ""

    @property
    def destination(self) -> str:
        """What a cursor belongs to."""
        return f"nats:{self._topic}"

    async def open(self) -> None:
        """Connect, and find the stream that takes the subjects."""
        try:
            import nats  # noqa: PLC0415 - an extra
            from nats.errors import Error  # noqa: PLC0415 - an extra
            from nats.js.errors import NotFoundError, ServiceUnavailableError  # noqa: PLC0415 - an extra
        except ImportError:
            raise BrokerRefusedError(
                "publishing to NATS needs the extra 'nats': pip install 'consent-ledger[nats]'"
            ) from None
        options: dict[str, Any] = {"user_credentials": str(self._credentials)} if self._credentials else {}
        try:
            self._client = await nats.connect(
                servers=self._servers,
                name="consent-ledger relay",
                # Whoever waits here begins anew, so that nothing is sent late from a buffer.
                allow_reconnect=False,
                connect_timeout=CONNECT_SECONDS,
                error_cb=_ignore,
                **options,
            )
            self._context = self._client.jetstream(timeout=ACK_SECONDS)
            self._stream = await self._context.find_stream_name_by_subject(f"{self._topic}.type.{'0' * 64}")
        except NotFoundError:
            raise BrokerRefusedError(
                f"no stream of JetStream takes {self._topic}.>: make one, as with"
                f" `nats stream add CONSENT --subjects '{self._topic}.>' --storage file --dupe-window 10m`"
            ) from None
        except ServiceUnavailableError:
            raise BrokerAwayError("no_jetstream") from None
        except (Error, OSError, ValueError, TimeoutError) as error:
            if any(word in str(error) for word in _SECRETS_WRONG) or isinstance(error, ValueError):
                raise BrokerRefusedError("NATS does not accept the credentials") from None
            raise BrokerAwayError(_word(error)) from None

    async def publish(self, messages: Sequence[Message]) -> None:
        """Publish side by side; every one is acknowledged by the stream when this returns."""
        outcomes = await asyncio.gather(*map(self._publish, messages), return_exceptions=True)
        for outcome in outcomes:
            if isinstance(outcome, Exception):
                raise BrokerAwayError(_word(outcome)) from None

    async def _publish(self, message: Message) -> None:
        if self._context is None:
            raise ConnectionError
        await self._context.publish(
            f"{self._topic}.{message.type}.{message.subject}",
            message.body,
            stream=self._stream,
            headers={"Nats-Msg-Id": message.event_id, "content-type": MEDIA_TYPE},
        )

    async def close(self) -> None:
        """Let go; what was not acknowledged is published again by whoever goes on."""
        client, self._client, self._context = self._client, None, None
        if client is not None:
            with suppress(Exception):
                await client.close()


async def _ignore(_error: Exception) -> None:
    """Whoever waits for an answer hears of it."""


def _word(error: BaseException) -> str:
    return type(error).__name__
