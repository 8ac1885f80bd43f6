-- Every statement of the hot paths, by name. The concurrency of the product lives here.

-- lock_head --
-- Always the first statement of an append. The row exists from genesis, so two writers can never both pass.
-- A process that freezes while it holds the row loses it after a while (for this transaction only): shorter
-- than the others wait for it, so they go on, and it finds its session gone when it wakes.
-- Last stands the hash of the newest time stamp, which the next epoch holds: no round trip of its own.
SELECT size, epoch_no, epoch_index, recorded_at_ms, subject_count, last_leaf_hash, frontier, root, map_root,
       rulebook_hash, checkpoint,
       (SELECT digest FROM checkpoint_timestamp t WHERE t.ledger_id = $1
        ORDER BY t.size DESC, t.digest DESC LIMIT 1)
FROM log_head
WHERE ledger_id = $1 AND set_config('idle_in_transaction_session_timeout', '15s', true) IS NOT NULL
FOR UPDATE

-- head --
SELECT size, epoch_no, epoch_index, recorded_at_ms, subject_count, last_leaf_hash, frontier, root, map_root,
       rulebook_hash, checkpoint
FROM log_head WHERE ledger_id = $1

-- create_head --
-- Genesis: an empty head for the first batch to move on from. Two creators cannot both insert it.
INSERT INTO log_head (ledger_id, size, epoch_no, epoch_index, recorded_at_ms, subject_count, last_leaf_hash,
                      frontier, root, map_root, rulebook_hash, checkpoint)
VALUES ($1, 0, 0, -1, 0, 0, $2, '', $2, $2, $2, '')

-- known --
SELECT dedup_key, index, body_tag, entry, leaf_hash
FROM log_entry WHERE ledger_id = $1 AND dedup_key = ANY($2::bytea[])

-- subjects --
SELECT s.subject_key, s.event_count, s.last_index, s.chain, s.standing, k.wrapped_key, k.sealed_address
FROM subject s LEFT JOIN subject_secret k USING (ledger_id, subject_key)
WHERE s.ledger_id = $1 AND s.subject_key = ANY($2::bytea[])

-- secrets --
SELECT subject_key, wrapped_key, sealed_address
FROM subject_secret WHERE ledger_id = $1 AND subject_key = ANY($2::bytea[])

-- external_ids --
-- The comparison of the tag is one that no index takes: before PostgreSQL 17 a list amid an index's columns gives way
-- to a condition on the column after it, and every id of the ledger would be read. A subject has few of them.
SELECT subject_key, sealed
FROM external_id WHERE ledger_id = $1 AND subject_key = ANY($2::bytea[]) AND source_tag IS NOT DISTINCT FROM $3

-- strata --
SELECT prefix, slots FROM map_stratum WHERE ledger_id = $1 AND prefix = ANY($2::text[])

-- subjects_after --
SELECT subject_key, event_count, last_index, chain, standing
FROM subject WHERE ledger_id = $1 AND subject_key > $2 ORDER BY subject_key LIMIT $3

-- strata_after --
SELECT prefix, slots FROM map_stratum
WHERE ledger_id = $1 AND prefix >= coalesce($2::text, '') AND prefix IS DISTINCT FROM $2::text
ORDER BY prefix

