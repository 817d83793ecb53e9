-- What is read across shards. Everything in the schema `routed` is what this shard owns, with the shard in front, so that a router can
-- put the shards' parts together; a database that is alone counts as shard 0.

-- A checkpoint is read once for a query, not once for a row (measured: 10 us a row).

CREATE OR REPLACE VIEW v_orders AS
SELECT o.order_id, o.user_id, s.code AS symbol, o.side, o.kind, o.time_in_force, o.price, o.quantity, o.placed_quote, o.executed,
       o.executed_quote, o.executed_quote / nullif(o.executed, 0) AS average_price, o.status, o.close_reason, o.client_order_id,
       at(o.placed_time) AS placed_at, at(o.updated_time) AS updated_at, o.placed_seq, o.last_seq,
       (SELECT checkpoint_of('symbols')) AS symbols_through
FROM owned_orders AS o JOIN symbols AS s USING (symbol_id);

CREATE OR REPLACE VIEW v_positions AS
SELECT p.user_id, s.code AS symbol, p.quantity, p.cost, p.cost / nullif(p.quantity, 0) AS average_price, p.realised, p.last_seq,
       (SELECT checkpoint_of('symbols')) AS symbols_through
FROM owned_positions AS p JOIN symbols AS s USING (symbol_id);

CREATE OR REPLACE VIEW v_balances AS
SELECT b.user_id, a.code AS asset, b.free, b.locked, b.free + b.locked AS total, coalesce(c.credit_limit, 0) AS credit_limit, b.last_seq,
       (SELECT checkpoint_of('users')) AS users_through
FROM owned_balances AS b JOIN assets AS a USING (asset_id) LEFT JOIN credit_limits AS c USING (user_id, asset_id);

CREATE OR REPLACE VIEW v_ledger AS
SELECT l.seq, l.event_index, l.leg, l.user_id, a.code AS asset, l.change, l.movement, l.movement_id, at(l.time) AS moved_at,
       (SELECT checkpoint_of('users')) AS users_through
FROM ledger AS l JOIN assets AS a USING (asset_id);

CREATE SCHEMA routed;
COMMENT ON SCHEMA routed IS 'What this shard owns, with the shard in front: what a router reads.';

-- The same on every shard: a router reads it from one.

CREATE VIEW routed.venue AS SELECT v.killed, v.last_seq FROM venue AS v;
CREATE VIEW routed.assets AS SELECT a.* FROM assets AS a;
CREATE VIEW routed.symbols AS SELECT s.* FROM symbols AS s;
CREATE VIEW routed.users AS SELECT u.* FROM users AS u;

CREATE VIEW routed.checkpoints AS
SELECT coalesce((SELECT shard_id FROM shard), 0) AS shard_id, c.stream, c.epoch, c.seq FROM checkpoints AS c;

CREATE VIEW routed.symbol_tenures AS
SELECT coalesce((SELECT shard_id FROM shard), 0) AS shard_id, t.symbol_id, t.from_seq, t.shard_id AS owner_id FROM symbol_tenures AS t;

CREATE VIEW routed.user_tenures AS
SELECT coalesce((SELECT shard_id FROM shard), 0) AS shard_id, t.user_id, t.from_seq, t.shard_id AS owner_id FROM user_tenures AS t;

-- There is a row for each user, and few have moved.
CREATE INDEX user_tenures_moved ON user_tenures (from_seq) WHERE from_seq > 0;

CREATE VIEW routed.orders AS
SELECT coalesce((SELECT shard_id FROM shard), 0) AS shard_id, o.* FROM owned_orders AS o;

CREATE VIEW routed.open_orders AS
SELECT coalesce((SELECT shard_id FROM shard), 0) AS shard_id, o.* FROM owned_open_orders AS o;

CREATE VIEW routed.order_fills AS
SELECT coalesce((SELECT shard_id FROM shard), 0) AS shard_id, f.* FROM owned_order_fills AS f;

