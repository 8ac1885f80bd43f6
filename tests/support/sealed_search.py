"""What a thief of wrapping keys would do with a copy of the database: try them on all that is in it."""

import os
from collections.abc import Iterator
from typing import Any

import asyncpg
from cryptography.exceptions import InvalidTag

from service.ledger.vault import Vault
from service.ledger.wrapping import RingCipher, WrappingRing


async def opened_by(dsn: str, ring: WrappingRing) -> set[str]:
    """Every column of bytes, in any table, in which these keys open something, whatever it is of."""
    ciphers = [ring.cipher(os.urandom), Vault(ring, os.urandom).cipher]
    found = set()
    connection = await asyncpg.connect(dsn)
    try:
        columns = await connection.fetch(
            "SELECT table_name, column_name FROM information_schema.columns"
            " WHERE table_schema = 'public' AND data_type = 'bytea'"
        )
        for table, column in columns:
            for row in await connection.fetch(f"SELECT * FROM {table} WHERE {column} IS NOT NULL"):  # noqa: S608 - read above
                if any(
                    opens(cipher, row[column], context) for cipher in ciphers for context in contexts(row)
                ):
                    found.add(f"{table}.{column}")
    finally:
        await connection.close()
    return found


def contexts(row: Any) -> Iterator[bytes]:  # noqa: ANN401 - asyncpg ships no types
    """Whatever this row may have been sealed for: its bytes, its words, and its words with their prefixes."""
    words = [str(value) for value in row.values() if isinstance(value, str)]
    yield from (value for value in row.values() if isinstance(value, bytes))
    for word in words:
        yield from (f"{prefix}{word}".encode() for prefix in ("", "secrets/", "answer/", "export:"))
        if "number" in row.keys():  # noqa: SIM118 - asyncpg's rows contain values, not names
            yield f"export:{word}:{row['number']}".encode()


def opens(cipher: RingCipher, sealed: bytes, context: bytes) -> bool:
    """Whether it opens in this context."""
    try:
        cipher.open(sealed, context)
    except (InvalidTag, ValueError):
        return False
    return True