-- write_batch --
-- All rows of one epoch and the head's move, in one statement and so in one round trip. The head moves by
-- compare-and-swap: where it is not the one the batch was built on, no row comes back and the caller rolls back.
-- The primary key on a checkpoint's size refuses a second root for a size that was signed. A document is its
-- digest: publishing the same text again is an event, not another document.
WITH entries AS (
    INSERT INTO log_entry (ledger_id, index, entry, leaf_hash, dedup_key, body_tag)
    SELECT $1, * FROM unnest($2::bigint[], $3::bytea[], $4::bytea[], $5::bytea[], $6::bytea[])
), tiles AS (
    INSERT INTO log_tile (ledger_id, level, index, hash)
    SELECT $1, * FROM unnest($7::integer[], $8::bigint[], $9::bytea[])
), records AS (
    INSERT INTO sealed_record (ledger_id, index, subject_key, sealed, evidence)
    SELECT $1, * FROM unnest($10::bigint[], $11::bytea[], $12::bytea[], $13::bytea[])
), secrets AS (
    INSERT INTO subject_secret (ledger_id, subject_key, wrapped_key, sealed_address)
    SELECT $1, * FROM unnest($14::bytea[], $15::bytea[], $16::bytea[])
), subjects AS (
    INSERT INTO subject (ledger_id, subject_key, event_count, last_index, chain, standing)
    SELECT $1, * FROM unnest($17::bytea[], $18::bigint[], $19::bigint[], $20::bytea[], $21::bytea[])
    ON CONFLICT (ledger_id, subject_key) DO UPDATE
    SET event_count = excluded.event_count, last_index = excluded.last_index, chain = excluded.chain,
        standing = excluded.standing
), strata AS (
    INSERT INTO map_stratum (ledger_id, prefix, slots)
    SELECT $1, * FROM unnest($22::text[], $23::bytea[])
    ON CONFLICT (ledger_id, prefix) DO UPDATE SET slots = excluded.slots
), documents AS (
    INSERT INTO document (ledger_id, digest, kind, index, body)
    SELECT $1, * FROM unnest($24::bytea[], $25::text[], $26::bigint[], $27::bytea[])
    ON CONFLICT (ledger_id, digest) DO NOTHING
), external AS (
    INSERT INTO external_id (ledger_id, subject_key, source_tag, sealed)
    SELECT $1, * FROM unnest($41::bytea[], $42::bytea[], $43::bytea[])
    ON CONFLICT (ledger_id, subject_key, source_tag) DO UPDATE SET sealed = excluded.sealed
), signed AS (
    INSERT INTO checkpoint (ledger_id, size, note) VALUES ($1, $28, $38)
)
UPDATE log_head
SET size = $28, epoch_no = $29, epoch_index = $30, recorded_at_ms = $31, subject_count = $32,
    last_leaf_hash = $33, frontier = $34, root = $35, map_root = $36, rulebook_hash = $37, checkpoint = $38
WHERE ledger_id = $1 AND size = $39 AND root = $40
RETURNING size

-- covering_checkpoint --
SELECT size, note FROM checkpoint WHERE ledger_id = $1 AND size > $2 ORDER BY size LIMIT 1

-- checkpoint --
SELECT note FROM checkpoint WHERE ledger_id = $1 AND size = $2

-- checkpoints --
SELECT size, note FROM checkpoint WHERE ledger_id = $1 AND size >= $2 ORDER BY size LIMIT $3

-- standings --
-- One statement, so one snapshot: the head that an answer names is the head its standings were read under.
SELECT size, epoch_no, epoch_index, recorded_at_ms, subject_count, last_leaf_hash, frontier, root, map_root,
       rulebook_hash, checkpoint, NULL::bytea AS subject_key, NULL::bytea AS standing
FROM log_head WHERE ledger_id = $1
UNION ALL
SELECT NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, subject_key, standing
FROM subject WHERE ledger_id = $1 AND subject_key = ANY($2::bytea[])

-- entries --
SELECT index, entry, leaf_hash FROM log_entry WHERE ledger_id = $1 AND index >= $2 AND index < $3 ORDER BY index

-- entries_at --
SELECT index, entry, leaf_hash FROM log_entry WHERE ledger_id = $1 AND index = ANY($2::bigint[])

-- successions --
-- By an index of its own, whose condition must stand here as it stands there.
SELECT index, entry, leaf_hash FROM log_entry
WHERE ledger_id = $1 AND substr(entry, 1, 1) = '\x04'::bytea ORDER BY index

-- cosignatures --
SELECT size, line FROM cosignature
WHERE ledger_id = $1 AND size = (SELECT max(size) FROM cosignature WHERE ledger_id = $1 AND size <= $2)
ORDER BY witness

