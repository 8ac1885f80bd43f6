"""That the log only grew: proved to whoever kept a checkpoint; and read as C2SP tlog-tiles demands it."""

import base64
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, cast

import pytest

from service.core.checkpoint import Checkpoint, parse_checkpoint
from service.core.merkle import verify_consistency
from service.core.notes import parse_note
from service.core.verifier import verify_bundle
from tests.support.http_service import JANE, Service, grant, question, running

FOREVER = "public, max-age=31536000, immutable"


@pytest.fixture
async def service(database_dsn: str, tmp_path: Path) -> AsyncIterator[Service]:
    async with running(database_dsn, tmp_path) as started:
        for number in range(4):
            await started.record(grant(f"grant-{number}"))
        yield started


def opened(note: str) -> Checkpoint:
    return parse_checkpoint(parse_note(note.encode()).text)


async def asked(service: Service, **sizes: object) -> dict[str, Any]:
    answer = await service.client.get("/v1/consistency", params=cast("Any", sizes))
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


def check(proof: dict[str, Any], older: Checkpoint, newer: Checkpoint) -> None:
    hashes = [base64.b64decode(each) for each in proof["proof"]]
    verify_consistency(hashes, size1=older.size, size2=newer.size, root1=older.root, root2=newer.root)


async def test_whoever_kept_the_checkpoint_of_a_receipt_can_have_its_growth_proved(service: Service) -> None:
    kept = opened((await service.record(grant("grant-kept"))).json()["checkpoint"])
    between = opened((await service.record(grant("grant-later"))).json()["checkpoint"])
    await service.record(grant("grant-last"))
    proof = await asked(service, **{"from": kept.size})
    check(proof, kept, opened(proof["checkpoint"]))
    proof = await asked(service, **{"from": kept.size, "to": between.size})
    assert opened(proof["checkpoint"]) == between
    check(proof, kept, between)
    check(await asked(service, **{"from": kept.size, "to": kept.size}), kept, kept)


async def test_a_size_without_a_checkpoint_has_a_proof_and_no_note(service: Service) -> None:
    proof = await asked(service, **{"from": 1, "to": 2})
    assert (proof["checkpoint"], len(proof["proof"])) == (None, 1)


@pytest.mark.parametrize(
    "sizes",
    ["from=0", "from=x", "from=-1", "from=01", "to=9999999", "from=9&to=8", "from=" + "9" * 30, "to="],
)
async def test_sizes_that_the_log_does_not_have_are_refused_by_name(service: Service, sizes: str) -> None:
    answer = await service.client.get(f"/v1/consistency?{sizes}")
    assert answer.status_code in (400, 422)
    assert answer.json()["errors"][0]["pointer"] in ("/query/from", "/query/to")


async def test_a_bundle_for_a_held_checkpoint_reaches_level_2(service: Service) -> None:
    held = (await service.record(grant("grant-kept"))).json()["checkpoint"]
    await service.record(grant("grant-later"))
    body = question(disclose=True, held_size=opened(held).size)
    bundle = (await service.client.post("/v1/proofs", json=body)).content
    assert verify_bundle(bundle, held=held.encode()).level == "L2"
    history = {"address": JANE, "held_size": opened(held).size}
    bundle = (await service.client.post("/v1/proofs", json=history)).content
    assert verify_bundle(bundle, held=held.encode()).level == "L2"
    refused = await service.client.post("/v1/proofs", json=question(held_size=10_000))
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "/held_size")


async def test_the_log_is_served_with_the_media_types_and_cache_headers_of_tlog_tiles(
    service: Service,
) -> None:
    checkpoint = await service.client.get("/log/main/checkpoint")
    assert checkpoint.headers["content-type"] == "text/plain; charset=utf-8"
    assert checkpoint.headers["cache-control"] == "no-cache"
    size = opened(checkpoint.text).size
    for path, width in ((f"0/000.p/{size}", 32 * size), (f"entries/000.p/{size}", None)):
        tile = await service.client.get(f"/log/main/tile/{path}")
        assert tile.headers["content-type"] == "application/octet-stream"
        assert tile.headers["cache-control"] == FOREVER
        assert width is None or len(tile.content) == width


@pytest.mark.parametrize(
    "path",
    [
        "0/0",
        "0/000.p/0",
        "0/000.p/256",
        "00/000",
        "0/x000/000",
        "64/000",
        "entries/000.p/01",
        "1/000",
        "0/001",
    ],
)
async def test_no_tile_is_served_that_the_log_does_not_have_or_names_otherwise(
    service: Service, path: str
) -> None:
    missing = await service.client.get(f"/log/main/tile/{path}")
    assert missing.status_code == 404
    assert "immutable" not in missing.headers.get("cache-control", "")
