"""Access tokens of RFC 9068: what is accepted, and everything of RFC 8725 that is not."""

import asyncio
import hashlib
import hmac
import http.server
import json
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from service.api.callers.principal import DEFAULT_QUOTA
from service.settings import Issuer, SettingsError, read_settings
from service.wiring import issuers
from service.wiring.access_tokens import LEEWAY_SECONDS, AccessTokens
from service.wiring.clock import now_ms
from service.wiring.issuers import IssuerKeys, JwksError, read_jwks
from tests.support.issuer import AUDIENCE, AuthorisationServer, encoded
from tests.support.patience import until

SERVER = AuthorisationServer()
OTHER = AuthorisationServer("https://other.example")
LEDGERS = {"main": 1, "neighbour": 2}


def issuer(server: AuthorisationServer = SERVER, **changes: Any) -> Issuer:  # noqa: ANN401 - an issuer's fields
    fields = {"issuer": server.name, "audience": AUDIENCE, "jwks": "jwks.json", "ledger": "main", **changes}
    return Issuer(**fields)


def reads(server: AuthorisationServer, fetched: list[str] | None = None) -> Callable[[str], bytes]:
    """Reads the server's keys, and notes where from."""

    def read(where: str) -> bytes:
        if fetched is not None:
            fetched.append(where)
        return server.jwks()

    return read


async def door(*known: tuple[AuthorisationServer, Issuer]) -> AccessTokens:
    keys = []
    for server, settings in known or ((SERVER, issuer()),):
        keys.append(IssuerKeys(settings, reads(server)))
        await keys[-1].refresh()
    return AccessTokens(keys, LEDGERS, now_ms, DEFAULT_QUOTA)


@pytest.mark.parametrize("algorithm", ["RS256", "ES256", "EdDSA"])
async def test_a_token_of_a_known_issuer_names_ledger_and_scopes(algorithm: str) -> None:
    caller = await (await door()).authenticate(f"Bearer {SERVER.token(algorithm)}")
    assert caller is not None
    assert caller.ledger_id == 1
    # `openid` means nothing here.
    assert caller.scopes == {"check:read", "check:detail"}


def signed_with_the_public_key(algorithm: str) -> str:
    """The confusion of RFC 8725 section 2.1: an HMAC whose secret is the issuer's public key."""
    secret = SERVER.keys[algorithm].public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    signing = f"{encoded({'alg': 'HS256', 'typ': 'at+jwt', 'kid': algorithm})}.{encoded(SERVER.claims())}"
    return f"{signing}.{encoded(hmac.digest(secret, signing.encode(), hashlib.sha256))}"


def tampered(token: str) -> str:
    head, _, signature = token.split(".")
    return f"{head}.{encoded(SERVER.claims(scope='proof:disclose'))}.{signature}"


def now() -> int:
    return int(time.time())


HOUR = 3600
REFUSED = {
    "no signature": (
        f"{encoded({'alg': 'none', 'typ': 'at+jwt', 'kid': 'EdDSA'})}.{encoded(SERVER.claims())}."
    ),
    "an HMAC under the public key": signed_with_the_public_key("RS256"),
    "other claims under the signature": tampered(SERVER.token()),
    "another issuer's signature": OTHER.token(claims={"iss": SERVER.name}),
    "an issuer nobody knows": OTHER.token(),
    "an ID token": SERVER.token(header={"typ": "JWT"}),
    "no type": SERVER.token(header={"typ": None}),
    "a key that the token brings along": OTHER.token(
        claims={"iss": SERVER.name}, header={"jwk": {"kty": "OKP"}, "jku": "https://evil.example/jwks"}
    ),
    "a key id that is a path": SERVER.token(header={"kid": "../../dev/null"}),
    "the key of another algorithm": SERVER.token(header={"kid": "RS256"}),
    "no key id": SERVER.token(header={"kid": None}),
    "a critical extension": SERVER.token(header={"crit": ["b64"], "b64": True}),
    "another audience": SERVER.token(claims={"aud": "https://elsewhere.example"}),
    "expired": SERVER.token(claims={"exp": now() - LEEWAY_SECONDS - 5}),
    "not yet valid": SERVER.token(claims={"nbf": now() + LEEWAY_SECONDS + HOUR}),
    "issued in the future": SERVER.token(claims={"iat": now() + LEEWAY_SECONDS + HOUR}),
    "an expiry that is no number": SERVER.token(claims={"exp": "tomorrow"}),
    "an expiry beyond all numbers": SERVER.token(claims={"exp": float("inf")}),
    **{
        f"no {claim}": SERVER.token(claims={claim: None})
        for claim in ("exp", "aud", "sub", "client_id", "iat", "jti")
    },
    "longer than is read": SERVER.token(claims={"padding": "x" * 9000}),
    "three dots": "a.b.c",
    "not base64": "\u00ff.\u00ff.\u00ff",
    "nested without end": f"{encoded(b'[' * 5000)}.{encoded(b'[' * 5000)}.x",
}


