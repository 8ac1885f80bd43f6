"""Every setting of the service: its name, type, default and meaning. `docs/settings.md` is made of it."""

from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta

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


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """What people read about one setting: where it matters, what it takes, how else it is given."""

    read_by: str
    takes: str | None = None
    flag: str | None = None
    secret: bool = False


_ALL, _SERVE, _WORKER = "every command that opens the database", "`serve`", "`worker`"
_RUNNING = f"{_SERVE}, {_WORKER}"
_RELAY = "`relay`"


def _about(
    meaning: str,
    read_by: str,
    *,
    takes: str | None = None,
    flag: str | None = None,
    secret: bool = False,
) -> Meta:
    facts = Facts(read_by=read_by, takes=takes, flag=flag, secret=secret)
    return Meta(description=meaning, extra={"facts": facts})


_Host = Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9.:-]{0,200}$")]
_Url = Annotated[str, Meta(pattern=r"^https?://[A-Za-z0-9.:\[\]-]{1,100}(/[A-Za-z0-9._~-]+)*/?(?!\n)$")]
_Name = Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")]
_Port = Annotated[int, Meta(ge=1, le=65535)]
_Quota = Annotated[int, Meta(ge=1, le=2**31 - 1)]


_KEY = (
    "One of the ledger's three keys, given by the platform in place of key files: all three or none.",
    _ALL,
)


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Set each by the variable `CONSENT_LEDGER_<NAME>`, or by the file that `<that>_FILE` names."""

    def __repr__(self) -> str:
        """No values: some are secrets, and what is printed ends in logs."""
        return "Settings(…)"

    database_url: Annotated[
        str | None,
        _about(
            "The PostgreSQL to work on; without it an embedded one runs under the data directory. Also read"
            " from plain `DATABASE_URL`.",
            _ALL,
            takes="postgresql://user:password@host:5432/database",
            flag="--database-url",
            secret=True,
        ),
    ] = None
    data_dir: Annotated[
        Path,
        _about("Where keys, high-water mark and the embedded database are kept.", _ALL, flag="--data"),
    ] = Path("var")
    origin_host: Annotated[
        _Host,
        _about(
            "The host part of every log's origin. It never changes once a log exists.",
            _ALL,
            takes="a host name in lower case",
        ),
    ] = "ledger.localhost"
    public_url: Annotated[
        _Url | None,
        _about(
            "Where people reach the service: every unsubscribe link begins with it. Links in mail that was"
            " sent must stay reachable under the one they were made with. Unset: where it listens.",
            _SERVE,
            takes="an http or https URL without query",
        ),
    ] = None
    host: Annotated[
        str,
        _about(
            "Where to listen, also for metrics.",
            _RUNNING,
            takes="an IP address or a host name",
            flag="--host",
        ),
    ] = "127.0.0.1"
    port: Annotated[
        int,
        Meta(ge=0, le=65535),
        _about("The port to listen on; 0: any free one.", _SERVE, flag="--port"),
    ] = 8000
    ledger: Annotated[
        _Name,
        _about(
            "The ledger that commands work on, and that `serve` begins if it is new.",
            _ALL,
            takes="up to 63 of a-z, 0-9 and hyphens",
            flag="--ledger",
        ),
    ] = "main"
    pool_size: Annotated[
        int,
        Meta(ge=2, le=100),
        _about("How many connections to PostgreSQL each service process keeps in its pool.", _SERVE),
    ] = 6
    issuers: Annotated[
        tuple[Issuer, ...],
        _about(
            "The OAuth 2 authorisation servers whose access tokens are accepted: [access.md](access.md).",
            _SERVE,
            takes="a JSON list of objects",
        ),
    ] = ()
    requests_per_minute: Annotated[
        _Quota, _about("The quota of requests of a credential that has none of its own.", _SERVE)
    ] = 600_000
    addresses_per_day: Annotated[
        _Quota,
        _about("The quota of different addresses asked about, of a credential without its own.", _SERVE),
    ] = 5_000_000
    shutdown_seconds: Annotated[
        int,
        Meta(ge=1, le=300),
        _about("How long requests that run may still take after SIGTERM.", _SERVE),
    ] = 20
    metrics_port: Annotated[
        _Port | None,
        _about("Serve `/metrics` on this port alone. Unset: beside the API; `worker`: nowhere.", _RUNNING),
    ] = None
    log_requests: Annotated[
        Literal["all", "refused", "off"], _about("Which requests are logged, a line each.", _SERVE)
    ] = "refused"
    tracing: Annotated[
        bool,
        _about(
            "Send OpenTelemetry traces where the standard `OTEL_EXPORTER_OTLP_*` variables say. Needs the"
            " extra `otel`.",
            _SERVE,
        ),
    ] = False
    allow_private_sinks: Annotated[
        bool,
        _about(
            "Let webhooks go to plain http and private addresses: for development only.",
            f"{_RUNNING}, `subscriptions`",
        ),
    ] = False
    allow_volatile_database: Annotated[
        bool,
        _about(
            "Start on a server that may lose what it acknowledged (`fsync` or `full_page_writes` off), which"
            " is refused otherwise: for trials only.",
            _RUNNING,
        ),
    ] = False
    webhooks_in_flight: Annotated[
        int,
        Meta(ge=1, le=100),
        _about("How many deliveries may be under way to one webhook endpoint at the same time.", _RUNNING),
    ] = 5
    witness_policy: Annotated[
        Path | None,
        _about(
            "Whose cosignatures are asked for: [trust.md](trust.md). Witnesses without a URL are not asked.",
            _SERVE,
            takes="the path of a policy file (C2SP tlog-policy)",
        ),
    ] = None
    timestamp_url: Annotated[
        Annotated[str, Meta(pattern=r"^https?://\S{1,500}$")] | None,
        _about(
            "The time-stamping authority (RFC 3161) that stamps checkpoints: [trust.md](trust.md).",
            _SERVE,
            takes="an http or https URL",
        ),
    ] = None
    timestamp_certificates: Annotated[
        Path | None,
        _about(
            "The certificates that stamps must verify by: a root, and best the authority's own too.",
            _SERVE,
            takes="the path of a PEM file",
        ),
    ] = None
    timestamp_seconds: Annotated[
        int,
        Meta(ge=1, le=86_400),
        _about("How much time lies between two stamps at least.", _SERVE),
    ] = 3_600
    signing_key: Annotated[str | None, _about(*_KEY, takes="PRIVATE+KEY+<origin>+…", secret=True)] = None
    subject_key: Annotated[str | None, _about(*_KEY, takes="64 hexadecimal digits", secret=True)] = None
    wrapping_key: Annotated[
        str | None,
        _about(
            f"{_KEY[0]} While it gives way to another, both: the first seals"
            " ([operations.md](operations.md#replace-the-wrapping-key)).",
            _ALL,
            takes="64 hexadecimal digits; several, with commas or blanks between them",
            secret=True,
        ),
    ] = None
    unsubscribe_keys: Annotated[
        str | None,
        _about(
            "Beside keys that are given: what unsubscribe links are or were made with, as in"
            " `unsubscribe.key` ([unsubscribe.md](unsubscribe.md#to-run-it)).",
            _ALL,
            takes="128 hexadecimal digits; several, with commas or blanks between them",
            secret=True,
        ),
    ] = None
    relay_url: Annotated[
        str | None,
        _about(
            "The message broker to publish to: [subscribers.md](subscribers.md#through-a-message-broker).",
            _RELAY,
            takes="nats://host:4222, tls://host:4222 or kafka://host:9092",
            flag="--to",
            secret=True,
        ),
    ] = None
    relay_topic: Annotated[
        str,
        Meta(min_length=1, max_length=200),
        _about("Kafka's topic, or what NATS subjects begin with.", _RELAY, takes="a topic", flag="--topic"),
    ] = "consent.events"
    relay_name: Annotated[
        _Name,
        _about(
            "Under which a relay remembers how far it is.",
            _RELAY,
            takes="up to 63 of a-z, 0-9 and hyphens",
            flag="--name",
        ),
    ] = "default"
    relay_credentials: Annotated[
        Path | None,
        _about(
            "A `.creds` file for NATS; for Kafka a file of client properties.", _RELAY, flag="--credentials"
        ),
    ] = None
    crash_at: Annotated[
        str | None,
        _about(
            "Die at this durable step of an append, as a power failure would make us: for crash tests only.",
            _SERVE,
            takes="a step, or step:N for its N-th time",
        ),
    ] = None
