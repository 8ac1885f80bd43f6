"""Witnesses and time stamps, asked beside the requests: from the settings to the chores."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager

import aiohttp
import asyncpg

from service.core.errors import ProofError
from service.core.policy import Policy, parse_policy
from service.delivery.asking import HttpTimeStamper, HttpWitness, asking_session
from service.delivery.timestamps import read_trust
from service.ledger.attesting import Timestamping, WitnessClient, Witnessing
from service.settings import Settings, SettingsError
from service.storage.attestations import PostgresAttestations
from service.telemetry.metrics import Metrics
from service.wiring.ledgers import LedgerParts

WITNESS_SECONDS = 2.0
TIMESTAMP_SECONDS = 1.0
"""How often it is looked whether it is time for a stamp."""

Chore = tuple[float, Callable[[], Awaitable[None]]]


@asynccontextmanager
async def attesting(
    settings: Settings, pool: asyncpg.Pool, ledgers: Sequence[LedgerParts], metrics: Metrics
) -> AsyncIterator[list[Chore]]:
    """The chores for `ledgers`, which may grow meanwhile. Raises `SettingsError` before anything is asked."""
    policy, make_authority = _policy(settings), _authority(settings)
    async with asking_session() as session:
        witnesses = _witnesses(policy, session)
        authority = make_authority(session) if make_authority else None
        timestampings: dict[int, Timestamping] = {}

        async def ask_witnesses() -> None:
            for parts in list(ledgers):
                rows = PostgresAttestations(pool, parts.ledger_id)
                witnessing = Witnessing(parts.keys.origin, parts.store, rows, witnesses)
                for progress in await witnessing.ask():
                    metrics.witnessed(parts.name, progress.witness, progress.cosigned_size)

        async def stamp_checkpoints() -> None:
            for parts in list(ledgers):
                if authority is not None and parts.ledger_id not in timestampings:
                    timestampings[parts.ledger_id] = Timestamping(
                        parts.keys.origin,
                        parts.store,
                        PostgresAttestations(pool, parts.ledger_id),
                        authority,
                        every_seconds=settings.timestamp_seconds,
                        clock=parts.clock,
                    )
                await timestampings[parts.ledger_id].stamp()

        chores: list[Chore] = []
        if witnesses:
            chores.append((WITNESS_SECONDS, ask_witnesses))
        if authority is not None:
            chores.append((TIMESTAMP_SECONDS, stamp_checkpoints))
        yield chores


def _policy(settings: Settings) -> Policy | None:
    path = settings.witness_policy
    if path is None:
        return None
    try:
        return parse_policy(path.read_bytes())
    except OSError as error:
        raise SettingsError(f"witness_policy: {path} cannot be read: {error.strerror}") from None
    except ProofError as error:
        raise SettingsError(f"witness_policy: {path}: {error}") from None


def _witnesses(policy: Policy | None, session: aiohttp.ClientSession) -> list[WitnessClient]:
    known = policy.witnesses.values() if policy is not None else ()
    return [HttpWitness(session, each.verifier, each.url) for each in known if each.url is not None]


def _authority(settings: Settings) -> Callable[[aiohttp.ClientSession], HttpTimeStamper] | None:
    url, path = settings.timestamp_url, settings.timestamp_certificates
    if url is None:
        return None
    if path is None:
        raise SettingsError("timestamp_certificates: name the certificates that stamps must verify by")
    try:
        trust = read_trust(path)
    except OSError as error:
        raise SettingsError(f"timestamp_certificates: {path} cannot be read: {error.strerror}") from None
    except ProofError as error:
        raise SettingsError(f"timestamp_certificates: {error}") from None
    return lambda session: HttpTimeStamper(session, url, trust)