@pytest.mark.parametrize("name", REFUSED)
async def test_what_is_no_access_token_for_us_is_nobody(name: str) -> None:
    assert await (await door()).authenticate(f"Bearer {REFUSED[name]}") is None


async def test_clocks_may_differ_by_half_a_minute() -> None:
    here = await door()
    assert (
        await here.authenticate(f"Bearer {SERVER.token(claims={'exp': now() - LEEWAY_SECONDS + 15})}")
        is not None
    )
    assert (
        await here.authenticate(f"Bearer {SERVER.token(claims={'iat': now() + LEEWAY_SECONDS - 5})}")
        is not None
    )


async def test_an_algorithm_that_the_issuer_is_not_allowed_is_refused() -> None:
    here = await door((SERVER, issuer(algorithms=("ES256",))))
    assert await here.authenticate(f"Bearer {SERVER.token('ES256')}") is not None
    assert await here.authenticate(f"Bearer {SERVER.token('RS256')}") is None


async def test_each_of_several_issuers_speaks_for_its_own_ledger() -> None:
    here = await door((SERVER, issuer()), (OTHER, issuer(OTHER, ledger="neighbour")))
    callers = [await here.authenticate(f"Bearer {server.token()}") for server in (SERVER, OTHER)]
    assert [caller and caller.ledger_id for caller in callers] == [1, 2]
    assert callers[0] is not None
    assert callers[1] is not None
    assert callers[0].key_id != callers[1].key_id


async def test_a_claim_may_name_the_ledger() -> None:
    here = await door((SERVER, issuer(ledger=None, ledger_claim="tenant")))
    caller = await here.authenticate(f"Bearer {SERVER.token(claims={'tenant': 'neighbour'})}")
    assert caller is not None
    assert caller.ledger_id == 2
    for tenant in ("nobody", None, 2, ["main"]):
        assert await here.authenticate(f"Bearer {SERVER.token(claims={'tenant': tenant})}") is None


@pytest.mark.parametrize("scope", [None, "", "openid", 7, {"check:read": True}])
async def test_a_token_without_scopes_of_ours_may_do_nothing_that_needs_one(scope: object) -> None:
    caller = await (await door()).authenticate(f"Bearer {SERVER.token(claims={'scope': scope})}")
    assert caller is not None
    assert caller.scopes == frozenset()


