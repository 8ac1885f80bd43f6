"""Standard Webhooks signatures: over `id.timestamp.body`, afresh at every attempt, with every live secret.

https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

import base64
import hashlib
import hmac
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from service.core.errors import StateConflictError
from service.ledger.delivering.cloud_events import MEDIA_TYPE

SECRET_SIZE: Final = 32
OVERLAP_DEFAULT_S: Final = 86_400
OVERLAP_MAX_S: Final = 7 * 86_400
OLD_SECRETS_MAX: Final = 2
USER_AGENT: Final = "consent-ledger-webhooks/1"


class Secret(msgspec.Struct, frozen=True):
    """One shared secret. `until_ms` None: the present one."""

    key: bytes
    until_ms: int | None = None

    @property
    def text(self) -> str:
        """As it is shown, once: `whsec_` and Base64."""
        return "whsec_" + base64.b64encode(self.key).decode()


@dataclass(frozen=True, slots=True)
class Secrets:
    """The secrets of one subscription, the present one first."""

    all: tuple[Secret, ...]

    def live(self, now_ms: int) -> tuple[Secret, ...]:
        """Those that sign now."""
        return tuple(one for one in self.all if one.until_ms is None or one.until_ms > now_ms)

    def rotated(self, key: bytes, now_ms: int, *, overlap_ms: int, force: bool) -> "Secrets":
        """A new one first; the old ones sign on for the overlap, or not at all when that is 0.

        Raises `StateConflictError` while an earlier overlap is open, unless forced.
        """
        present, *old = self.live(now_ms)
        if old and not force:
            raise StateConflictError("the secret before is still valid: wait, or rotate with force")
        if overlap_ms == 0:
            return Secrets((Secret(key),))
        kept = [Secret(present.key, now_ms + overlap_ms), *old][:OLD_SECRETS_MAX]
        return Secrets((Secret(key), *kept))

    def encode(self) -> bytes:
        """For sealing."""
        return msgspec.msgpack.encode(self.all)

    @classmethod
    def decode(cls, plain: bytes) -> "Secrets":
        """What `encode` made."""
        return cls(msgspec.msgpack.decode(plain, type=tuple[Secret, ...]))


def signed_headers(
    message_id: str, body: bytes, now_ms: int, secrets: Sequence[Secret], signing: Sequence[Ed25519PrivateKey]
) -> dict[str, str]:
    """The headers of one attempt at sending these very bytes. `now_ms`: this attempt's, not the event's."""
    seconds = str(now_ms // 1000)
    signed = b".".join((message_id.encode(), seconds.encode(), body))
    return {
        "content-type": MEDIA_TYPE,
        "user-agent": USER_AGENT,
        "webhook-id": message_id,
        "webhook-timestamp": seconds,
        "webhook-signature": " ".join(_signatures(signed, secrets, signing)),
    }


def _signatures(
    signed: bytes, secrets: Iterable[Secret], signing: Iterable[Ed25519PrivateKey]
) -> Iterable[str]:
    for secret in secrets:
        yield "v1," + base64.b64encode(hmac.digest(secret.key, signed, hashlib.sha256)).decode()
    for key in signing:
        yield "v1a," + base64.b64encode(key.sign(signed)).decode()
