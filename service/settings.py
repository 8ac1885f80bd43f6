"""Every setting of the service, read once from the environment by the wiring."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta

_PREFIX = "CONSENT_LEDGER_"
_LOOPBACK = ("127.0.0.1", "::1", "localhost")

Algorithm = Literal["RS256", "PS256", "ES256", "ES384", "EdDSA"]
"""JWS algorithms that may be allowed: public keys only, so neither `none` nor an HMAC can be asked for."""


class SettingsError(Exception):
    """A setting is missing or wrong; the message names it and says what it should be."""


class Issuer(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """An OAuth 2 authorisation server whose access tokens (RFC 9068) are accepted.

    `jwks`: where its public keys are, an https URL (http on loopback only) or the path of a file; nothing
    else is ever fetched. Exactly one of `ledger` (that of all its tokens) and `ledger_claim` (the claim
    that names it).
    """

    issuer: Annotated[str, Meta(min_length=1, max_length=500)]
    audience: Annotated[str, Meta(min_length=1, max_length=500)]
    jwks: Annotated[str, Meta(min_length=1, max_length=2000)]
    ledger: str | None = None
    ledger_claim: str | None = None
    scope_claim: str = "scope"
    algorithms: Annotated[tuple[Algorithm, ...], Meta(min_length=1)] = ("RS256", "ES256", "EdDSA")

    def __post_init__(self) -> None:
        if (self.ledger is None) == (self.ledger_claim is None):
            raise ValueError("an issuer has either ledger or ledger_claim")
        where = urlsplit(self.jwks)
        if "://" not in self.jwks:
            return
        local = where.scheme == "http" and where.hostname in _LOOPBACK
        if not local and (where.scheme != "https" or not where.hostname or where.username is not None):
            raise ValueError("jwks is an https URL without a user name, or the path of a file")


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Set each by the environment variable `CONSENT_LEDGER_<NAME>`.

    `database_url` is also read from plain `DATABASE_URL`; without it an embedded PostgreSQL runs under
    `data_dir`. `origin_host` is the host part of every log's origin and must not change once a log exists.
    Metrics are at `/metrics`, or on `metrics_port` alone where that is set. `tracing` needs the extra `otel`.
    `public_url` is where people reach the service and begins every unsubscribe link (default: where it
    listens); links in mail that was sent must stay reachable under the one they were made with.
    `issuers` is a JSON list of objects with the fields of `Issuer`. The two quotas are those of credentials
    that have none of their own.
    `allow_private_sinks` lets webhooks go to plain http and private addresses: for development only.
    """

    database_url: str | None = None
    data_dir: Path = Path("var")
    origin_host: Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9.:-]{0,200}$")] = "ledger.localhost"
    public_url: (
        Annotated[str, Meta(pattern=r"^https?://[A-Za-z0-9.:\[\]-]{1,100}(/[A-Za-z0-9._~-]+)*/?(?!\n)$")]
        | None
    ) = None
    host: str = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65535)] = 8000
    ledger: Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")] = "main"
    pool_size: Annotated[int, Meta(ge=2, le=100)] = 6
    issuers: tuple[Issuer, ...] = ()
    requests_per_minute: Annotated[int, Meta(ge=1, le=2**31 - 1)] = 600_000
    addresses_per_day: Annotated[int, Meta(ge=1, le=2**31 - 1)] = 5_000_000
    shutdown_seconds: Annotated[int, Meta(ge=1, le=300)] = 20
    metrics_port: Annotated[int, Meta(ge=1, le=65535)] | None = None
    log_requests: Literal["all", "refused", "off"] = "refused"
    tracing: bool = False
    allow_private_sinks: bool = False
    crash_at: str | None = None


def read_settings(environment: Mapping[str, str], **overrides: object) -> Settings:
    """The settings of this environment; an override that is None does not override.

    Raises `SettingsError`.
    """
    names = {field.name: field.encode_name for field in msgspec.structs.fields(Settings)}
    values: dict[str, object] = {
        name: environment[_PREFIX + name.upper()] for name in names if _PREFIX + name.upper() in environment
    }
    if isinstance(listed := values.get("issuers"), str):
        values["issuers"] = _parse_list(listed)
    unknown = {
        name for name in environment if name.startswith(_PREFIX) and name[len(_PREFIX) :].lower() not in names
    }
    if unknown:
        raise SettingsError(f"no such setting: {', '.join(sorted(unknown))}")
    if "DATABASE_URL" in environment:
        values.setdefault("database_url", environment["DATABASE_URL"])
    values |= {name: value for name, value in overrides.items() if value is not None}
    try:
        return msgspec.convert(values, Settings, strict=False, dec_hook=_decode)
    except msgspec.ValidationError as error:
        raise SettingsError(str(error).replace("`$.", f"`{_PREFIX}")) from None


def _parse_list(text: str) -> object:
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError:
        raise SettingsError(f"{_PREFIX}ISSUERS is a JSON list of objects") from None


def _decode(kind: type, value: object) -> object:
    if kind is Path:
        return Path(str(value))
    raise NotImplementedError(kind)
