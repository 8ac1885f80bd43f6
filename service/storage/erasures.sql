-- Erasure: contents and keys destroyed, tombstones in their place. $1 is the ledger everywhere.

-- destroy_secrets --
DELETE FROM subject_secret WHERE ledger_id = $1 AND subject_key = ANY($2::bytea[])

-- destroy_external_ids --
DELETE FROM external_id WHERE ledger_id = $1 AND subject_key = $2

-- destroy_records --
DELETE FROM sealed_record WHERE ledger_id = $1 AND subject_key = $2 AND index = ANY($3::bigint[])

-- put_tombstones --
INSERT INTO sealed_record (ledger_id, index, subject_key, sealed, evidence)
SELECT $1, t.index, $2, t.sealed, NULL FROM unnest($3::bigint[], $4::bytea[]) AS t (index, sealed)

-- hold_subscriptions --
-- Whoever makes deliveries holds its subscription: what was made of the contents before is there now, and whoever
-- comes later sees the tombstones.
SELECT FROM subscription WHERE ledger_id = $1 ORDER BY subscription_id FOR UPDATE

-- empty_deliveries --
-- What a webhook has not heard yet is told as erased; what it has heard is forgotten here.
UPDATE delivery d SET body = t.body, type = $4, sealed = NULL
FROM subscription s CROSS JOIN unnest($2::bigint[], $3::bytea[]) AS t (position, body)
WHERE s.ledger_id = $1 AND d.ledger_id = $1 AND d.subscription_id = s.subscription_id
  AND d.lane IN ('live', 'replay') AND d.position = t.position

-- empty_attempts --
UPDATE delivery_attempt a SET answer = NULL
FROM subscription s CROSS JOIN unnest($2::bigint[]) AS t (position)
WHERE s.ledger_id = $1 AND a.ledger_id = $1 AND a.subscription_id = s.subscription_id
  AND a.lane IN ('live', 'replay') AND a.position = t.position AND a.answer IS NOT NULL

-- put_erasure --
INSERT INTO erasure (ledger_id, index, leaf_hash, subject_key, last_index, at_ms) VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT DO NOTHING

-- erasures --
SELECT index, leaf_hash, subject_key, last_index, at_ms FROM erasure WHERE ledger_id = $1 ORDER BY index

-- still_held --
-- By place in the list asked about: what was recorded by the time of the erasure (it stands in the entry, after
-- type and link) and, where this log has the notice, before it.
SELECT DISTINCT e.place
FROM unnest($2::bytea[], $3::bigint[], $4::bigint[], $5::bytea[])
     WITH ORDINALITY AS e (subject_key, at_ms, notice, leaf_hash, place)
JOIN sealed_record r ON r.ledger_id = $1 AND r.subject_key = e.subject_key AND octet_length(r.sealed) <> 8
JOIN log_entry l ON l.ledger_id = $1 AND l.index = r.index AND substring(l.entry FROM 34 FOR 8) <= int8send(e.at_ms)
LEFT JOIN log_entry n ON n.ledger_id = $1 AND n.index = e.notice AND n.leaf_hash = e.leaf_hash
WHERE n.index IS NULL OR r.index < n.index

-- assured_size --
-- Replayed whole here, cosigned by a witness, or timestamped: somebody could have seen it since.
SELECT greatest((SELECT max(size) FROM sound_audit WHERE ledger_id = $1),
                (SELECT max(size) FROM cosignature WHERE ledger_id = $1),
                (SELECT max(size) FROM checkpoint_timestamp WHERE ledger_id = $1), 0)

-- put_audit --
INSERT INTO sound_audit (ledger_id, size, root, at_ms) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING
