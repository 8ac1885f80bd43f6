"""A witness behind a real socket, in the event loop of the test."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from service.core.notes import Cosigner, Verifier
from service.wiring.clock import now_ms
from service.witness.app import create_witness
from service.witness.memory import WitnessMemory
from tests.support.loopback import listening
from tests.support.mldsa_witness import MldsaCosigner

COSIGNER = Cosigner("witness.example/w1", Ed25519PrivateKey.from_private_bytes(b"\x03" * 32))


@dataclass(frozen=True, slots=True)
class RunningWitness:
    """Where it is asked, and what it remembers."""

    url: str
    cosigner: Cosigner | MldsaCosigner
    memory: WitnessMemory

    def policy(self) -> str:
        """A policy that trusts this witness alone."""
        return f"witness w {self.cosigner.verifier.vkey} {self.url}\nquorum w\n"


@asynccontextmanager
async def witness_for(
    keys: Sequence[Verifier],
    data: Path,
    *,
    cosigner: Cosigner | MldsaCosigner = COSIGNER,
    clock: Callable[[], int] = lambda: now_ms() // 1000,
) -> AsyncIterator[RunningWitness]:
    """A witness of the logs with these keys; what it remembers stays under `data`."""
    memory = WitnessMemory(data / "witness.sqlite")
    logs = {key.name: [other for other in keys if other.name == key.name] for key in keys}
    try:
        async with listening(create_witness(cosigner, logs, memory, clock)) as url:
            yield RunningWitness(url, cosigner, memory)
    finally:
        memory.close()
