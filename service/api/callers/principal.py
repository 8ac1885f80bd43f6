"""Who is calling and what they may do: scopes, quotas, and the ledger, all from the credential alone."""

import re
from dataclasses import dataclass
from typing import Protocol

from service.api.problems import ApiError

SCOPES = {
    "record:write": "append events",
    "withdrawal:write": "append withdrawals and objections",
    "record:read": "read forms, senders and rulebooks",
    "check:read": "ask whether a message may be sent",
    "check:detail": "see why, and on which events an answer rests",
    "event:read": "hear of every event, under pseudonyms",
    "subject:resolve": "see the address an event concerns",
    "subject:read": "look up everything that is held of a person",
    "subject:erase": "erase a person: everything that is held of an address",
    "proof:read": "fetch proof bundles",
    "export:create": "ask for exports, which hold personal data, and fetch them",
    "proof:disclose": "fetch bundles with the secret that ties them to addresses: for a regulator",
    "link:write": "make unsubscribe links",
    "form:write": "publish forms",
    "sender:write": "register senders",
    "rulebook:write": "publish rulebooks",
    "subscription:manage": "begin, look at and end webhooks",
    "key:manage": "make, list and revoke API keys; never with more than the own scopes",
}
RESOLVE = "subject:resolve"
SOURCE = "source:"
"""`source:NAME`: the credential speaks for this source of events, and is told its own ids for people."""

# What a scope may hold (RFC 6749 section 3.3), behind the prefix.
_SOURCE_SCOPE = re.compile(r"source:[\x21\x23-\x5b\x5d-\x7e]{1,200}")
PUBLIC = "public"

READS, WRITES = "reads", "writes"
"""What a route does (its `effect`): an answer is kept for an Idempotency-Key only where something is written,
because an allow that was kept would outlive a withdrawal."""

REQUESTS_PER_MINUTE = 600_000
ADDRESSES_PER_DAY = 5_000_000


@dataclass(frozen=True, slots=True)
class Quota:
    """What one credential may use: requests a minute, and different addresses asked about a day (UTC)."""

    requests_per_minute: int = REQUESTS_PER_MINUTE
    addresses_per_day: int = ADDRESSES_PER_DAY


DEFAULT_QUOTA = Quota()


@dataclass(frozen=True, slots=True)
class Principal:
    """An authenticated caller: its ledger comes from the credential, never from the request.

    `key_id`: the id of its API key, or a digest of issuer and client of its access token.
    """

    key_id: str
    ledger_id: int
    scopes: frozenset[str]
    quota: Quota = DEFAULT_QUOTA


class KeyRing(Protocol):
    """Where credentials are recognised."""

    async def authenticate(self, authorization: str) -> Principal | None:
        """The caller of this `Authorization` header, or None when it holds no live credential."""


class UnauthenticatedError(ApiError):
    """No credential that is valid here. The challenge is that of RFC 6750 section 3."""

    def __init__(self, *, presented: bool) -> None:
        # Section 3.1: no error code for a request that carried no authentication information at all.
        error = (
            ', error="invalid_token", error_description="unknown, expired or revoked"' if presented else ""
        )
        super().__init__(
            401,
            "unauthenticated",
            "A valid API key or access token is needed",
            headers={"www-authenticate": f'Bearer realm="consent-ledger"{error}'},
        )


class InsufficientScopeError(ApiError):
    """The credential is valid and may not do this (RFC 6750 section 3.1)."""

    def __init__(self, wanted: str, detail: str = "") -> None:
        challenge = f'Bearer realm="consent-ledger", error="insufficient_scope", scope="{wanted}"'
        super().__init__(
            403,
            "insufficient-scope",
            "The credential may not do this",
            detail or f"the credential lacks {wanted}",
            headers={"www-authenticate": challenge},
        )


def is_scope(name: str) -> bool:
    """Whether a credential may hold this: one of `SCOPES`, or the scope of a source."""
    return name in SCOPES or _SOURCE_SCOPE.fullmatch(name) is not None


def covers(held: frozenset[str], wanted: str) -> bool:
    """Whether who holds these scopes may do this. Who may see addresses may see any source's ids for them."""
    return wanted in held or (wanted.startswith(SOURCE) and RESOLVE in held)


def require_source(principal: Principal, source: str) -> None:
    """Refuse a caller who does not speak for this source of events."""
    if not covers(principal.scopes, SOURCE + source):
        raise InsufficientScopeError(
            f"{SOURCE}NAME", f"the credential lacks the scope {SOURCE}NAME of this source, and {RESOLVE}"
        )


def require_scope(principal: Principal, wanted: str | None) -> None:
    """Refuse a caller whose credential does not hold the scope. None: any live credential will do."""
    if wanted is not None and wanted not in principal.scopes:
        raise InsufficientScopeError(wanted)
