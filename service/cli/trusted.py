"""Whom a reader trusts, from the options of `verify` and `audit`: keys, a policy, a stamping authority."""

from collections.abc import Sequence
from pathlib import Path

import click

from service.core.notes import parse_verifier
from service.core.policy import parse_policy
from service.core.stamps import Stamped
from service.core.verify_signed import Trust


def trust_of(keys: Sequence[str], policy: Path | None, timestamps: Path | None) -> Trust:
    """Read what was named. Raises `FormatError` and `ProofError`, which say what is wrong with it."""
    return Trust.of(
        [parse_verifier(key) for key in keys],
        parse_policy(policy.read_bytes()) if policy else None,
        stamped_by(timestamps) if timestamps else None,
    )


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
