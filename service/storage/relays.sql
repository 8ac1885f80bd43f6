-- Relays to message brokers. $1 is the ledger everywhere, $2 the relay's name; leases by this server's clock.

-- hold_relay --
-- Made where it is new; taken where nobody holds it; kept where we do. No row: somebody else does.
INSERT INTO relay (ledger_id, name, destination, cursor, owner, lease_until_ms)
VALUES ($1, $2, $3, $5, $4, (extract(epoch FROM clock_timestamp()) * 1000)::bigint + $6)
ON CONFLICT (ledger_id, name) DO UPDATE SET owner = excluded.owner, lease_until_ms = excluded.lease_until_ms
WHERE relay.destination = excluded.destination
  AND (relay.owner = excluded.owner OR relay.lease_until_ms <= excluded.lease_until_ms - $6)
RETURNING cursor

-- relay_destination --
SELECT destination FROM relay WHERE ledger_id = $1 AND name = $2

-- advance_relay --
UPDATE relay SET cursor = $5, lease_until_ms = (extract(epoch FROM clock_timestamp()) * 1000)::bigint + $6
WHERE ledger_id = $1 AND name = $2 AND owner = $3 AND cursor = $4
RETURNING cursor

-- release_relay --
UPDATE relay SET owner = NULL, lease_until_ms = 0 WHERE ledger_id = $1 AND name = $2 AND owner = $3
