"""`/v1/keys`: API keys of the caller's own ledger, made with no more rights than the caller has."""

from typing import Annotated

import msgspec
from litestar import Response, delete, post
from litestar.params import FromPath
from msgspec import Meta

from service.api.bodies import ApiRequest, convert, read_json, respond
from service.api.callers.key_desk import KEY_DAYS_MAX, KeyInfo, NewKey, TooManyKeysError
from service.api.callers.key_format import is_key_id
from service.api.callers.principal import (
    SCOPES,
    WRITES,
    InsufficientScopeError,
    Principal,
    Quota,
    covers,
    is_scope,
)
from service.api.problems import ApiError
from service.api.reading import get
from service.api.services import Services
from service.api.times import rfc3339
from service.core.errors import InputError, NotFoundError

MANAGE = "key:manage"
SOURCES_MAX = 16
"""Sources that one key may speak for."""


class NewKeyBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A key to make. `label` names the client, which has at most two live keys."""

    label: Annotated[str, Meta(min_length=1, max_length=100)]
    scopes: Annotated[list[str], Meta(min_length=1, max_length=len(SCOPES) + SOURCES_MAX)]
    days: Annotated[int, Meta(ge=1, le=KEY_DAYS_MAX)] = 90
    requests_per_minute: Annotated[int, Meta(ge=1, le=2**31 - 1)] | None = None
    addresses_per_day: Annotated[int, Meta(ge=1, le=2**31 - 1)] | None = None


class KeyBody(msgspec.Struct):
    """A key, never with its secret."""

    id: str
    label: str
    scopes: list[str]
    created_at: str
    expires_at: str
    revoked_at: str | None
    last_used_at: str | None
    requests_per_minute: int
    addresses_per_day: int


class IssuedKeyBody(msgspec.Struct):
    """A new key. `key` is shown this once: only its hash is kept."""

    key: str
    details: KeyBody


def key_body(info: KeyInfo) -> KeyBody:
    """A key as its owner sees it."""
    return KeyBody(
        id=info.key_id,
        label=info.label,
        scopes=sorted(info.scopes),
        created_at=rfc3339(info.created_at_ms),
        expires_at=rfc3339(info.expires_at_ms),
        revoked_at=rfc3339(info.revoked_at_ms) if info.revoked_at_ms is not None else None,
        last_used_at=rfc3339(info.last_used_at_ms) if info.last_used_at_ms is not None else None,
        requests_per_minute=info.quota.requests_per_minute,
        addresses_per_day=info.quota.addresses_per_day,
    )


@post("/v1/keys", status_code=201, opt={"scope": MANAGE, "effect": WRITES})
async def issue_key(request: ApiRequest) -> Response[bytes]:
    """Make a key, with scopes and quotas that the caller has itself."""
    services: Services = request.app.state.services
    principal: Principal = request.state.principal
    wanted = _wanted(convert(await read_json(request), NewKeyBody), principal)
    try:
        text, info = await services.key_desk.issue(principal.ledger_id, wanted)
    except TooManyKeysError as error:
        raise ApiError(409, "too-many-keys", "This client has two live keys", str(error)) from error
    return respond(IssuedKeyBody(text, key_body(info)), 201, {"location": f"/v1/keys/{info.key_id}"})


def _wanted(body: NewKeyBody, principal: Principal) -> NewKey:
    scopes = frozenset(body.scopes)
    for place, scope in enumerate(body.scopes):
        if not is_scope(scope):
            raise InputError("there is no such scope", pointer=f"/scopes/{place}", code="value")
    for scope in sorted(name for name in scopes if not covers(principal.scopes, name)):
        raise InsufficientScopeError(scope, f"a key cannot be given {scope}: the caller lacks it")
    own = principal.quota
    quota = Quota(
        body.requests_per_minute or own.requests_per_minute, body.addresses_per_day or own.addresses_per_day
    )
    for name in ("requests_per_minute", "addresses_per_day"):
        if getattr(quota, name) > getattr(own, name):
            raise InputError("this is more than the caller has itself", pointer=f"/{name}", code="too_large")
    inherits = body.requests_per_minute is None and body.addresses_per_day is None
    return NewKey(body.label, scopes, body.days, None if inherits and own == Quota() else quota)


@get("/v1/keys", opt={"scope": MANAGE})
async def list_keys(request: ApiRequest) -> Response[bytes]:
    """The ledger's keys, oldest first; never their secrets."""
    services: Services = request.app.state.services
    principal: Principal = request.state.principal
    keys = await services.key_desk.keys(principal.ledger_id)
    return respond({"items": [key_body(info) for info in keys]})


@delete("/v1/keys/{key_id:str}", status_code=204, opt={"scope": MANAGE, "effect": WRITES})
async def revoke_key(request: ApiRequest, key_id: FromPath[str]) -> None:
    """Revoke a key. Every worker refuses it within a second; doing it again changes nothing."""
    services: Services = request.app.state.services
    principal: Principal = request.state.principal
    if not is_key_id(key_id):
        raise NotFoundError("there is no key of this id")
    await services.key_desk.revoke(principal.ledger_id, key_id)
