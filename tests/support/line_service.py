"""The composed service without HTTP, in processes that are quickly there and may be killed at any moment.

A process answers lines of JSON on one socket: `{"id":1,"events":[…]}` with `{"id":1,"outcomes":[…]}`, as soon
as each is durable. Before that it says `{"ready":<pid>}`, or `{"refused":…,"message":…}` and ends.

`python -m tests.support.line_service <descriptor>` is where they come from: it has imported everything, and
forks one for every socket it is handed, with the settings that came along. The kernel buries them.
"""

import asyncio
import gc
import os
import signal
import socket
import sys
from collections.abc import Mapping
from typing import Any

import msgspec

from service.core.errors import InputError, LedgerError
from service.core.events import SubmittedEvent, parse_event
from service.ledger.sequence import Receipt
from service.settings import read_settings
from service.wiring.compose import open_services

LINE_BYTES_MAX = 2**24
SETTINGS_BYTES_MAX = 2**16


def outcome_of(outcome: Receipt | LedgerError) -> dict[str, Any]:
    """An outcome as its sender would read it."""
    if isinstance(outcome, LedgerError):
        return {"error": type(outcome).__name__, "message": str(outcome)}
    return {
        "index": outcome.index,
        "leaf_hash": outcome.leaf_hash.hex(),
        "position": outcome.position,
        "replayed": outcome.replayed,
    }


async def serve(connection: socket.socket, environment: Mapping[str, str]) -> None:
    """Serve on this socket until its other end is closed."""
    reader, writer = await asyncio.open_connection(sock=connection, limit=LINE_BYTES_MAX)

    def say(message: dict[str, Any]) -> None:
        writer.write(msgspec.json.encode(message) + b"\n")

    try:
        settings = read_settings(environment)
        async with open_services(settings, settings.database_url or "") as composition:
            (ledger,) = composition.services.ledgers.values()
            say({"ready": os.getpid()})

            async def answer(request: dict[str, Any]) -> None:
                outcomes = await ledger.intake.record_all([_read(event) for event in request["events"]])
                say({"id": request["id"], "outcomes": [outcome_of(outcome) for outcome in outcomes]})

            async with asyncio.TaskGroup() as requests:
                while line := await reader.readline():
                    requests.create_task(answer(msgspec.json.decode(line)))
    except LedgerError as refusal:
        say({"refused": type(refusal).__name__, "message": str(refusal)})
    await writer.drain()
    writer.close()
    await writer.wait_closed()


def _read(event: object) -> SubmittedEvent | InputError:
    try:
        return parse_event(event)
    except InputError as refusal:
        return refusal


def nursery(control: socket.socket) -> None:
    """Fork a service for every socket that comes, until no more can come; each is answered by a pid."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    gc.freeze()
    while True:
        environment, descriptors, _, _ = socket.recv_fds(control, SETTINGS_BYTES_MAX, 1)
        if not environment:
            return
        connection = socket.socket(fileno=descriptors[0])
        pid = os.fork()
        if pid == 0:
            control.close()
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            asyncio.run(serve(connection, msgspec.json.decode(environment)))
            os._exit(0)
        connection.close()
        control.send(pid.to_bytes(8))


if __name__ == "__main__":
    nursery(socket.socket(fileno=int(sys.argv[1])))
