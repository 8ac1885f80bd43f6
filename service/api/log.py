"""`/log/<ledger>/…`: the public log in C2SP tlog-tiles, and the keys that sign."""

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from litestar import Response
from litestar.params import FromPath

from service.api.bodies import ApiRequest, respond
from service.api.callers.principal import PUBLIC
from service.api.reading import get
from service.api.services import LedgerServices, Services, ledger_named
from service.core.errors import FormatError, NotFoundError
from service.core.notes import Verifier
from service.core.succession import KeyHistory
from service.core.tiles import parse_tile_path
from service.core.token import jwk

# No tile ever changes, however wide it is (tlog-tiles); the checkpoint does.
_FOREVER = "public, max-age=31536000, immutable"
_BRIEFLY = "no-cache"


@get(
    "/log/{ledger:str}/checkpoint",
    opt={"scope": PUBLIC, "produces": ("text/plain",), "etag": True},
)
async def read_checkpoint(request: ApiRequest, ledger: FromPath[str]) -> Response[bytes]:
    """The newest signed checkpoint."""
    services: Services = request.app.state.services
    note = await ledger_named(services, ledger).published.checkpoint()
    # The library adds the charset, which is UTF-8.
    return Response(note, media_type="text/plain", headers={"cache-control": _BRIEFLY})


@get(
    "/log/{ledger:str}/tile/{path:path}",
    opt={"scope": PUBLIC, "produces": ("application/octet-stream",), "etag": True},
)
async def read_tile(request: ApiRequest, ledger: FromPath[str], path: FromPath[str]) -> Response[bytes]:
    """A hash tile `<level>/<index>[.p/<width>]` or an entry bundle `entries/<index>[.p/<width>]`."""
    services: Services = request.app.state.services
    published = ledger_named(services, ledger).published
    try:
        tile = parse_tile_path("tile/" + path.lstrip("/"))
    except FormatError as error:
        raise NotFoundError("there is no tile of this name") from error
    body = await (published.entries(tile) if tile.is_entries else published.tile(tile))
    return Response(
        body,
        media_type="application/octet-stream",
        headers={"cache-control": _FOREVER},
    )


@get("/.well-known/jwks.json", opt={"scope": PUBLIC, "etag": True})
async def read_keys(request: ApiRequest) -> Response[bytes]:
    """The public keys of every ledger's tokens, and of its webhooks (RFC 7517).

    A key that a log gave up stays here: what it signed before goes on verifying.
    """
    services: Services = request.app.state.services
    keys: list[dict[str, object]] = []
    for ledger in services.ledgers.values():
        keys += _signing_keys(ledger.keys.history)
        keys += _webhook_keys(ledger)
    return respond({"keys": keys}, headers={"cache-control": "public, max-age=300"})


def _webhook_keys(ledger: LedgerServices) -> list[dict[str, object]]:
    """The first is the one of the wrapping key that seals; the others sign too, under names of their own."""
    name = f"webhooks-{ledger.name}"
    kids = [name, *(f"{name}-{other}" for other in ledger.keys.wrapping.ids[1:])]
    return [{**jwk(kid, key)} for kid, key in zip(kids, ledger.webhook_keys, strict=True)]


def _signing_keys(history: KeyHistory) -> list[dict[str, object]]:
    """Each key with the time, in seconds, from when and until when it signed (OpenID Federation 1.0 §8.7)."""
    keys: list[dict[str, object]] = [{**_jwk(history.first)}]
    for succession in history.successions:
        moment = succession.recorded_at_ms // 1000
        keys[-1]["exp"] = moment
        keys.append({**_jwk(succession.new), "iat": moment})
    return keys[::-1]


def _jwk(key: Verifier) -> dict[str, str]:
    return jwk(key.key_id.hex(), Ed25519PublicKey.from_public_bytes(key.public))
