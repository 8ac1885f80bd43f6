-- Subscriptions and their deliveries. $1 is the ledger everywhere; times are milliseconds.
--
-- Plans must not hang on statistics: `delivery` is empty one minute and holds a hundred thousand rows the next, and a
-- plan made for the one would look at every row for every row of the other. So rows are found by scalar subqueries,
-- which only an index can answer in order, and written by the place where they were found and locked.

-- listening --
-- Enabled subscriptions that the log has outrun, and those in the middle of a replay, with room in each queue. For an
-- endpoint that is left alone for a while everything waits in the log.
SELECT subscription_id, cursor, types, senders, categories, channels, with_address, source, replay_cursor, replay_to,
       $3 - (SELECT count(*) FROM (SELECT FROM delivery d WHERE d.ledger_id = $1 AND d.lane = 'live'
             AND d.subscription_id = s.subscription_id AND d.state = 'waiting' LIMIT $3) q) AS room,
       $3 - (SELECT count(*) FROM (SELECT FROM delivery d WHERE d.ledger_id = $1 AND d.lane = 'replay'
             AND d.subscription_id = s.subscription_id AND d.state = 'waiting' LIMIT $3) q) AS replay_room
FROM subscription s
WHERE ledger_id = $1 AND status = 'enabled' AND (cursor < $2 OR replay_cursor IS NOT NULL) AND open_until_ms <= $4

-- move_cursors --
-- Compare-and-swap: whoever comes second finds the cursor moved and makes nothing. A row that another worker
-- holds is left to it.
WITH held AS (
    SELECT s.subscription_id, m.upto
    FROM unnest($2::text[], $3::bigint[], $4::bigint[]) AS m (subscription_id, cursor, upto)
    JOIN subscription s ON s.ledger_id = $1 AND s.subscription_id = m.subscription_id
                       AND s.cursor = m.cursor AND s.status = 'enabled'
    ORDER BY s.subscription_id FOR UPDATE OF s SKIP LOCKED
)
UPDATE subscription s SET cursor = held.upto FROM held
WHERE s.ledger_id = $1 AND s.subscription_id = held.subscription_id
RETURNING s.subscription_id

-- move_replays --
-- The same for the slow lane; a replay that has reached its end is over.
WITH held AS (
    SELECT s.subscription_id, m.upto
    FROM unnest($2::text[], $3::bigint[], $4::bigint[]) AS m (subscription_id, cursor, upto)
    JOIN subscription s ON s.ledger_id = $1 AND s.subscription_id = m.subscription_id
                       AND s.replay_cursor = m.cursor AND s.status = 'enabled'
    ORDER BY s.subscription_id FOR UPDATE OF s SKIP LOCKED
)
UPDATE subscription s
SET replay_cursor = CASE WHEN held.upto < s.replay_to THEN held.upto END,
    replay_to = CASE WHEN held.upto < s.replay_to THEN s.replay_to END
FROM held WHERE s.ledger_id = $1 AND s.subscription_id = held.subscription_id
RETURNING s.subscription_id

-- put_deliveries --
-- What is replayed once more begins anew; a live delivery is made once. What was erased since it was read is left
-- out: the event that tells of the erasure is on its way.
INSERT INTO delivery (ledger_id, subscription_id, lane, position, subject_key, event_id, type, body, sealed,
                      tries, next_attempt_ms, recorded_at_ms, state, attempts, lease_until_ms)
SELECT $1, d.*, 'waiting', 0, 0
FROM unnest($2::text[], $3::text[], $4::bigint[], $5::bytea[], $6::text[], $7::text[], $8::bytea[], $9::bytea[],
            $10::int[], $11::bigint[], $12::bigint[])
     AS d (subscription_id, lane, position, subject_key, event_id, type, body, sealed, tries, next_attempt_ms,
           recorded_at_ms)
WHERE d.type = 'contents_erased' OR d.lane = 'control' OR NOT EXISTS (
    SELECT FROM sealed_record r
    WHERE r.ledger_id = $1 AND r.index = d.position AND octet_length(r.sealed) = 8)
ON CONFLICT (ledger_id, subscription_id, lane, position) DO UPDATE
SET state = 'waiting', tries = 0, ended_at_ms = NULL, next_attempt_ms = excluded.next_attempt_ms,
    body = excluded.body, sealed = excluded.sealed
