-- What a person asks. A view that joins streams shows the checkpoint of each: its two halves may be of different sequences.

CREATE FUNCTION at(nanoseconds bigint) RETURNS timestamptz
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN timestamptz 'epoch' + (nanoseconds / 1000) * interval '1 microsecond';
COMMENT ON FUNCTION at IS 'A time of ours as PostgreSQL shows times, cut to microseconds.';

CREATE FUNCTION checkpoint_of(name text) RETURNS bigint
LANGUAGE sql STABLE PARALLEL SAFE
RETURN (SELECT seq FROM checkpoints WHERE stream = name);
COMMENT ON FUNCTION checkpoint_of IS 'Through which sequence the rows of a stream are here.';

-- Owned by this shard at the checkpoint of the stream; everything where the venue has no shards.

CREATE VIEW owned_symbols AS
SELECT s.* FROM symbols AS s
WHERE NOT EXISTS (SELECT FROM shard)
   OR (SELECT t.shard_id FROM symbol_tenures AS t WHERE t.symbol_id = s.symbol_id ORDER BY t.from_seq DESC LIMIT 1)
      = (SELECT shard_id FROM shard);
COMMENT ON VIEW owned_symbols IS 'Symbols that this shard owns.';

CREATE VIEW owned_users AS
SELECT u.* FROM users AS u
WHERE NOT EXISTS (SELECT FROM shard)
   OR (SELECT t.shard_id FROM user_tenures AS t WHERE t.user_id = u.user_id ORDER BY t.from_seq DESC LIMIT 1)
      = (SELECT shard_id FROM shard);
COMMENT ON VIEW owned_users IS 'Users whose money this shard owns.';

CREATE VIEW owned_orders AS
SELECT o.* FROM orders AS o WHERE o.symbol_id IN (SELECT symbol_id FROM owned_symbols);
COMMENT ON VIEW owned_orders IS 'Orders in symbols that this shard owns.';

CREATE VIEW owned_open_orders AS
SELECT o.* FROM open_orders AS o WHERE o.symbol_id IN (SELECT symbol_id FROM owned_symbols);
COMMENT ON VIEW owned_open_orders IS 'Open orders in symbols that this shard owns.';

CREATE VIEW owned_order_fills AS
SELECT f.* FROM order_fills AS f WHERE f.symbol_id IN (SELECT symbol_id FROM owned_symbols);
COMMENT ON VIEW owned_order_fills IS 'Fills in symbols that this shard owns.';

CREATE VIEW owned_positions AS
SELECT p.* FROM positions AS p WHERE p.symbol_id IN (SELECT symbol_id FROM owned_symbols);
COMMENT ON VIEW owned_positions IS 'Positions in symbols that this shard owns.';

CREATE VIEW owned_balances AS
SELECT b.* FROM balances AS b WHERE b.user_id IN (SELECT user_id FROM owned_users);
COMMENT ON VIEW owned_balances IS 'Balances of users whose money this shard owns.';

CREATE VIEW owned_credit_limits AS
SELECT c.* FROM credit_limits AS c WHERE c.user_id IN (SELECT user_id FROM owned_users);
COMMENT ON VIEW owned_credit_limits IS 'Credit limits of users whose money this shard owns.';

