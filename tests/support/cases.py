"""The shipped cases, read once for every module that asks about each of them. Nobody changes what is read."""

from functools import cache
from typing import Any

from service.ledger.packs import boundary_cases, worked_cases
from service.ledger.scenarios import read_cases

Case = dict[str, Any]


@cache
def worked() -> list[Case]:
    """The worked cases."""
    return read_cases(worked_cases())


@cache
def boundary() -> list[Case]:
    """Those on both sides of every boundary of the rules."""
    return read_cases(boundary_cases())