WHERE delivery.lane = 'replay' AND delivery.state <> 'waiting'

-- claimable --
-- Endpoints with something to send now, and in which lanes; locked, unless another worker holds deliveries of them:
-- what one worker holds it counts by itself, so that no more than a few are in flight to an endpoint, over all workers.
SELECT s.subscription_id, s.url, s.secrets, s.status, s.failures, s.open_until_ms, s.replay_ready_ms,
       due.control, due.live, due.replay
FROM subscription s CROSS JOIN LATERAL (
    SELECT EXISTS (
               SELECT FROM delivery d
               WHERE d.ledger_id = $1 AND d.subscription_id = s.subscription_id AND d.lane = 'control'
                 AND d.state = 'waiting' AND d.lease_until_ms <= $2 AND d.next_attempt_ms <= $2) AS control,
           s.status = 'enabled' AND s.open_until_ms <= $2 AND EXISTS (
               SELECT FROM delivery d
               WHERE d.ledger_id = $1 AND d.subscription_id = s.subscription_id AND d.lane = 'live'
                 AND d.state = 'waiting' AND d.lease_until_ms <= $2
                 AND (d.next_attempt_ms <= $2 OR s.failures >= $3)) AS live,
           s.status = 'enabled' AND s.open_until_ms <= $2 AND s.failures < $3 AND EXISTS (
               SELECT FROM delivery d
               WHERE d.ledger_id = $1 AND d.subscription_id = s.subscription_id AND d.lane = 'replay'
                 AND d.state = 'waiting' AND d.lease_until_ms <= $2 AND d.next_attempt_ms <= $2) AS replay
) due
WHERE s.ledger_id = $1 AND (s.owner IS NULL OR s.owner = $4 OR s.owned_until_ms <= $2)
  AND (due.control OR due.live OR due.replay)
ORDER BY s.subscription_id FOR UPDATE OF s SKIP LOCKED

-- claim --
-- The oldest due deliveries of each endpoint, as many as there is room for. One whose subject has an older one waiting
-- in its lane, or one in flight in another lane, is not its turn yet. (`lane || ''` leaves the planner one index only,
-- that of subjects.)
WITH asked AS (
    SELECT * FROM unnest($5::text[], $6::text[], $7::int[], $8::boolean[]) AS a (subscription_id, lane, room, probe)
), chosen AS (
    SELECT c.* FROM asked a CROSS JOIN LATERAL (
        SELECT d.ctid AS place, d.next_attempt_ms <= $2 AS due
        FROM delivery d
        WHERE d.ledger_id = $1 AND d.subscription_id = a.subscription_id AND d.lane = a.lane
          AND d.state = 'waiting' AND d.lease_until_ms <= $2 AND (d.next_attempt_ms <= $2 OR a.probe)
          AND d.position = (
              SELECT e.position FROM delivery e
              WHERE e.ledger_id = $1 AND e.subscription_id = d.subscription_id
                AND e.subject_key = d.subject_key AND e.state = 'waiting' AND e.lane || '' = d.lane
              ORDER BY e.position LIMIT 1)
          AND (
              SELECT e.position FROM delivery e
              WHERE e.ledger_id = $1 AND e.subscription_id = d.subscription_id
                AND e.subject_key = d.subject_key AND e.state = 'waiting'
                AND e.lane <> d.lane AND e.lease_until_ms > $2
              ORDER BY e.position LIMIT 1) IS NULL
        ORDER BY d.position
        LIMIT a.room
        FOR UPDATE SKIP LOCKED
    ) c
)
UPDATE delivery d SET lease_until_ms = $3, lease_owner = $4, attempts = d.attempts + 1
FROM chosen c
WHERE d.ledger_id = $1 AND d.ctid = c.place
RETURNING d.subscription_id, d.lane, d.position, d.subject_key, d.event_id, d.type, d.body, d.sealed, d.tries,
          d.attempts, c.due, d.recorded_at_ms