-- A movement between the world outside and a user is two rows; the one outside goes with the user of the other.
CREATE VIEW owned_ledger AS
SELECT l.* FROM ledger AS l
WHERE coalesce(l.user_id, (SELECT o.user_id FROM ledger AS o
                           WHERE o.seq = l.seq AND o.event_index = l.event_index AND o.leg = l.leg # 1))
      IN (SELECT user_id FROM owned_users);
COMMENT ON VIEW owned_ledger IS 'Movements of users whose money this shard owns.';

CREATE VIEW owned_withdrawals AS
SELECT w.* FROM withdrawals AS w WHERE w.user_id IN (SELECT user_id FROM owned_users);
COMMENT ON VIEW owned_withdrawals IS 'Withdrawals of users whose money this shard owns.';

-- For people: codes in place of ids, times as times.

CREATE VIEW v_orders AS
SELECT o.order_id, o.user_id, s.code AS symbol, o.side, o.kind, o.time_in_force, o.price, o.quantity, o.placed_quote, o.executed,
       o.executed_quote, o.executed_quote / nullif(o.executed, 0) AS average_price, o.status, o.close_reason, o.client_order_id,
       at(o.placed_time) AS placed_at, at(o.updated_time) AS updated_at, o.placed_seq, o.last_seq,
       checkpoint_of('symbols') AS symbols_through
FROM owned_orders AS o JOIN symbols AS s USING (symbol_id);
COMMENT ON VIEW v_orders IS 'Orders, for people.';

CREATE VIEW v_open_orders AS
SELECT v.* FROM open_orders JOIN v_orders AS v USING (order_id);
COMMENT ON VIEW v_open_orders IS 'Orders in the books, for people.';

CREATE VIEW v_order_fills AS
SELECT o.order_id, o.user_id, o.symbol, o.side, o.kind, o.price AS order_price, o.quantity AS order_quantity, o.status,
       f.trade_id, f.liquidity, f.price, f.quantity, f.quote, f.fee, a.code AS fee_asset, at(f.time) AS filled_at, f.seq, f.event_index,
       o.symbols_through
FROM v_orders AS o LEFT JOIN order_fills AS f USING (order_id) LEFT JOIN assets AS a ON a.asset_id = f.fee_asset_id;
COMMENT ON VIEW v_order_fills IS 'Orders with their fills: one row for each fill, one without for an order that has none.';

CREATE VIEW v_positions AS
SELECT p.user_id, s.code AS symbol, p.quantity, p.cost, p.cost / nullif(p.quantity, 0) AS average_price, p.realised, p.last_seq,
       checkpoint_of('symbols') AS symbols_through
FROM owned_positions AS p JOIN symbols AS s USING (symbol_id);
COMMENT ON VIEW v_positions IS 'Positions, for people.';

CREATE VIEW v_balances AS
SELECT b.user_id, a.code AS asset, b.free, b.locked, b.free + b.locked AS total, coalesce(c.credit_limit, 0) AS credit_limit, b.last_seq,
       checkpoint_of('users') AS users_through
FROM owned_balances AS b JOIN assets AS a USING (asset_id) LEFT JOIN credit_limits AS c USING (user_id, asset_id);
COMMENT ON VIEW v_balances IS 'Balances, for people.';

CREATE VIEW v_ledger AS
SELECT l.seq, l.event_index, l.leg, l.user_id, a.code AS asset, l.change, l.movement, l.movement_id, at(l.time) AS moved_at,
       checkpoint_of('users') AS users_through
FROM ledger AS l JOIN assets AS a USING (asset_id);
COMMENT ON VIEW v_ledger IS 'Movements of money, for people.';

-- Profit by user and quote asset, marked at the last trade: that is the newest order with a fill, for an order takes only when it comes.
CREATE VIEW v_pnl_by_user AS
SELECT p.user_id, q.code AS quote_asset, sum(p.realised) AS realised, sum(p.quantity * m.price - p.cost) AS unrealised,
       sum(p.realised + coalesce(p.quantity * m.price - p.cost, 0)) AS total,
       (SELECT b.free + b.locked FROM balances AS b WHERE b.user_id = p.user_id AND b.asset_id = s.quote_asset_id) AS balance,
       checkpoint_of('symbols') AS symbols_through, checkpoint_of('users') AS users_through
FROM owned_positions AS p
JOIN symbols AS s USING (symbol_id)
JOIN assets AS q ON q.asset_id = s.quote_asset_id
LEFT JOIN LATERAL (SELECT f.price FROM order_fills AS f WHERE f.symbol_id = p.symbol_id
                   ORDER BY f.order_id DESC, f.trade_id DESC LIMIT 1) AS m ON true
GROUP BY p.user_id, q.code, s.quote_asset_id;
COMMENT ON VIEW v_pnl_by_user IS 'Profit and loss by user and quote asset, with the balance in it: from two streams, see the checkpoints.';

CREATE VIEW v_turnover_by_symbol AS
SELECT s.code AS symbol, date_trunc('day', at(f.time)) AS day, count(*) AS trades, sum(f.quantity) AS quantity, sum(f.quote) AS quote,
       checkpoint_of('symbols') AS symbols_through
FROM owned_order_fills AS f JOIN symbols AS s USING (symbol_id)
WHERE f.liquidity = 'taker'
GROUP BY s.code, date_trunc('day', at(f.time));
COMMENT ON VIEW v_turnover_by_symbol IS 'Trades, quantity and quote by symbol and day (UTC where the session is): each trade once.';
