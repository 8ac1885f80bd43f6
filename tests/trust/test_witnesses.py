"""Witnesses over real sockets: they see a ledger grow, and no operator can show them two histories."""

import asyncio
from pathlib import Path

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from service.core.checkpoint import open_checkpoint
from service.core.notes import Cosigner, Verifier, parse_note
from service.core.policy import parse_policy
from service.core.witness import AddCheckpoint, encode_add_checkpoint
from service.wiring import attesting
from service.wiring.keys.files import create_keys, keys_directory
from service.witness.memory import WitnessMemory
from tests.core.test_witness import asked, head, note, proof
from tests.support.http_service import Service, grant, running
from tests.support.log_writer import ORIGIN as LOG
from tests.support.log_writer import SIGNER
from tests.support.mldsa_witness import MLDSA_WITNESS
from tests.support.witness_server import COSIGNER, RunningWitness, witness_for
from tests.trust.waiting import until

ORIGIN = "ledger.localhost/main/1"


@pytest.fixture(autouse=True)
def _asked_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attesting, "WITNESS_SECONDS", 0.05)


def log_key(data: Path) -> Verifier:
    """The key of the ledger that is about to be begun."""
    return create_keys(keys_directory(data, "main"), ORIGIN, lambda size: b"\x31" * size).signer.verifier


def policy_file(folder: Path, text: str) -> Path:
    path = folder / "policy.txt"
    path.write_text(text)
    return path


async def cosigned_by(service: Service, *witnesses: Verifier) -> bool:
    content = (await service.client.get("/log/main/checkpoint")).content
    signers = {(line.name, line.key_id) for line in parse_note(content).signatures}
    return signers >= {(each.name, each.key_id) for each in witnesses}


async def post(witness: RunningWitness, request: AddCheckpoint | bytes) -> httpx.Response:
    body = request if isinstance(request, bytes) else encode_add_checkpoint(request)
    async with httpx.AsyncClient() as client:
        return await client.post(f"{witness.url}/add-checkpoint", content=body)


async def test_a_ledger_is_cosigned_in_the_background_and_publishes_it(
    database_dsn: str, tmp_path: Path
) -> None:
    key = log_key(tmp_path)
    async with witness_for([key], tmp_path) as witness:
        policy = policy_file(tmp_path, witness.policy())
        async with running(database_dsn, tmp_path, witness_policy=policy) as service:
            for number in range(3):
                await service.record(grant(f"grant-{number}"))
                await until(lambda: cosigned_by(service, COSIGNER.verifier))
            published = (await service.client.get("/log/main/checkpoint")).content
            _, attested = open_checkpoint(published, ORIGIN, [key, COSIGNER.verifier])
            assert parse_policy(witness.policy().encode()).is_met_by([each.verifier for each in attested])
            metrics = (await service.client.get("/metrics")).text
            assert 'ledger_cosigned_size{ledger="main",witness="witness.example/w1"}' in metrics


async def test_a_witness_that_cosigns_by_ml_dsa_is_as_good_as_any(database_dsn: str, tmp_path: Path) -> None:
    key = log_key(tmp_path)
    async with witness_for([key], tmp_path, cosigner=MLDSA_WITNESS) as witness:
        policy = policy_file(tmp_path, witness.policy())
        async with running(database_dsn, tmp_path, witness_policy=policy) as service:
            await service.record(grant())
            await until(lambda: cosigned_by(service, MLDSA_WITNESS.verifier))
            published = (await service.client.get("/log/main/checkpoint")).content
            _, attested = open_checkpoint(published, ORIGIN, [key, MLDSA_WITNESS.verifier])
            assert MLDSA_WITNESS.verifier in [each.verifier for each in attested]


async def test_a_witness_that_is_away_delays_nothing(database_dsn: str, tmp_path: Path) -> None:
    gone = f"witness w {COSIGNER.verifier.vkey} http://127.0.0.1:9/\nquorum w\n"
    async with running(database_dsn, tmp_path, witness_policy=policy_file(tmp_path, gone)) as service:
        assert (await service.record(grant())).status_code == 201
        assert not await cosigned_by(service, COSIGNER.verifier)