async def test_a_verified_token_costs_no_signature_until_it_expires_or_the_keys_change(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    keys = IssuerKeys(issuer(), lambda _: SERVER.jwks())
    await keys.refresh()
    here = AccessTokens([keys], LEDGERS, now_ms, DEFAULT_QUOTA)
    token = SERVER.token()
    assert await here.authenticate(f"Bearer {token}") is not None
    verified = []
    decode = jwt.decode

    def counted(*arguments: Any, **options: Any) -> Any:  # noqa: ANN401 - the library's
        verified.append(arguments)
        return decode(*arguments, **options)

    monkeypatch.setattr(jwt, "decode", counted)
    assert await here.authenticate(f"Bearer {token}") is not None
    assert verified == []
    await keys.refresh()
    assert await here.authenticate(f"Bearer {token}") is not None
    assert len(verified) == 1


async def test_a_key_that_was_withdrawn_ends_its_tokens() -> None:
    server = AuthorisationServer()
    keys = IssuerKeys(issuer(server), lambda _: server.jwks())
    await keys.refresh()
    here = AccessTokens([keys], LEDGERS, now_ms, DEFAULT_QUOTA)
    token = server.token()
    assert await here.authenticate(f"Bearer {token}") is not None
    del server.keys["EdDSA"]
    await keys.refresh()
    assert await here.authenticate(f"Bearer {token}") is None


async def test_keys_hold_while_their_issuer_is_away() -> None:
    keys = IssuerKeys(issuer(), lambda _: SERVER.jwks())
    await keys.refresh()

    def away(_: str) -> bytes:
        raise JwksError("away")

    keys._fetch = away  # noqa: SLF001 - the network goes down
    await keys.refresh()
    here = AccessTokens([keys], LEDGERS, now_ms, DEFAULT_QUOTA)
    assert await here.authenticate(f"Bearer {SERVER.token()}") is not None


async def test_unknown_key_ids_never_make_a_request_fetch() -> None:
    fetched: list[str] = []
    keys = IssuerKeys(issuer(), reads(SERVER, fetched))
    await keys.refresh()
    here = AccessTokens([keys], LEDGERS, now_ms, DEFAULT_QUOTA)
    for number in range(100):
        assert await here.authenticate(f"Bearer {SERVER.token(header={'kid': f'new-{number}'})}") is None
    assert fetched == ["jwks.json"]


async def test_an_unknown_key_id_brings_the_next_refresh_forward(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(issuers, "EARLY_SECONDS", 0.05)
    fetched: list[str] = []
    server = AuthorisationServer()
    keys = IssuerKeys(issuer(server), reads(server, fetched))
    await keys.refresh()
    task = asyncio.create_task(keys.keep_fresh())
    here = AccessTokens([keys], LEDGERS, now_ms, DEFAULT_QUOTA)
    await asyncio.sleep(0)  # it begins to wait
    assert len(fetched) == 1
    server.keys["new"] = server.keys["EdDSA"]
    token = server.token(header={"kid": "another"})
    for _ in range(20):
        assert await here.authenticate(f"Bearer {token}") is None
    await until(lambda: len(fetched) > 1)
    await asyncio.sleep(0.2)
    task.cancel()
    assert len(fetched) == 2


class Redirecting(http.server.BaseHTTPRequestHandler):
    """Sends everybody elsewhere, and says who came."""

    asked: list[str]

    def do_GET(self) -> None:
        """Note the path, and redirect."""
        self.asked.append(self.path)
        self.send_response(302 if self.path == "/jwks" else 200)
        self.send_header("location", "/secret")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Nothing."""


@pytest.fixture
def redirecting() -> Iterator[str]:
    Redirecting.asked = []
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Redirecting)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/jwks"
    server.shutdown()
    thread.join()
    server.server_close()


def test_only_the_configured_url_is_ever_fetched(redirecting: str) -> None:
    with pytest.raises(JwksError):
        read_jwks(redirecting)
    assert Redirecting.asked == ["/jwks"]


def test_keys_may_come_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "jwks.json").write_bytes(SERVER.jwks())
    assert read_jwks(str(tmp_path / "jwks.json")) == SERVER.jwks()
    with pytest.raises(JwksError):
        read_jwks(str(tmp_path / "nothing"))


GOOD = {
    "issuer": "https://idp.example",
    "audience": "x",
    "jwks": "https://idp.example/jwks",
    "ledger": "main",
}


@pytest.mark.parametrize(
    "changes",
    [
        {"jwks": "http://idp.example/jwks"},
        {"jwks": "file:///etc/passwd"},
        {"jwks": "ftp://idp.example/jwks"},
        {"jwks": "https://user:word@idp.example/jwks"},
        {"jwks": "https:///jwks"},
        {"algorithms": ["none"]},
        {"algorithms": ["HS256"]},
        {"algorithms": []},
        {"ledger": None},
        {"ledger_claim": "tenant"},
        {"colour": "red"},
    ],
)
def test_an_issuer_that_is_wrongly_configured_is_refused_at_start(changes: dict[str, object]) -> None:
    fields = {name: value for name, value in {**GOOD, **changes}.items() if value is not None}
    with pytest.raises(SettingsError):
        read_settings({"CONSENT_LEDGER_ISSUERS": json.dumps([fields])})


def test_issuers_are_configured_by_one_variable() -> None:
    settings = read_settings({"CONSENT_LEDGER_ISSUERS": json.dumps([GOOD])})
    assert settings.issuers == (Issuer(**GOOD),)  # type: ignore[arg-type]  # strings all
    with pytest.raises(SettingsError, match="ISSUERS"):
        read_settings({"CONSENT_LEDGER_ISSUERS": "idp.example"})