-- after_claim --
UPDATE subscription s
SET open_until_ms = a.open_until_ms, replay_ready_ms = a.replay_ready_ms, owner = $2, owned_until_ms = $3
FROM unnest($4::text[], $5::bigint[], $6::bigint[]) AS a (subscription_id, open_until_ms, replay_ready_ms)
WHERE s.ledger_id = $1 AND s.subscription_id = a.subscription_id

-- endpoints --
SELECT subscription_id, status, url, enabled_at_ms, failures, failing_since_ms, last_success_ms, last_failure_ms,
       open_until_ms
FROM subscription WHERE ledger_id = $1 AND subscription_id = ANY($2::text[])
ORDER BY subscription_id FOR UPDATE

-- end_deliveries --
-- Only while the lease is still ours: another worker may have taken it over.
UPDATE delivery d
SET state = e.state, tries = e.tries, next_attempt_ms = e.next_attempt_ms, lease_until_ms = 0,
    lease_owner = NULL, ended_at_ms = CASE WHEN e.state <> 'waiting' THEN $3::bigint END,
    sealed = CASE WHEN e.state = 'done' THEN NULL ELSE d.sealed END
FROM unnest($4::text[], $5::text[], $6::bigint[], $7::int[], $8::text[], $9::int[], $10::bigint[])
     AS e (subscription_id, lane, position, attempts, state, tries, next_attempt_ms)
CROSS JOIN LATERAL (
    SELECT h.ctid AS place FROM delivery h
    WHERE h.ledger_id = $1 AND h.subscription_id = e.subscription_id AND h.lane = e.lane AND h.position = e.position
      AND h.attempts = e.attempts AND h.lease_owner = $2 AND h.state = 'waiting'
    LIMIT 1 FOR UPDATE
) held
WHERE d.ledger_id = $1 AND d.ctid = held.place

-- give_back --
-- What was claimed and not sent, if the lease is still ours.
UPDATE delivery d SET lease_until_ms = 0, lease_owner = NULL, attempts = d.attempts - 1
FROM unnest($3::text[], $4::text[], $5::bigint[], $6::int[]) AS g (subscription_id, lane, position, attempts)
CROSS JOIN LATERAL (
    SELECT h.ctid AS place FROM delivery h
    WHERE h.ledger_id = $1 AND h.subscription_id = g.subscription_id AND h.lane = g.lane AND h.position = g.position
      AND h.attempts = g.attempts AND h.lease_owner = $2 AND h.state = 'waiting'
    LIMIT 1 FOR UPDATE
) held
WHERE d.ledger_id = $1 AND d.ctid = held.place

-- let_go --
UPDATE subscription SET owner = NULL, owned_until_ms = 0
WHERE ledger_id = $1 AND owner = $2 AND subscription_id = ANY($3::text[])

-- renew_endpoints --
WITH held AS (
    SELECT subscription_id FROM subscription
    WHERE ledger_id = $1 AND subscription_id = ANY($4::text[]) AND owner = $2
    ORDER BY subscription_id FOR UPDATE
)
UPDATE subscription s SET owned_until_ms = $3 FROM held
WHERE s.ledger_id = $1 AND s.subscription_id = held.subscription_id
RETURNING s.subscription_id, s.status = 'enabled'

-- renew --
UPDATE delivery d SET lease_until_ms = $3
FROM unnest($4::text[], $5::text[], $6::bigint[], $7::int[]) AS g (subscription_id, lane, position, attempts)
CROSS JOIN LATERAL (
    SELECT h.ctid AS place FROM delivery h
    WHERE h.ledger_id = $1 AND h.subscription_id = g.subscription_id AND h.lane = g.lane AND h.position = g.position
      AND h.attempts = g.attempts AND h.lease_owner = $2 AND h.state = 'waiting'
    LIMIT 1 FOR UPDATE
) held
WHERE d.ledger_id = $1 AND d.ctid = held.place
RETURNING d.subscription_id, d.lane, d.position

-- put_attempts --
INSERT INTO delivery_attempt (ledger_id, subscription_id, lane, position, attempt, started_at_ms, ended_at_ms,
                              outcome, status, answer)
SELECT $1, a.* FROM unnest($2::text[], $3::text[], $4::bigint[], $5::int[], $6::bigint[], $7::bigint[],
                           $8::text[], $9::int[], $10::bytea[]) AS a
