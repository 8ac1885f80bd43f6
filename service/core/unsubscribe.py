"""The token of an unsubscribe link: whom it stops, what, and for whom, sealed so that it says none of it.

    token      = base64url( key id[4] ‖ AES-SIV( names ) )
    names      = channel[1] ‖ subject key[32] ‖ len[1] sender ‖ len[1] category ‖ len[1] message ‖ zeros
    associated = "clv1/unsubscribe" ‖ origin of the log

AES-SIV (RFC 5297) seals and authenticates in one: no bit can be changed, and nothing can be made, without the
key. It is deterministic and needs no nonce: tokens work for ever, so no key may ever wear out, and a random
96-bit nonce would at some 2^32 messages. So the same link is the same token, which tells nobody more than
the message it came in. Names are padded to one of three lengths; an address never changes the length.

A token can only withdraw. It has no expiry and may be used again and again (RFC 8058 §6).
"""

import hashlib
import hmac
from collections.abc import Sequence
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV
from msgspec import Struct

from service.core.errors import FormatError
from service.core.records import KEY_SIZE
from service.core.token import decode_base64url, encode_base64url

LINK_SECRET_SIZE: Final = 64
"""AES-256-SIV: half of it authenticates, half of it encrypts."""

MESSAGE_CHARS_MAX: Final = 100
CHANNELS: Final = ("email", "sms", "phone_live", "robocall", "fax", "inbox_ad")
"""By their number in a token: only ever added to, at the end."""

_TAG: Final = b"clv1/unsubscribe"
_KEY_ID_TAG: Final = b"clv1/unsubscribe-key"
_ACT_TAG: Final = b"clv1/unsubscribe-act"
_KEY_ID_SIZE: Final = 4
_SIV_SIZE: Final = 16
_HEAD_SIZE: Final = 1 + KEY_SIZE
# With key id and SIV each is a multiple of three, so that base64 has neither padding nor spare bits.
_NAMES_SIZES: Final = (76, 124, 265)
TOKEN_CHARS: Final = tuple((_KEY_ID_SIZE + _SIV_SIZE + size) * 4 // 3 for size in _NAMES_SIZES)


class UnsubscribeLink(Struct, frozen=True, gc=False):
    """What a link stops: messages of `category` from `sender` by `channel` to the subject.

    `sender` and `category`: ids of at most 64 ASCII characters. `message`: the sender's own id of the message
    that carries the link, at most 100 ASCII characters, or empty.
    """

    subject_key: bytes
    sender: str
    category: str
    channel: str
    message: str = ""


class LinkKey:
    """One secret for the links of one log, and the id by which its tokens name it."""

    __slots__ = ("_associated", "_cipher", "key_id")

    def __init__(self, secret: bytes, origin: str) -> None:
        """`secret`: 64 random bytes. Raises `FormatError` for any other number."""
        if len(secret) != LINK_SECRET_SIZE:
            raise FormatError(f"a link secret has exactly {LINK_SECRET_SIZE} bytes")
        self.key_id = hashlib.sha256(_KEY_ID_TAG + secret).digest()[:_KEY_ID_SIZE]
        self._cipher = AESSIV(secret)
        self._associated = [_TAG + origin.encode("ascii")]

    def seal(self, link: UnsubscribeLink) -> str:
        """The token of this link: 128, 192 or 380 characters of base64url.

        Raises `FormatError` for names that are no ids, or too long.
        """
        return encode_base64url(self.key_id + self._cipher.encrypt(_names(link), self._associated))

    def open(self, sealed: bytes) -> UnsubscribeLink | None:
        """The link of these bytes, or None when they were not sealed under this key for this log."""
        if sealed[:_KEY_ID_SIZE] != self.key_id:
            return None
        try:
            return _link(self._cipher.decrypt(sealed[_KEY_ID_SIZE:], self._associated))
        except InvalidTag:
            return None


class LinkKeys:
    """All secrets a log ever made links with: the first makes new ones, every one opens its own."""

    __slots__ = ("_keys",)

    def __init__(self, secrets: Sequence[bytes], origin: str) -> None:
        self._keys = tuple(LinkKey(secret, origin) for secret in secrets)

    def seal(self, link: UnsubscribeLink) -> str:
        """The token of this link, under the first key. Raises `FormatError`."""
        return self._keys[0].seal(link)

    def open(self, token: str) -> UnsubscribeLink:
        """The link that a token stands for. Raises `FormatError` for anything `seal` did not make here."""
        if len(token) not in TOKEN_CHARS:
            raise FormatError("not the length of an unsubscribe token")
        sealed = decode_base64url(token)
        for key in self._keys:
            link = key.open(sealed)
            if link is not None:
                return link
        raise FormatError("not an unsubscribe token of this log")


def act_id(secret: bytes, link: UnsubscribeLink, *, extent: str, after: int, day: int) -> str:
    """The `source_event_id` of one use of a link, keyed by K_sub so that no caller can take it first.

    The same for the same link, `extent` (what is stopped), newest yes it follows (its log index, -1: none)
    and day (since 1970, UTC): repeating a click records nothing, clicking after another yes does.
    """
    parts = (link.sender, link.category, link.channel, extent, str(after), str(day))
    content = b"".join(len(part).to_bytes(1) + part.encode("ascii") for part in parts)
    return hmac.digest(secret, _ACT_TAG + link.subject_key + content, "sha256").hex()


def _names(link: UnsubscribeLink) -> bytes:
    try:
        parts = [text.encode("ascii") for text in (link.sender, link.category, link.message)]
        channel = CHANNELS.index(link.channel)
    except ValueError:
        raise FormatError("a link names ids in ASCII and a known channel") from None
    if len(link.subject_key) != KEY_SIZE or not parts[0] or not parts[1]:
        raise FormatError("a link names a subject, a sender and a category")
    if max(map(len, parts)) > MESSAGE_CHARS_MAX:
        raise FormatError("a link's names are too long")
    names = b"".join([bytes((channel,)), link.subject_key, *(bytes((len(p),)) + p for p in parts)])
    for size in _NAMES_SIZES:
        if len(names) <= size:
            return names.ljust(size, b"\0")
    raise FormatError("a link's names are too long")


def _link(names: bytes) -> UnsubscribeLink:
    place = _HEAD_SIZE
    texts = []
    for _ in range(3):
        end = place + 1 + names[place]
        texts.append(names[place + 1 : end].decode("ascii"))
        place = end
    return UnsubscribeLink(names[1:_HEAD_SIZE], texts[0], texts[1], CHANNELS[names[0]], texts[2])
