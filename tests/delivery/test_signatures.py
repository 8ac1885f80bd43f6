"""Signatures that the public libraries verify, bodies that the CloudEvents SDK reads, through a rotation."""

import base64
import json

import pytest
import standardwebhooks
import svix
from aiohttp import web
from cloudevents.core.bindings.http import HTTPMessage, from_http_event
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from service.core.errors import StateConflictError
from service.ledger.delivering.signatures import Secret, Secrets
from tests.support.delivery_world import World
from tests.support.webhook_receiver import Received, Receiver


def verified(received: Received, secret: str) -> bool:
    """Whether both libraries accept it; they must agree."""
    verdicts = {
        accepts(standardwebhooks.Webhook(secret), received),
        accepts(svix.Webhook(secret), received),
    }
    assert len(verdicts) == 1
    return verdicts.pop()


def accepts(library: standardwebhooks.Webhook | svix.Webhook, received: Received) -> bool:
    try:
        library.verify(received.body, received.headers)
    except (standardwebhooks.WebhookVerificationError, svix.WebhookVerificationError):
        return False
    return True


async def public_key(world: World) -> Ed25519PublicKey:
    keys = (await world.service.client.get("/.well-known/jwks.json")).json()["keys"]
    (key,) = (key for key in keys if key["kid"] == "webhooks-main")
    return Ed25519PublicKey.from_public_bytes(base64.urlsafe_b64decode(key["x"] + "="))


async def test_every_delivery_verifies_by_both_libraries_and_its_body_by_the_sdk(
    world: World, receiver: Receiver
) -> None:
    name = await world.subscribe(receiver)
    await world.happen(10)
    await world.subscriptions.test(name)
    await world.go()
    assert len(receiver.requests) == 12
    for received in receiver.requests:
        assert verified(received, world.secrets[name])
        event = from_http_event(HTTPMessage(received.headers, received.body))
        assert event.get_id() == received.headers["webhook-id"]
        assert "." not in event.get_id()


async def test_every_attempt_verifies_not_only_the_first(world: World, receiver: Receiver) -> None:
    name = await world.subscribe(receiver)
    receiver.answers(500)
    await world.happen()
    for _ in range(4):
        await world.go()
        world.clock.ahead_ms = 0  # the libraries compare with the machine's clock
        await force_due(world)
    assert len(receiver.events) == 4
    assert all(verified(received, world.secrets[name]) for received in receiver.events)


async def force_due(world: World) -> None:
    """Make what waits due, without moving the clock."""
    rows = world.worker._rows  # noqa: SLF001 - the test reaches for the store
    async with rows.turn() as turn:
        names = [one.subscription_id for one in await world.subscriptions.list()]
        await turn.hasten(names, world.clock())


async def test_the_asymmetric_signature_verifies_by_the_published_key(
    world: World, receiver: Receiver
) -> None:
    await world.subscribe(receiver)
    await world.happen()
    await world.go()
    (received,) = receiver.events
    headers = received.headers
    (signature,) = (part[4:] for part in headers["webhook-signature"].split(" ") if part.startswith("v1a,"))
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + received.body
    key = await public_key(world)
    key.verify(base64.b64decode(signature), signed)
    with pytest.raises(InvalidSignature):
        key.verify(base64.b64decode(signature), signed + b" ")


async def test_a_rotation_in_the_middle_loses_nothing(world: World, receiver: Receiver) -> None:
    name = await world.subscribe(receiver)
    old = world.secrets[name]
    held = [old]

    def checked(received: Received) -> web.Response:
        return web.Response(status=200 if verified(received, held[0]) else 401)

    receiver.answer = checked
    await world.happen(5)
    await world.go()
    new = await world.subscriptions.rotate(name, 3600)
    await world.happen(5)
    await world.go()
    held[0] = new
    await world.happen(5)
    await world.go()
    assert len(receiver.positions) == len(set(receiver.positions)) == 15


async def test_after_the_overlap_the_old_secret_signs_no_more(world: World, receiver: Receiver) -> None:
    name = await world.subscribe(receiver)
    old = world.secrets[name]
    new = await world.subscriptions.rotate(name, 0)
    await world.happen()
    await world.go()
    (received,) = receiver.events
    assert (verified(received, old), verified(received, new)) == (False, True)


async def test_a_second_rotation_waits_for_the_overlap_unless_forced(
    world: World, receiver: Receiver
) -> None:
    name = await world.subscribe(receiver)
    await world.subscriptions.rotate(name, 3600)
    with pytest.raises(StateConflictError):
        await world.subscriptions.rotate(name, 3600)
    third = await world.subscriptions.rotate(name, 3600, force=True)
    await world.happen()
    await world.go()
    (received,) = receiver.events
    assert verified(received, world.secrets[name])
    assert verified(received, third)


def test_at_most_two_old_secrets_are_kept_and_each_until_its_own_time() -> None:
    secrets = Secrets((Secret(b"0" * 32),))
    for number in range(1, 6):
        secrets = secrets.rotated(bytes([number]) * 32, number, overlap_ms=100, force=True)
    assert [one.key[0] for one in secrets.live(50)] == [5, 4, 3]
    assert [one.key[0] for one in secrets.live(104)] == [5, 4]
    assert [one.key[0] for one in secrets.live(1000)] == [5]
    assert Secrets.decode(secrets.encode()) == secrets


async def test_secrets_are_not_in_the_database_in_the_clear(world: World, receiver: Receiver) -> None:
    name = await world.subscribe(receiver)
    key = base64.b64decode(world.secrets[name].removeprefix("whsec_"))
    assert len(key) == 32
    assert key not in (await world.status(name)).secrets


async def test_bodies_are_compact_json(world: World, receiver: Receiver) -> None:
    await world.subscribe(receiver)
    await world.happen()
    await world.go()
    body = receiver.events[0].body
    assert json.loads(body)["specversion"] == "1.0"
    assert len(body) < 2_048
