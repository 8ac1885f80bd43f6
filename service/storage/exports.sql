-- Exports, by name. An export that is prepared is held by a lease that each step renews.

-- create_export --
INSERT INTO export (ledger_id, export_id, status, kind, created_by, created_at_ms, expires_at_ms,
                    lease_until_ms, scope, size, frozen, done, planned, bytes)
VALUES ($1, $2, 'preparing', $3, $4, $5, $6, 0, $7, NULL, 0, 0, 0, NULL)

-- exports --
SELECT export_id, status, kind, created_by, created_at_ms, expires_at_ms, scope, size, frozen, done, planned, bytes
FROM export WHERE ledger_id = $1 AND ($2::text IS NULL OR export_id = $2)
ORDER BY created_at_ms DESC, export_id

-- claim_export --
-- Whoever waits for the row sees the lease of who was first, and goes away without it.
UPDATE export SET lease_until_ms = $3
WHERE ledger_id = $1 AND lease_until_ms <= $2 AND status = 'preparing' AND export_id = (
    SELECT export_id FROM export
    WHERE ledger_id = $1 AND status = 'preparing' AND lease_until_ms <= $2
    AND ($4::text IS NULL OR export_id = $4)
    ORDER BY created_at_ms LIMIT 1)
RETURNING export_id, status, kind, created_by, created_at_ms, expires_at_ms, scope, size, frozen, done, planned,
          bytes

-- hold_export --
UPDATE export SET lease_until_ms = $3 WHERE ledger_id = $1 AND export_id = $2 AND status = 'preparing'

-- pin_export --
UPDATE export SET size = $3, planned = $4, frozen = $5, done = $5, lease_until_ms = $6
WHERE ledger_id = $1 AND export_id = $2 AND size IS NULL AND status = 'preparing'
RETURNING export_id

-- put_export_files --
INSERT INTO export_file (ledger_id, export_id, number, name, method, crc, size, packed_size, packed_sha256,
                         sha256, "offset", body)
SELECT $1, $2, * FROM unnest($3::bigint[], $4::text[], $5::integer[], $6::bigint[], $7::bigint[], $8::bigint[],
                             $9::bytea[], $10::bytea[], $11::bigint[], $12::bytea[])

-- advance_export --
-- Only from where the files that were just put begin: of two who believe to hold it, one stops here.
UPDATE export SET done = $4, lease_until_ms = $5
WHERE ledger_id = $1 AND export_id = $2 AND done = $3 AND status = 'preparing'
RETURNING export_id

-- finish_export --
UPDATE export SET status = 'ready', done = $4, bytes = $5, lease_until_ms = 0
WHERE ledger_id = $1 AND export_id = $2 AND done = $3 AND status = 'preparing'
RETURNING export_id

-- fail_export --
UPDATE export SET status = 'failed', lease_until_ms = 0
WHERE ledger_id = $1 AND export_id = $2 AND status = 'preparing'

-- export_files --
SELECT number, name, method, crc, size, packed_size, packed_sha256, sha256, "offset", body
FROM export_file WHERE ledger_id = $1 AND export_id = $2 AND number >= $3 ORDER BY number LIMIT $4

-- export_file_at --
SELECT number, name, method, crc, size, packed_size, packed_sha256, sha256, "offset", body
FROM export_file WHERE ledger_id = $1 AND export_id = $2 AND "offset" <= $3 ORDER BY "offset" DESC LIMIT 1

-- erased_since --
SELECT 1 FROM erasure WHERE ledger_id = $1 AND index >= $2 LIMIT 1

-- destroy_exports --
-- Somebody was erased: what is kept of any export may hold something of them.
WITH gone AS (
    UPDATE export SET status = 'withdrawn', scope = '', bytes = NULL
    WHERE ledger_id = $1 AND status <> 'withdrawn' RETURNING export_id
)
DELETE FROM export_file WHERE ledger_id = $1 AND export_id IN (SELECT export_id FROM gone)

-- withdraw_exports --
-- All of a ledger that have expired, or one of them whatever its age. What they held is destroyed.
WITH gone AS (
    UPDATE export SET status = 'withdrawn', scope = '', bytes = NULL
    WHERE ledger_id = $1 AND status <> 'withdrawn'
    AND (export_id = $3 OR ($3::text IS NULL AND expires_at_ms <= $2))
    RETURNING export_id
), files AS (
    DELETE FROM export_file WHERE ledger_id = $1 AND export_id IN (SELECT export_id FROM gone)
)
SELECT export_id FROM gone