-- cosigned_size --
SELECT coalesce(max(size), 0) FROM cosignature WHERE ledger_id = $1 AND witness = $2 AND size <= $3

-- put_cosignature --
INSERT INTO cosignature (ledger_id, size, witness, line) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING

-- timestamps --
SELECT size, digest, token, stamped_at_ms FROM checkpoint_timestamp
WHERE ledger_id = $1 AND size >= $2 AND size <= $3 ORDER BY size DESC, digest DESC LIMIT $4

-- put_timestamp --
-- With the head locked, and never of less than what was stamped before: so which stamps there were when an epoch
-- took up the newest follows from the log, and an export made twice holds the same.
INSERT INTO checkpoint_timestamp (ledger_id, size, digest, token, stamped_at_ms)
SELECT $1, $2, $3, $4, $5
WHERE NOT EXISTS (SELECT 1 FROM checkpoint_timestamp WHERE ledger_id = $1 AND size >= $2)

-- leaf_hashes --
SELECT leaf_hash FROM log_entry WHERE ledger_id = $1 AND index >= $2 AND index < $3 ORDER BY index

-- tile_hashes --
SELECT hash FROM log_tile WHERE ledger_id = $1 AND level = $2 AND index >= $3 AND index < $4 ORDER BY index

-- records_of --
SELECT index, subject_key, sealed, evidence
FROM sealed_record WHERE ledger_id = $1 AND subject_key = $2 ORDER BY index

-- records --
SELECT index, subject_key, sealed, evidence
FROM sealed_record WHERE ledger_id = $1 AND index >= $2 AND index < $3 ORDER BY index

-- documents --
SELECT digest, kind, index, body FROM document WHERE ledger_id = $1 AND digest = ANY($2::bytea[])

-- documents_of --
SELECT digest, kind, index, body FROM document WHERE ledger_id = $1 AND kind = $2 ORDER BY index, digest

-- standings_in_bulk --
-- As `standings`, in two columns: a campaign reads millions of rows. The head's row has no key.
SELECT NULL::bytea AS subject_key, int8send(epoch_index) || int8send(recorded_at_ms) || rulebook_hash AS standing
FROM log_head WHERE ledger_id = $1
UNION ALL
SELECT subject_key, standing FROM subject WHERE ledger_id = $1 AND subject_key = ANY($2::bytea[])

-- campaign --
SELECT question FROM campaign WHERE ledger_id = $1 AND campaign = $2

-- campaign_tile --
SELECT hashes FROM campaign_tile WHERE ledger_id = $1 AND campaign = $2 AND level = $3 AND index = $4

-- campaign_run --
SELECT first_line, position, at_ms FROM campaign_run
WHERE ledger_id = $1 AND campaign = $2 AND first_line <= $3 ORDER BY first_line DESC LIMIT 1

-- campaigns --
SELECT campaign FROM campaign_run WHERE ledger_id = $1 AND first_line = 1 ORDER BY position DESC, at_ms DESC

-- campaign_leaves --
SELECT hashes FROM campaign_tile
WHERE ledger_id = $1 AND campaign = $2 AND level = 0 AND index >= $3 AND index < $4 ORDER BY index

-- campaign_runs --
SELECT first_line, position, at_ms FROM campaign_run
WHERE ledger_id = $1 AND campaign = $2 ORDER BY first_line

-- put_campaign --
INSERT INTO campaign (ledger_id, campaign, question) VALUES ($1, $2, $3)

-- put_campaign_tiles --
INSERT INTO campaign_tile (ledger_id, campaign, level, index, hashes)
SELECT $1, $2, * FROM unnest($3::integer[], $4::bigint[], $5::bytea[])

-- put_campaign_runs --
INSERT INTO campaign_run (ledger_id, campaign, first_line, position, at_ms)
SELECT $1, $2, * FROM unnest($3::bigint[], $4::bigint[], $5::bigint[])