ON CONFLICT DO NOTHING

-- put_endpoints --
UPDATE subscription s
SET status = e.status, reason = CASE WHEN e.status = s.status THEN s.reason ELSE e.reason END,
    owner = CASE WHEN s.owner = $12 AND s.subscription_id = ANY($13::text[]) THEN NULL ELSE s.owner END,
    enabled_at_ms = e.enabled_at_ms, failures = e.failures,
    failing_since_ms = e.failing_since_ms, last_success_ms = e.last_success_ms,
    last_failure_ms = e.last_failure_ms, open_until_ms = e.open_until_ms,
    disabled_at_ms = CASE WHEN e.status <> 'disabled' THEN NULL ELSE coalesce(s.disabled_at_ms, $2) END
FROM unnest($3::text[], $4::text[], $5::text[], $6::bigint[], $7::int[], $8::bigint[], $9::bigint[],
            $10::bigint[], $11::bigint[])
     AS e (subscription_id, status, reason, enabled_at_ms, failures, failing_since_ms, last_success_ms,
           last_failure_ms, open_until_ms)
WHERE s.ledger_id = $1 AND s.subscription_id = e.subscription_id

-- hasten --
-- The endpoint is back: what waits for a later try of its schedule need not wait for it.
UPDATE delivery SET next_attempt_ms = $3
WHERE ledger_id = $1 AND subscription_id = ANY($2::text[]) AND state = 'waiting' AND next_attempt_ms > $3

-- forget_attempts --
DELETE FROM delivery_attempt a USING delivery d
WHERE d.ledger_id = $1 AND d.ended_at_ms < $2 AND (d.state = 'done' OR d.ended_at_ms < $3)
  AND a.ledger_id = $1 AND a.subscription_id = d.subscription_id AND a.lane = d.lane AND a.position = d.position

-- forget_deliveries --
DELETE FROM delivery WHERE ledger_id = $1 AND ended_at_ms < $2 AND (state = 'done' OR ended_at_ms < $3)

-- create_subscription --
INSERT INTO subscription (ledger_id, subscription_id, name, url, types, senders, categories, channels, with_address,
                          secrets, created_at_ms, cursor, source, status, control_count, enabled_at_ms, failures,
                          open_until_ms, replay_ready_ms)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, 'pending', 0, $11, 0, 0, 0)

-- subscriptions --
-- `backlog`: what waits, and what of the log was not looked at yet, of which a filter may leave out some.
SELECT s.subscription_id, s.name, s.url, s.types, s.senders, s.categories, s.channels, s.with_address,
       s.source, s.status,
       s.reason, s.secrets, s.created_at_ms, s.disabled_at_ms, s.cursor, s.enabled_at_ms, s.failures,
       s.failing_since_ms, s.last_success_ms, s.last_failure_ms, s.open_until_ms, s.replay_cursor, s.replay_to,
       w.waiting, w.oldest_ms, w.dead
FROM subscription s CROSS JOIN LATERAL (
    SELECT count(*) FILTER (WHERE d.state = 'waiting') AS waiting,
           min(d.recorded_at_ms) FILTER (WHERE d.state = 'waiting') AS oldest_ms,
           count(*) FILTER (WHERE d.state = 'dead') AS dead
    FROM delivery d
    WHERE d.ledger_id = $1 AND d.subscription_id = s.subscription_id AND d.lane = 'live'
      AND d.state IN ('waiting', 'dead')
) w
WHERE s.ledger_id = $1 AND ($2::text IS NULL OR s.subscription_id = $2) ORDER BY s.created_at_ms, s.subscription_id

-- quiet --
-- Enabled ones (or this one, if it is) to which nothing was sent since and nothing is on its way.
SELECT s.subscription_id FROM subscription s
WHERE s.ledger_id = $1 AND s.status = 'enabled' AND ($3::text IS NULL OR s.subscription_id = $3)
  AND s.enabled_at_ms <= $2 AND coalesce(s.last_success_ms, 0) <= $2 AND coalesce(s.last_failure_ms, 0) <= $2
  AND NOT EXISTS (
      SELECT FROM delivery d
      WHERE d.ledger_id = $1 AND d.subscription_id = s.subscription_id AND d.lane = 'control'
        AND d.recorded_at_ms > $2)
