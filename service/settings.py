"""Every setting of the service, read once from the environment by the wiring."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

_PREFIX = "CONSENT_LEDGER_"


class SettingsError(Exception):
    """A setting is missing or wrong; the message names it and says what it should be."""


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Set each by the environment variable `CONSENT_LEDGER_<NAME>`.

    `database_url` is also read from plain `DATABASE_URL`; without it an embedded PostgreSQL runs under
    `data_dir`. `origin_host` is the host part of every log's origin and must not change once a log exists.
    Metrics are at `/metrics`, or on `metrics_port` alone where that is set. `tracing` needs the extra `otel`.
    `public_url` is where people reach the service and begins every unsubscribe link (default: where it
    listens); links in mail that was sent must stay reachable under the one they were made with.
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
    request_bytes_max: Annotated[int, Meta(ge=1024)] = 262_144
    batch_bytes_max: Annotated[int, Meta(ge=1024)] = 8_388_608
    shutdown_seconds: Annotated[int, Meta(ge=1, le=300)] = 20
    metrics_port: Annotated[int, Meta(ge=1, le=65535)] | None = None
    log_requests: Literal["all", "refused", "off"] = "refused"
    tracing: bool = False
    crash_at: str | None = None


def read_settings(environment: Mapping[str, str], **overrides: object) -> Settings:
    """The settings of this environment; an override that is None does not override.

    Raises `SettingsError`.
    """
    names = {field.name: field.encode_name for field in msgspec.structs.fields(Settings)}
    values: dict[str, object] = {
        name: environment[_PREFIX + name.upper()] for name in names if _PREFIX + name.upper() in environment
    }
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


def _decode(kind: type, value: object) -> object:
    if kind is Path:
        return Path(str(value))
    raise NotImplementedError(kind)
