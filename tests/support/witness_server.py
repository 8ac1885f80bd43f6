"""A witness behind a real socket, in the event loop of the test."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import uvicorn
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from service.core.notes import Cosigner, Verifier
from service.wiring.clock import now_ms
from service.witness.app import create_witness
from service.witness.memory import WitnessMemory

COSIGNER = Cosigner("witness.example/w1", Ed25519PrivateKey.from_private_bytes(b"\x03" * 32))


@dataclass(frozen=True, slots=True)
class RunningWitness:
    """Where it is asked, and what it remembers."""

    url: str
    cosigner: Cosigner
    memory: WitnessMemory

    def policy(self) -> str:
        """A policy that trusts this witness alone."""
        return f"witness w {self.cosigner.verifier.vkey} {self.url}\nquorum w\n"


@asynccontextmanager
async def witness_for(
    keys: Sequence[Verifier],
    data: Path,
    *,
    cosigner: Cosigner = COSIGNER,
    clock: Callable[[], int] = lambda: now_ms() // 1000,
) -> AsyncIterator[RunningWitness]:
    """A witness of the logs with these keys; what it remembers stays under `data`."""
    memory = WitnessMemory(data / "witness.sqlite")
    logs = {key.name: [other for other in keys if other.name == key.name] for key in keys}
    config = uvicorn.Config(create_witness(cosigner, logs, memory, clock), log_config=None, lifespan="off")
    server = uvicorn.Server(config)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        serving = asyncio.create_task(server.serve([listening]))
        try:
            yield RunningWitness(f"http://127.0.0.1:{listening.getsockname()[1]}", cosigner, memory)
        finally:
            server.should_exit = True
            await serving
            memory.close()
