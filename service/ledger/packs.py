"""The jurisdiction packs and worked cases that ship with the product, read from the package."""

import hashlib
from importlib.resources import files

_DATA = files("service.core.law")


def shipped_packs() -> dict[str, bytes]:
    """Return the bytes of every pack that ships, under their SHA-256 in hex."""
    names = sorted(entry.name for entry in _DATA.joinpath("packs").iterdir() if entry.name.endswith(".toml"))
    data = [_DATA.joinpath("packs", name).read_bytes() for name in names]
    return {hashlib.sha256(body).hexdigest(): body for body in data}


def worked_cases() -> bytes:
    """Return the worked cases that ship with the packs, as YAML."""
    return _DATA.joinpath("scenarios.yaml").read_bytes()


def boundary_cases() -> bytes:
    """Return the cases on both sides of the rules' boundaries, as YAML in the schema of the worked ones."""
    return _DATA.joinpath("boundary_cases.yaml").read_bytes()