CREATE VIEW routed.positions AS
SELECT coalesce((SELECT shard_id FROM shard), 0) AS shard_id, p.* FROM owned_positions AS p;

CREATE VIEW routed.balances AS
SELECT coalesce((SELECT shard_id FROM shard), 0) AS shard_id, b.* FROM owned_balances AS b;

CREATE VIEW routed.credit_limits AS
SELECT coalesce((SELECT shard_id FROM shard), 0) AS shard_id, c.* FROM owned_credit_limits AS c;

CREATE VIEW routed.ledger AS
SELECT coalesce((SELECT shard_id FROM shard), 0) AS shard_id, l.* FROM owned_ledger AS l;

CREATE VIEW routed.withdrawals AS
SELECT coalesce((SELECT shard_id FROM shard), 0) AS shard_id, w.* FROM owned_withdrawals AS w;

-- For people.

CREATE VIEW routed.v_orders AS
SELECT coalesce((SELECT shard_id FROM shard), 0) AS shard_id, v.* FROM v_orders AS v;

CREATE VIEW routed.v_open_orders AS
SELECT v.* FROM open_orders JOIN routed.v_orders AS v USING (order_id);

CREATE VIEW routed.v_order_fills AS
SELECT coalesce((SELECT shard_id FROM shard), 0) AS shard_id, o.order_id, o.user_id, o.symbol, o.side, o.kind, o.price AS order_price,
       o.quantity AS order_quantity, o.status, f.trade_id, f.liquidity, f.price, f.quantity, f.quote, f.fee, a.code AS fee_asset,
       at(f.time) AS filled_at, f.seq, f.event_index, o.symbols_through
FROM v_orders AS o LEFT JOIN order_fills AS f USING (order_id) LEFT JOIN assets AS a ON a.asset_id = f.fee_asset_id;

CREATE VIEW routed.v_positions AS
SELECT coalesce((SELECT shard_id FROM shard), 0) AS shard_id, v.* FROM v_positions AS v;

CREATE VIEW routed.v_balances AS
SELECT coalesce((SELECT shard_id FROM shard), 0) AS shard_id, v.* FROM v_balances AS v;

CREATE VIEW routed.v_ledger AS
SELECT coalesce((SELECT shard_id FROM shard), 0) AS shard_id, l.seq, l.event_index, l.leg, l.user_id, a.code AS asset, l.change, l.movement,
       l.movement_id, at(l.time) AS moved_at, (SELECT checkpoint_of('users')) AS users_through
FROM owned_ledger AS l JOIN assets AS a USING (asset_id);

CREATE VIEW routed.v_turnover_by_symbol AS
SELECT coalesce((SELECT shard_id FROM shard), 0) AS shard_id, v.* FROM v_turnover_by_symbol AS v;

-- A user trades on several shards: these are the parts of what a router adds up.

CREATE VIEW routed.pnl_by_user AS
SELECT coalesce((SELECT shard_id FROM shard), 0) AS shard_id, v.user_id, v.quote_asset, v.realised, v.unrealised, v.total
FROM v_pnl_by_user AS v;

CREATE VIEW routed.turnover_by_user AS
SELECT coalesce((SELECT shard_id FROM shard), 0) AS shard_id, f.user_id, q.code AS quote_asset, date_trunc('day', at(f.time), 'UTC') AS day,
       count(*) AS fills, sum(f.quote) AS quote
FROM owned_order_fills AS f JOIN symbols AS s USING (symbol_id) JOIN assets AS q ON q.asset_id = s.quote_asset_id
GROUP BY f.user_id, q.code, date_trunc('day', at(f.time), 'UTC');

DO $$
DECLARE name text;
BEGIN
    FOR name IN SELECT relname FROM pg_class WHERE relnamespace = 'routed'::regnamespace AND relkind = 'v' LOOP
        EXECUTE format('COMMENT ON VIEW routed.%I IS %L', name, 'What a router reads as ' || name || ' of this shard.');
    END LOOP;
END
$$;
