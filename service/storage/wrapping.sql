-- Replacing a wrapping key: who holds which, and whatever is sealed under one, page by page. $1 is the ledger everywhere.
-- What is replaced is locked first, and what somebody else holds is left for later (SKIP LOCKED): so nothing here ever
-- waits while it holds a row, and no append or erasure can deadlock with it. Only what still is what was read is replaced.

-- hold_keys --
INSERT INTO key_holder (ledger_id, process, keys, seen_at, ended) VALUES ($1, $2, $3, clock_timestamp(), $4)
ON CONFLICT (ledger_id, process) DO UPDATE
SET keys = excluded.keys, seen_at = excluded.seen_at, ended = excluded.ended

-- forget_holders --
DELETE FROM key_holder WHERE ledger_id = $1 AND seen_at < clock_timestamp() - interval '1 day'

-- key_holders --
SELECT process, keys, extract(epoch FROM clock_timestamp() - seen_at)::float8 AS silent_seconds, ended
FROM key_holder WHERE ledger_id = $1 ORDER BY seen_at DESC, process

-- subject_secret_count --
SELECT count(*) FROM subject_secret WHERE ledger_id = $1

-- subject_secret_page --
SELECT wrapped_key, subject_key FROM subject_secret
WHERE ledger_id = $1 AND subject_key > $3 ORDER BY subject_key LIMIT $2

-- subject_secret_replace --
WITH held AS (
    SELECT r.* FROM subject_secret t
    JOIN unnest($2::bytea[], $3::bytea[], $4::bytea[]) AS r (before, after, subject_key) USING (subject_key)
    WHERE t.ledger_id = $1 AND t.wrapped_key = r.before
    FOR UPDATE OF t SKIP LOCKED
)
UPDATE subject_secret t SET wrapped_key = held.after FROM held
WHERE t.ledger_id = $1 AND t.subject_key = held.subject_key AND t.wrapped_key = held.before
RETURNING 1

-- subscription_count --
SELECT count(*) FROM subscription WHERE ledger_id = $1

-- subscription_page --
SELECT secrets, subscription_id FROM subscription
WHERE ledger_id = $1 AND subscription_id > $3 ORDER BY subscription_id LIMIT $2

-- subscription_replace --
WITH held AS (
    SELECT r.* FROM subscription t
    JOIN unnest($2::bytea[], $3::bytea[], $4::text[]) AS r (before, after, subscription_id) USING (subscription_id)
    WHERE t.ledger_id = $1 AND t.secrets = r.before
    FOR UPDATE OF t SKIP LOCKED
)
UPDATE subscription t SET secrets = held.after FROM held
WHERE t.ledger_id = $1 AND t.subscription_id = held.subscription_id AND t.secrets = held.before
RETURNING 1

-- delivery_attempt_count --
SELECT count(answer) FROM delivery_attempt WHERE ledger_id = $1

-- delivery_attempt_page --
SELECT answer, subscription_id, lane, position, attempt FROM delivery_attempt
WHERE ledger_id = $1 AND (subscription_id, lane, position, attempt) > ($3, $4, $5, $6) AND answer IS NOT NULL
ORDER BY subscription_id, lane, position, attempt LIMIT $2

-- delivery_attempt_replace --
WITH held AS (
    SELECT r.* FROM delivery_attempt t
    JOIN unnest($2::bytea[], $3::bytea[], $4::text[], $5::text[], $6::bigint[], $7::integer[])
         AS r (before, after, subscription_id, lane, position, attempt)
         USING (subscription_id, lane, position, attempt)
    WHERE t.ledger_id = $1 AND t.answer = r.before
    FOR UPDATE OF t SKIP LOCKED
)
UPDATE delivery_attempt t SET answer = held.after FROM held
WHERE t.ledger_id = $1 AND t.subscription_id = held.subscription_id AND t.lane = held.lane
  AND t.position = held.position AND t.attempt = held.attempt AND t.answer = held.before
RETURNING 1

-- export_count --
SELECT count(*) FROM export WHERE ledger_id = $1 AND scope <> ''

-- export_page --
SELECT scope, export_id FROM export
WHERE ledger_id = $1 AND export_id > $3 AND scope <> '' ORDER BY export_id LIMIT $2

-- export_replace --
WITH held AS (
    SELECT r.* FROM export t
    JOIN unnest($2::bytea[], $3::bytea[], $4::text[]) AS r (before, after, export_id) USING (export_id)
    WHERE t.ledger_id = $1 AND t.scope = r.before
    FOR UPDATE OF t SKIP LOCKED
)
UPDATE export t SET scope = held.after FROM held
WHERE t.ledger_id = $1 AND t.export_id = held.export_id AND t.scope = held.before
RETURNING 1

-- export_file_count --
SELECT count(body) FROM export_file WHERE ledger_id = $1

-- export_file_page --
SELECT body, export_id, number FROM export_file
WHERE ledger_id = $1 AND (export_id, number) > ($3, $4) AND body IS NOT NULL ORDER BY export_id, number LIMIT $2

-- export_file_replace --
WITH held AS (
    SELECT r.* FROM export_file t
    JOIN unnest($2::bytea[], $3::bytea[], $4::text[], $5::bigint[]) AS r (before, after, export_id, number)
         USING (export_id, number)
    WHERE t.ledger_id = $1 AND t.body = r.before
    FOR UPDATE OF t SKIP LOCKED
)
UPDATE export_file t SET body = held.after FROM held
WHERE t.ledger_id = $1 AND t.export_id = held.export_id AND t.number = held.number AND t.body = held.before
RETURNING 1
