"""What a superuser can do to a ledger's rows behind the service's back."""

from tests.support.workload import as_superuser

TABLES = (
    "log_head",
    "log_entry",
    "log_tile",
    "checkpoint",
    "document",
    "subject",
    "map_stratum",
    "sealed_record",
    "subject_secret",
)


async def set_aside(dsn: str) -> None:
    """Keep a copy of every row, as a backup would."""
    copies = [f"CREATE TABLE aside.{table} AS TABLE public.{table}" for table in TABLES]
    await as_superuser(dsn, "DROP SCHEMA IF EXISTS aside CASCADE", "CREATE SCHEMA aside", *copies)


async def bring_back(dsn: str) -> None:
    """Restore the backup: every row as it was then, no row that came since."""
    rows = [f"INSERT INTO public.{table} SELECT * FROM aside.{table}" for table in TABLES]  # noqa: S608 - names above
    await as_superuser(dsn, f"TRUNCATE {', '.join(TABLES)}", *rows)


def flip(table: str, column: str, where: str = "true") -> str:
    """The statement that turns over one bit in the last byte of a column."""
    last = f"octet_length({column}) - 1"
    changed = f"set_byte({column}, {last}, get_byte({column}, {last}) # 1)"
    return f"UPDATE {table} SET {column} = {changed} WHERE {where}"  # noqa: S608 - names of the test's own
