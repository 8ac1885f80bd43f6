"""Whether an answer is the ledger's own: its token, opened offline with keys that are kept.

A token (`service.core.token`) signs question, decision and the state of the log. It names the person by a key
that only the ledger can compute, so it shows which question was answered and how, but not to whom it belongs:
that, `consent-ledger verify` shows with a bundle.
"""

import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from service.client.answers import Answer, Summary
from service.client.errors import NoAnswerError, UntrustedError
from service.core.errors import LedgerError
from service.core.law.question import parse_question, question_body
from service.core.token import CAMPAIGN_TOKEN_TYPE, TOKEN_TYPE, decode_base64url, open_token

Keys = Mapping[str, Ed25519PublicKey]
"""Public keys by their key id."""

FRESH_SECONDS: Final = 3_600.0
REFETCH_SECONDS: Final = 10.0
AGE_SECONDS_MAX: Final = 120

_NOT_ASKED: Final = frozenset(
    {"address", "at", "known_at", "min_position", "proof", "disclose", "documents", "explain"}
)
_COMPARED: Final = ("decision", "reason_code", "basis", "needs_human", "evaluated_at", "expires_at")


def read_keys(jwks: bytes) -> dict[str, Ed25519PublicKey]:
    """The Ed25519 keys of a JWK set (RFC 7517, RFC 8037); others are passed over.

    Raises `UntrustedError` for what is none.
    """
    try:
        listed = msgspec.json.decode(jwks, type=dict[str, list[dict[str, Any]]])["keys"]
        return {
            str(key["kid"]): Ed25519PublicKey.from_public_bytes(decode_base64url(key["x"]))
            for key in listed
            if key.get("kty") == "OKP" and key.get("crv") == "Ed25519"
        }
    except (msgspec.MsgspecError, LedgerError, KeyError, ValueError, TypeError) as error:
        raise UntrustedError("what should be a set of keys is none") from error


def open_answer(token: str, keys: Keys) -> dict[str, Any]:
    """The claims of a decision token, verified offline: `iss`, `iat`, `subject`, `question`, `decision`, ….

    Raises `UntrustedError`.
    """
    return _opened(token, keys, TOKEN_TYPE)


def _opened(token: str, keys: Keys, typ: str) -> dict[str, Any]:
    try:
        return open_token(token, keys, typ)
    except LedgerError as error:
        raise UntrustedError(str(error)) from error


@dataclass(slots=True)
class Trust:
    """The keys that are believed, and the checks that an answer has to pass.

    `fetch` reads the JWK set of the service; None: only `keys` are believed, whatever the service says.
    `origin`: the log's origin, where only one is believed. `clock`: seconds since 1970.
    """

    fetch: Callable[[], Awaitable[bytes]] | None
    keys: Keys
    origin: str | None = None
    clock: Callable[[], float] = time.time  # noqa: TID251 - a client is a composition root of its own
    _fetched: float = -FRESH_SECONDS

    async def check(self, question: Mapping[str, Any], answer: Answer) -> None:
        """Raises `UntrustedError` unless the ledger signed just this answer to this question, just now."""
        if answer.token is None:
            raise UntrustedError("the answer has no token")
        claims = await self._claims(answer.token, TOKEN_TYPE)
        if self._asked(question) != claims.get("question"):
            raise UntrustedError("the token answers another question")
        signed = claims.get("decision")
        shown = msgspec.to_builtins(answer)
        if not isinstance(signed, dict) or any(signed.get(name) != shown[name] for name in _COMPARED):
            raise UntrustedError("the token says another answer")
        issued = claims.get("iat")
        if type(issued) is not int or abs(self.clock() - issued) > AGE_SECONDS_MAX:
            raise UntrustedError("the token is not from now: an old answer, or one of the clocks is wrong")

    async def check_summary(self, summary: Summary) -> None:
        """Raises `UntrustedError` unless the ledger signed this summary of a campaign."""
        if summary.token is None:
            raise UntrustedError("the campaign has no token")
        claims = await self._claims(summary.token, CAMPAIGN_TOKEN_TYPE)
        shown = msgspec.to_builtins(summary)
        if any(claims.get(name) != shown[name] for name in ("campaign", "count", "root")):
            raise UntrustedError("the token is that of another campaign")

    @staticmethod
    def _asked(question: Mapping[str, Any]) -> dict[str, Any]:
        """The question as a token writes it: without what has its default, and without the person."""
        asked = {name: value for name, value in question.items() if name not in _NOT_ASKED}
        try:
            return question_body(parse_question(asked))
        except LedgerError:
            return asked  # of a newer service than this client: it is compared as it was asked

    async def _claims(self, token: str, typ: str) -> dict[str, Any]:
        await self._refresh(FRESH_SECONDS)
        try:
            claims = _opened(token, self.keys, typ)
        except UntrustedError:
            # Keys are rotated: ask once more, but not at the pace at which wrong tokens come.
            if not await self._refresh(REFETCH_SECONDS):
                raise
            claims = _opened(token, self.keys, typ)
        if self.origin is not None and claims.get("iss") != self.origin:
            raise UntrustedError("the token is of another ledger")
        return claims

    async def _refresh(self, age: float) -> bool:
        """Fetch keys where those at hand are older than `age` seconds; they outlive an outage."""
        if self.fetch is None or time.monotonic() - self._fetched < age:
            return False
        try:
            self.keys = read_keys(await self.fetch())
        except NoAnswerError:
            if not self.keys:
                raise
            return False
        self._fetched = time.monotonic()
        return True
