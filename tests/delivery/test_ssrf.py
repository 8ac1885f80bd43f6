"""Webhooks reach no inner network, by no spelling, DNS answer or redirect; without the guard they do."""

import asyncio
import socket
from collections.abc import AsyncIterator

import aiohttp
import pytest
from aiohttp import web
from aiohttp.abc import AbstractResolver, ResolveResult
from hypothesis import given
from hypothesis import strategies as st

from service.core.errors import InputError
from service.delivery import sender as sending
from service.delivery.sender import KEPT_BYTES_MAX, READ_BYTES_MAX, Sender
from service.ledger.delivering.deliveries import Outcome
from service.ledger.delivering.sinks import canonical_sink, is_public
from tests.support.bad_input_rows import INNER_HOSTS
from tests.support.webhook_receiver import Received, Receiver, a_receiver

NOT_PUBLIC = (
    *("127.0.0.1", "127.255.255.254", "0.0.0.0", "0.1.2.3", "10.0.0.1", "172.16.0.1", "172.31.255.255"),  # noqa: S104 - an address that is refused
    *("192.168.1.1", "169.254.169.254", "100.64.0.1", "100.127.255.255", "192.0.0.1", "192.0.2.1"),
    *("198.18.0.1", "198.19.255.255", "198.51.100.1", "203.0.113.1", "192.88.99.1", "224.0.0.1"),
    *("239.255.255.250", "240.0.0.1", "255.255.255.255"),
    *("::1", "::", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:8.8.8.8", "::127.0.0.1", "::8.8.8.8"),
    *("64:ff9b::7f00:1", "64:ff9b::a00:1", "64:ff9b::808:808", "64:ff9b:1::1", "2002:7f00:1::"),
    *("2002:808:808::1", "2001::1", "2001:db8::1", "3fff::1", "3fff:fff::1", "5f00::1", "fc00::1"),
    *("fd12:3456::1", "fe80::1", "fe80::1%eth0", "fec0::1", "ff02::1", "ff0e::1", "100::1"),
    *("localhost", "", "0x7f.1"),
)
PUBLIC = ("8.8.8.8", "1.1.1.1", "93.184.216.34", "100.63.255.255", "172.32.0.1", "2606:4700::1111", "2a00::1")


@pytest.mark.parametrize("address", NOT_PUBLIC)
def test_an_address_that_is_not_public_is_refused(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", PUBLIC)
def test_a_public_address_is_allowed(address: str) -> None:
    assert is_public(address)


@given(st.ip_addresses(v=4).map(str))
def test_no_ipv4_address_becomes_public_inside_ipv6(address: str) -> None:
    assert not is_public(f"::ffff:{address}")
    assert not is_public(f"64:ff9b::{address}")
    assert not is_public(f"::{address}")


REFUSED_URLS = (
    *(
        "http://example.org/hook",
        "file:///etc/passwd",
        "gopher://example.org/",
        "ftp://example.org/",
        "//x.org",
    ),
    *("https://user@example.org/", "https://user:pass@example.org/", "https://example.org:22/"),
    *("https://127.0.0.1/", "https://0.0.0.0/", "https://[::1]/", "https://[::ffff:10.0.0.1]/"),
    *(
        "https://0x7f.1/",
        "https://0x7f000001/",
        "https://2130706433/",
        "https://0177.0.0.1/",
        "https://127.1/",
    ),
    *("https://localhost/", "https://localhost./", "https://a.localhost/", "https://printer.local/"),
    *("https://metadata.google.internal/", "https://intranet/", "https://100.64.0.1/"),
    *("https://example.org/#top", "https://example.org\\@evil.org/", "https://exa mple.org/"),
    *("https:///hook", "https://", "", "https://example.org:99999/", "https://[::1/", "https://ex..org/"),
    *("https://example.org/" + "a" * 2_000, "https://example.org/\r\nhost: x", "https://１２７.0.0.1/"),  # noqa: RUF001 - digits in disguise
)


@pytest.mark.parametrize("url", REFUSED_URLS)
def test_a_url_that_could_never_be_right_is_refused_at_once(url: str) -> None:
    with pytest.raises(InputError):
        canonical_sink(url)


@pytest.mark.parametrize(
    ("url", "canonical"),
    [
        ("https://Example.org", "https://example.org/"),
        ("https://example.org:443/Hook?x=1", "https://example.org/Hook?x=1"),
        ("https://example.org:8443/hook", "https://example.org:8443/hook"),
        ("https://bücher.example/", "https://xn--bcher-kva.example/"),
    ],
)
def test_a_good_url_has_one_spelling(url: str, canonical: str) -> None:
    assert canonical_sink(url) == canonical


class Names(AbstractResolver):
    """A name server that answers what the test says, one answer after the other, or all `together`."""

    def __init__(self, *answers: str, together: bool = False) -> None:
        self._answers = list(answers)
        self._together = together

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """The next answer; the last one again and again."""
        del family
        if self._together:
            return [_found(host, answer, port) for answer in self._answers]
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        return [_found(host, answer, port)]

    async def close(self) -> None:
        """Nothing is open."""


def _found(host: str, answer: str, port: int) -> ResolveResult:
    kind = socket.AF_INET6 if ":" in answer else socket.AF_INET
    return ResolveResult(hostname=host, host=answer, port=port, family=kind, proto=0, flags=0)


@pytest.fixture
async def planted() -> AsyncIterator[Receiver]:
    """A listener on loopback that nobody must reach."""
    async with a_receiver() as made:
        yield made


async def outcome(url: str, *, guarded: bool = True, names: AbstractResolver | None = None) -> Outcome:
    sender = Sender(lambda: 0, private_allowed=not guarded, resolver=names)
    try:
        return (await sender.send(url, {}, b"{}")).outcome
    finally:
        await sender.close()


REACHING = ("127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "0x7f000001", "0x7f.1", "0.0.0.0")  # noqa: S104 - an address that is refused


@pytest.mark.parametrize("host", REACHING)
async def test_no_spelling_of_loopback_reaches_a_listener_and_without_the_guard_it_does(
    planted: Receiver, host: str
) -> None:
    url = planted.url.replace("127.0.0.1", host)
    assert await outcome(url) is Outcome.FORBIDDEN_ADDRESS
    assert planted.requests == []
    assert await outcome(url, guarded=False) is Outcome.DELIVERED
    assert len(planted.requests) == 1


@pytest.mark.parametrize(
    "address", ["127.0.0.1", "10.0.0.1", "169.254.169.254", "100.64.0.1", "64:ff9b::7f00:1", "2002:7f00:1::"]
)
async def test_a_public_name_that_leads_inside_is_refused(planted: Receiver, address: str) -> None:
    url = planted.url.replace("127.0.0.1", "public.example.org")
    assert await outcome(url, names=Names(address)) is Outcome.FORBIDDEN_ADDRESS
    assert planted.requests == []


@pytest.mark.parametrize("host", [*INNER_HOSTS, "localtest.me"])
async def test_no_host_of_the_catalogue_leads_to_a_listener_inside(planted: Receiver, host: str) -> None:
    url = planted.url.replace("127.0.0.1", host)
    # Whatever is asked of the name server, it answers with the listener's address.
    assert await outcome(url, names=Names("127.0.0.1")) is not Outcome.DELIVERED
    assert planted.requests == []


@pytest.mark.parametrize("host", ["localtest.me", "metadata.google.internal", "localhost", "a.localhost"])
async def test_without_the_guard_every_name_that_leads_inside_reaches_it(
    planted: Receiver, host: str
) -> None:
    url = planted.url.replace("127.0.0.1", host)
    assert await outcome(url, guarded=False, names=Names("127.0.0.1")) is Outcome.DELIVERED
    assert len(planted.requests) == 1


async def test_loopback_of_ipv6_is_refused_and_without_the_guard_it_answers() -> None:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip("this machine has no IPv6 on loopback")
    async with a_receiver(host="::1") as planted:
        url = planted.url.replace("http://::1", "http://[::1]")
        assert await outcome(url) is Outcome.FORBIDDEN_ADDRESS
        assert planted.requests == []
        assert await outcome(url, guarded=False) is Outcome.DELIVERED


async def test_a_second_address_of_the_same_answer_is_looked_at_like_the_first(
    planted: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The first counts as public here, and nobody listens there: the client goes on to the second.
    monkeypatch.setattr(sending, "is_public", lambda address: address == "127.0.0.2" or is_public(address))
    url = planted.url.replace("127.0.0.1", "two.example.org")
    both = ("127.0.0.2", "127.0.0.1")
    assert await outcome(url, names=Names(*both, together=True)) is not Outcome.DELIVERED
    assert planted.requests == []
    assert await outcome(url, guarded=False, names=Names(*both, together=True)) is Outcome.DELIVERED


@pytest.mark.parametrize("host", ["2130706433", "127.1", "0177.0.0.1"])
async def test_what_the_client_itself_takes_for_no_name_reaches_nothing(planted: Receiver, host: str) -> None:
    assert await outcome(planted.url.replace("127.0.0.1", host)) is not Outcome.DELIVERED
    assert planted.requests == []


async def test_an_answer_that_changes_between_two_attempts_changes_nothing(
    planted: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = int(planted.url.rpartition(":")[2].partition("/")[0])
    # For this test one more address of loopback counts as public: nothing is to leave this machine.
    monkeypatch.setattr(sending, "is_public", lambda address: address == "127.0.0.2" or is_public(address))
    async with a_receiver(port, "127.0.0.2") as public:
        public.answers(200, connection="close")
        sender = Sender(lambda: 0, resolver=Names("127.0.0.2", "127.0.0.1"))
        url = f"http://rebind.example.org:{port}/hook"
        outcomes = [(await sender.send(url, {}, b"{}")).outcome for _ in range(3)]
        await sender.close()
        assert outcomes == [Outcome.DELIVERED, Outcome.FORBIDDEN_ADDRESS, Outcome.FORBIDDEN_ADDRESS]
        assert (len(public.requests), planted.requests) == (1, [])
        assert await outcome(url, guarded=False, names=Names("127.0.0.1")) is Outcome.DELIVERED
        assert len(planted.requests) == 1


async def test_a_redirect_to_a_metadata_address_is_a_failure_and_is_not_followed(planted: Receiver) -> None:
    async with a_receiver() as target:
        for location in ("http://169.254.169.254/latest/meta-data/", target.url):
            planted.answers(301, location=location)
            assert await outcome(planted.url, guarded=False) is Outcome.REDIRECTED
        assert target.requests == []
        async with aiohttp.ClientSession() as follower, follower.post(planted.url) as response:
            assert response.status == 200
        assert len(target.requests) == 1, "a client that follows does get there"


async def test_proxies_of_the_environment_are_not_used(
    planted: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with a_receiver() as proxy:
        for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.url)
        assert await outcome(planted.url, guarded=False) is Outcome.DELIVERED
        assert proxy.requests == []


async def test_cookies_are_not_kept(planted: Receiver) -> None:
    planted.answers(200, set_cookie="a=b")
    sender = Sender(lambda: 0, private_allowed=True)
    for _ in range(2):
        await sender.send(planted.url, {}, b"{}")
    await sender.close()
    assert all("cookie" not in received.headers for received in planted.requests)


async def test_of_an_endless_answer_little_is_read_and_less_is_kept() -> None:
    written = 0

    async def endless(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal written
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        try:
            while written < 100 * READ_BYTES_MAX:
                writer.write(b"x" * 4096)
                await writer.drain()
                written += 4096
        except ConnectionError:
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(endless, "127.0.0.1", 0)
    sender = Sender(lambda: 0, private_allowed=True)
    async with server:
        answer = await sender.send(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/", {}, b"{}")
        await sender.close()
    assert (answer.outcome, len(answer.body)) == (Outcome.DELIVERED, KEPT_BYTES_MAX)
    assert written < 100 * READ_BYTES_MAX


async def test_a_bomb_of_headers_is_a_failure(planted: Receiver) -> None:
    planted.answers(200, x_bomb="x" * 100_000)
    assert await outcome(planted.url, guarded=False) is Outcome.UNREACHABLE


async def test_a_receiver_that_drips_is_cut_off(planted: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sending, "TOTAL_SECONDS", 0.5)

    async def drip(_: Received) -> None:
        await asyncio.sleep(2)

    planted.before = drip
    assert await outcome(planted.url, guarded=False) is Outcome.TIMED_OUT


async def test_compressed_answers_are_not_unpacked(planted: Receiver) -> None:
    planted.answer = lambda _: web.Response(body=b"not gzip at all", headers={"content-encoding": "gzip"})
    assert await outcome(planted.url, guarded=False) is Outcome.DELIVERED
