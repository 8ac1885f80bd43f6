"""The ledger inside the database: its log against keys and mark, what waits to be delivered, its API keys."""

from collections.abc import Sequence

from service.core.errors import LedgerError, NotFoundError
from service.ledger.delivering.subscriptions import Subscription
from service.ledger.ports import Head
from service.ledger.startup import check_start
from service.settings import Settings
from service.storage.access import AccessStore, KeyRow, LedgerRow
from service.wiring.clock import now_ms
from service.wiring.doctor.findings import Finding, fault, notice, ok
from service.wiring.doctor.sealed import look_at_sealed
from service.wiring.keys.sources import key_source
from service.wiring.ledgers import LedgerParts, ledger_parts
from service.wiring.pools import pooled

HOUR_MS, DAY_MS = 3_600_000, 86_400_000
EXPIRES_SOON_DAYS = 14
AHEAD_NOTICE_MS = 1_000


async def look_at_log(settings: Settings, dsn: str) -> list[Finding]:
    """What stands in a database with this program's schema."""
    try:
        async with pooled(dsn, 1) as pool:
            access = AccessStore(pool)
            try:
                row = await access.ledger(settings.ledger)
            except NotFoundError:
                return [
                    notice(
                        "log", f"there is no ledger {settings.ledger!r} yet", "the first `serve` begins it"
                    )
                ]
            if not await access.is_begun(row.ledger_id):
                return [notice("log", f"ledger {row.name} is not begun yet", "the first `serve` begins it")]
            source = key_source(settings, row.name)
            parts = ledger_parts(settings, pool, row, source.load(row.origin))
            found = await _log(row, parts)
            found += await look_at_sealed(parts, source.directory)
            found += _backlog(await parts.subscriptions.list())
            return [*found, _api_keys(await access.keys(row.ledger_id))]
    except LedgerError as error:
        return [fault("log", str(error))]


async def _log(row: LedgerRow, parts: LedgerParts) -> list[Finding]:
    held = parts.mark.read()
    try:
        head = await check_start(parts.store, parts.keys, parts.mark)
    except LedgerError as error:
        return [fault("log", str(error))]
    chain = f"{row.origin}: {head.size} entries, the last thousand linked, signed, and under our keys"
    mark = "it extends what was signed" if held is not None else "nothing was signed yet"
    return [ok("log", chain), ok("high-water mark", mark), _newest(head)]


def _newest(head: Head) -> Finding:
    ahead = head.recorded_at_ms - now_ms()
    if ahead > AHEAD_NOTICE_MS:
        return notice(
            "recorded time",
            f"the newest entry's time lies {ahead / 1000:.0f} s ahead of this machine's clock",
            "set the clock: until it gets there every event is recorded with that same time",
        )
    return ok("recorded time", f"the newest entry is {-ahead / 1000:.0f} s old")


def _backlog(subscriptions: Sequence[Subscription]) -> list[Finding]:
    if not subscriptions:
        return [ok("deliveries", "no subscriptions")]
    return [_deliveries(each) for each in subscriptions]


def _deliveries(found: Subscription) -> Finding:
    check, command = f"deliveries {found.subscription_id}", "consent-ledger subscriptions"
    if found.status == "disabled":
        told = f"disabled: {found.reason or 'by hand'}; {found.waiting} wait"
        return fault(check, told, f"mend the endpoint, then `{command} enable {found.subscription_id}`")
    if found.dead:
        told = f"{found.dead} were given up"
        return notice(check, told, f"`{command} replay {found.subscription_id} FIRST LAST --only-dead`")
    late = now_ms() - found.oldest_waiting_ms if found.oldest_waiting_ms is not None else 0
    if late > HOUR_MS:
        told = f"{found.waiting} wait, the oldest for {late // HOUR_MS} h"
        return notice(check, told, "see that `consent-ledger worker` runs and that the endpoint answers")
    return ok(check, f"{found.status}; {found.waiting} wait")


def _api_keys(rows: list[KeyRow]) -> Finding:
    now = now_ms()
    live = [row for row in rows if row.revoked_at_ms is None and row.expires_at_ms > now]
    soon = [row for row in live if row.expires_at_ms < now + EXPIRES_SOON_DAYS * DAY_MS]
    if soon:
        told = f"{len(soon)} of {len(live)} expire within {EXPIRES_SOON_DAYS} days: "
        told += ", ".join(row.key_id for row in soon)
        return notice("API keys", told, "make their successors: `consent-ledger keys create`")
    return ok("API keys", f"{len(live)} live")
