"""Whom a reader trusts, from the options of `verify` and `audit`: keys, a policy, a stamping authority."""

from collections.abc import Sequence
from pathlib import Path

import click

from service.core.errors import FormatError
from service.core.notes import Verifier, parse_verifier
from service.core.policy import Policy, parse_policy
from service.core.stamps import Stamped
from service.core.verify_signed import Trust


def trust_of(keys: Sequence[str], policy: Path | None, timestamps: Path | None) -> Trust:
    """Read what was named. Raises `FormatError` and `ProofError`, which say what is wrong with it."""
    return Trust.of(
        [_key(key) for key in keys],
        _policy(policy) if policy else None,
        stamped_by(timestamps) if timestamps else None,
    )


def _key(vkey: str) -> Verifier:
    try:
        return parse_verifier(vkey)
    except FormatError as error:
        raise FormatError(f"--key {vkey[:100]!r}: {error}, as the operator publishes it") from None


def _policy(path: Path) -> Policy:
    try:
        return parse_policy(path.read_bytes())
    except FormatError as error:
        raise FormatError(f"{path}: {error}") from None


def stamped_by(certificates: Path) -> Stamped:
    """What checks stamps by the authority whose certificates (PEM) are in this file. Raises `ProofError`."""
    try:
        # Imported where it is wanted: a reader without time stamps needs nothing of it.
        from service.delivery.timestamps import read_trust, verified_time  # noqa: PLC0415 - as said
    except ModuleNotFoundError as error:
        raise click.ClickException(
            f"time stamps are checked with rfc3161-client ({error.name} is not installed):"
            " pip install rfc3161-client"
        ) from error
    trust = read_trust(certificates)
    return lambda response, message: verified_time(response, message, trust)
