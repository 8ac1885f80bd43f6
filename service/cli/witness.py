"""`consent-ledger witness`: a witness of other people's logs. It needs neither a database nor the service."""

import sys
from collections import defaultdict
from pathlib import Path

import click
import uvicorn
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from service.core.cosignatures import ED25519
from service.core.errors import FormatError
from service.core.notes import Cosigner, Verifier, parse_cosigner, parse_verifier
from service.core.policy import parse_policy
from service.telemetry.logs import configure_logging
from service.wiring.clock import now_ms
from service.wiring.durable import make_private_directory, sync_directory, write_durably
from service.witness.app import create_witness
from service.witness.memory import WitnessMemory

KEY, MEMORY = "witness.key", "witness.sqlite"

_data = click.option(
    "--data",
    "data_dir",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("witness"),
    show_default=True,
    help="Where its key and what it has seen are kept: both must survive, and none is ever set back.",
)


@click.group()
def witness() -> None:
    """Witness the growth of logs, so that none can be rewritten unseen (C2SP tlog-witness)."""


@witness.command()
@_data
@click.option(
    "--name", required=True, help="What it signs as: its URL without the scheme, e.g. dpo.example/w."
)
def create(*, data_dir: Path, name: str) -> None:
    """Make a witness's key and print what to trust: give it to the operators and readers of logs."""
    if (data_dir / KEY).exists():
        raise click.ClickException(
            f"{data_dir / KEY} exists: a witness that signs under two keys is no witness"
        )
    cosigner = Cosigner(name, Ed25519PrivateKey.generate())
    try:
        parse_verifier(cosigner.verifier.vkey)
    except FormatError as error:
        raise click.ClickException(f"no such name: {error}") from None
    make_private_directory(data_dir)
    write_durably(data_dir / KEY, f"{cosigner.skey}\n".encode())
    sync_directory(data_dir)
    click.echo(cosigner.verifier.vkey)


@witness.command()
@_data
@click.option(
    "--log", "keys", metavar="VKEY", multiple=True, help="A log to witness, by its key; repeatable."
)
@click.option(
    "--policy",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The logs of a policy file (C2SP tlog-policy).",
)
@click.option("--host", default="127.0.0.1", show_default=True, help="Where to listen.")
@click.option("--port", type=click.IntRange(0, 65535), default=8100, show_default=True)
def serve(*, data_dir: Path, keys: tuple[str, ...], policy: Path | None, host: str, port: int) -> None:
    """Serve until SIGTERM or Ctrl-C. Several keys of one log are each as good as the other."""
    cosigner = _own_key(data_dir)
    trusted = [parse_verifier(key) for key in keys]
    if policy is not None:
        trusted += parse_policy(policy.read_bytes()).logs
    logs: dict[str, list[Verifier]] = defaultdict(list)
    for key in trusted:
        if key.kind != ED25519:
            raise click.ClickException(f"{key.name}: not a log's key")
        logs[key.name].append(key)
    if not logs:
        raise click.ClickException("name a log to witness: --log VKEY, or --policy FILE")
    configure_logging()
    memory = WitnessMemory(data_dir / MEMORY)
    try:
        app = create_witness(cosigner, logs, memory, lambda: now_ms() // 1000)
        click.echo(f"Witness {cosigner.verifier.vkey} on http://{host}:{port} for {', '.join(sorted(logs))}")
        sys.stdout.flush()
        uvicorn.run(app, host=host, port=port, log_config=None, access_log=False)
    finally:
        memory.close()


@witness.command()
@_data
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list.")
def contradictions(*, data_dir: Path, as_json: bool) -> int:
    """Print what logs signed in contradiction to themselves: exit status 1 when there is anything."""
    memory = WitnessMemory(data_dir / MEMORY)
    found = memory.contradictions()
    memory.close()
    if as_json:
        import json  # noqa: PLC0415 - for this alone

        click.echo(json.dumps([dict(zip(("origin", "held", "offered"), row, strict=True)) for row in found]))
    else:
        for origin, held, offered in found:
            click.echo(f"{origin}: these two cannot both be true\n\n{held}\n{offered}")
    return 1 if found else 0


def _own_key(data_dir: Path) -> Cosigner:
    path = data_dir / KEY
    if not path.exists():
        raise click.ClickException(f"{path} is missing: `consent-ledger witness create --name NAME` makes it")
    if path.stat().st_mode & 0o077:
        raise click.ClickException(f"{path} is open to others: chmod 600 {path}")
    return parse_cosigner(path.read_text("ascii").strip())