async def test_a_witness_that_comes_back_is_told_what_it_missed(database_dsn: str, tmp_path: Path) -> None:
    key = log_key(tmp_path)
    async with witness_for([key], tmp_path) as witness:
        policy = policy_file(tmp_path, witness.policy())
        async with running(database_dsn, tmp_path, witness_policy=policy) as service:
            await until(lambda: cosigned_by(service, COSIGNER.verifier))
    async with running(database_dsn, tmp_path) as service:
        for number in range(5):
            await service.record(grant(f"grant-{number}"))
    async with witness_for([key], tmp_path) as witness:
        policy = policy_file(tmp_path, witness.policy())
        async with running(database_dsn, tmp_path, witness_policy=policy) as service:
            await until(lambda: cosigned_by(service, COSIGNER.verifier))


async def test_a_witness_follows_a_log_whose_key_it_is_given_beside_the_old_one(tmp_path: Path) -> None:
    async with witness_for([SIGNER.verifier], tmp_path) as witness:
        assert (await post(witness, asked(0, 7))).status_code == 200
    successor = Cosigner(LOG, Ed25519PrivateKey.from_private_bytes(b"\x05" * 32))
    new = Verifier(LOG, 1, successor.private.public_key().public_bytes_raw())
    async with witness_for([SIGNER.verifier, new], tmp_path) as witness:
        assert (await post(witness, asked(7, 9))).status_code == 200


async def test_every_answer_is_the_one_that_the_protocol_demands(tmp_path: Path) -> None:
    async with witness_for([SIGNER.verifier], tmp_path) as witness:
        assert (await post(witness, b"hello")).status_code == 400
        assert (await post(witness, asked(0, 7))).text.startswith("\u2014 witness.example/w1 ")
        behind = await post(witness, asked(0, 9))
        assert (behind.status_code, behind.text) == (409, "7\n")
        assert behind.headers["content-type"] == "text/x.tlog.size"
        assert (await post(witness, AddCheckpoint(7, (), note(head(9))))).status_code == 422
        assert (await post(witness, asked(7, 7))).status_code == 200
        assert (await post(witness, b"x" * 2_000_000)).status_code == 413
        async with httpx.AsyncClient() as client:
            assert (await client.get(f"{witness.url}/{'0' * 64}/checkpoint")).status_code == 404
            assert (await client.get(f"{witness.url}/add-checkpoint")).status_code == 405


async def test_a_fork_is_refused_and_both_sides_of_it_are_kept(tmp_path: Path) -> None:
    forked = head(7, leaves=[bytes(32)] * 7)
    async with witness_for([SIGNER.verifier], tmp_path) as witness:
        assert (await post(witness, asked(0, 7))).status_code == 200
        for _ in range(2):
            assert (await post(witness, AddCheckpoint(7, (), note(forked)))).status_code == 422
        ((origin, held, offered),) = witness.memory.contradictions()
        assert (origin, offered.encode()) == (LOG, note(forked))
        assert held.encode().startswith(note(head(7)))


async def test_a_rollback_is_refused_also_after_the_witness_was_started_again(tmp_path: Path) -> None:
    async with witness_for([SIGNER.verifier], tmp_path) as witness:
        assert (await post(witness, asked(0, 20))).status_code == 200
    async with witness_for([SIGNER.verifier], tmp_path) as witness:
        assert (await post(witness, asked(0, 10))).text == "20\n"
        assert (await post(witness, AddCheckpoint(20, proof(10, 20), note(head(10))))).status_code == 400
        assert (await post(witness, asked(20, 30))).status_code == 200


async def test_of_two_histories_asked_at_once_a_witness_cosigns_one(tmp_path: Path) -> None:
    histories = [head(9), head(9, leaves=[bytes(32)] * 9)]
    async with witness_for([SIGNER.verifier], tmp_path) as witness:
        answers = await asyncio.gather(
            *(post(witness, AddCheckpoint(0, (), note(each))) for each in histories * 5)
        )
        assert sorted({answer.status_code for answer in answers}) == [200, 409]
        assert sum(answer.status_code == 200 for answer in answers) == 1


def test_what_a_witness_cosigned_is_on_disk_before_it_says_so(tmp_path: Path) -> None:
    memory = WitnessMemory(tmp_path / "witness.sqlite")

    def cosign(_checkpoint: object) -> str:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        memory.take(asked(0, 7), {LOG: [SIGNER.verifier]}, cosign, 0)
    assert memory.newest(LOG) is None
    line = memory.take(asked(0, 7), {LOG: [SIGNER.verifier]}, lambda each: COSIGNER.cosign(each.text, 1), 0)
    other = WitnessMemory(tmp_path / "witness.sqlite")
    newest = other.newest(LOG)
    assert newest is not None
    assert newest.endswith(line.encode())
    memory.close()
    other.close()
