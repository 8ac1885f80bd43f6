"""A large list: minutes, and memory that does not grow."""

import time
from pathlib import Path

import pytest

from tests.support.imports import Program, add_up

pytestmark = pytest.mark.soak


def test_two_hundred_thousand_messy_rows_add_up_in_memory_that_does_not_grow(
    program: Program, tmp_path: Path
) -> None:
    small = add_up(program, tmp_path / "small.csv", 20_000, seed=3)
    began = time.monotonic()
    large = add_up(program, tmp_path / "large.csv", 200_000, seed=4)
    took = time.monotonic() - began
    print(f"peak memory {small} and {large} KiB; tried, imported and imported again in {took:.0f} s")  # noqa: T201 - a measurement
    assert large < small * 1.2