ORDER BY s.subscription_id

-- lock_subscription --
SELECT status FROM subscription WHERE ledger_id = $1 AND subscription_id = $2 FOR UPDATE

-- next_control --
UPDATE subscription SET control_count = control_count + 1 WHERE ledger_id = $1 AND subscription_id = $2
RETURNING control_count

-- set_status --
UPDATE subscription SET status = $3, reason = $4, disabled_at_ms = NULL
WHERE ledger_id = $1 AND subscription_id = $2

-- move_url --
-- To be verified, and without what the endpoint before is remembered for.
UPDATE subscription
SET url = $3, status = 'pending', reason = NULL, disabled_at_ms = NULL, enabled_at_ms = $4, failures = 0,
    failing_since_ms = NULL, open_until_ms = 0
WHERE ledger_id = $1 AND subscription_id = $2

-- restart --
-- A new beginning for the endpoint: old failures must not disable it again at once.
UPDATE subscription
SET status = 'enabled', reason = NULL, disabled_at_ms = NULL, enabled_at_ms = $3, failures = 0,
    failing_since_ms = NULL, open_until_ms = 0
WHERE ledger_id = $1 AND subscription_id = $2

-- revive --
-- What waits goes at once; what was given up since the last success goes again, still in order.
UPDATE delivery d SET state = 'waiting', tries = 0, next_attempt_ms = $3, ended_at_ms = NULL
FROM subscription s
WHERE d.ledger_id = $1 AND d.subscription_id = $2 AND s.ledger_id = $1 AND s.subscription_id = $2
  AND d.lane IN ('live', 'replay')
  AND (d.state = 'waiting' OR (d.state = 'dead' AND d.ended_at_ms > coalesce(s.last_success_ms, 0)))

-- set_secrets --
-- Compare-and-swap: two rotations at once must not lose one of the secrets.
UPDATE subscription SET secrets = $4 WHERE ledger_id = $1 AND subscription_id = $2 AND secrets = $3
RETURNING subscription_id

-- begin_replay --
UPDATE subscription SET replay_cursor = $3, replay_to = $4
WHERE ledger_id = $1 AND subscription_id = $2 AND replay_cursor IS NULL
RETURNING subscription_id

-- replay_dead --
-- Those that were given up, once more in the slow lane, unless they were delivered there before.
INSERT INTO delivery (ledger_id, subscription_id, lane, position, subject_key, event_id, type, body, sealed,
                      recorded_at_ms, state, tries, attempts, next_attempt_ms, lease_until_ms)
SELECT d.ledger_id, d.subscription_id, 'replay', d.position, d.subject_key, d.event_id, d.type, d.body, d.sealed,
       d.recorded_at_ms, 'waiting', 0, 0, $5, 0
FROM delivery d
WHERE d.ledger_id = $1 AND d.subscription_id = $2 AND d.lane = 'live' AND d.state = 'dead'
  AND d.position > $3 AND d.position <= $4
ON CONFLICT (ledger_id, subscription_id, lane, position) DO UPDATE
SET state = 'waiting', tries = 0, next_attempt_ms = $5, ended_at_ms = NULL WHERE delivery.state = 'dead'
RETURNING position

-- deliveries --
SELECT lane, position, event_id, type, state, tries, attempts, next_attempt_ms, lease_until_ms, recorded_at_ms,
       ended_at_ms
FROM delivery
WHERE ledger_id = $1 AND subscription_id = $2 AND lane = $3 AND position < $4
  AND ($5::text IS NULL OR state = $5)
ORDER BY position DESC LIMIT $6

-- attempts --
SELECT attempt, started_at_ms, ended_at_ms, outcome, status, answer
FROM delivery_attempt
WHERE ledger_id = $1 AND subscription_id = $2 AND lane = $3 AND position = $4 ORDER BY attempt

-- delete_attempts --
DELETE FROM delivery_attempt WHERE ledger_id = $1 AND subscription_id = $2

-- delete_deliveries --
DELETE FROM delivery WHERE ledger_id = $1 AND subscription_id = $2

-- delete_subscription --
DELETE FROM subscription WHERE ledger_id = $1 AND subscription_id = $2 RETURNING subscription_id
