-- Ranges of order ids that go once all of their orders are closed and old: see docs/postgresql.md.

CREATE TABLE order_ranges (
    single  boolean  PRIMARY KEY DEFAULT true CHECK (single),
    id_bits smallint NOT NULL CHECK (id_bits BETWEEN 8 AND 30)
);
COMMENT ON TABLE order_ranges IS 'How wide the ranges of order ids are; one row, since there is the first range.';
COMMENT ON COLUMN order_ranges.single IS 'always true: there is one row at most';
COMMENT ON COLUMN order_ranges.id_bits IS 'a range has 2^id_bits order ids; it never changes';

-- What has ranges has them as wide as they all were before this.
INSERT INTO order_ranges (id_bits) SELECT 23 WHERE EXISTS (SELECT FROM pg_inherits WHERE inhparent = 'orders'::regclass);

CREATE OR REPLACE FUNCTION add_order_range(range bigint) RETURNS boolean
LANGUAGE plpgsql AS $$
DECLARE
    part text;
    parent text;
    bits integer;
BEGIN
    -- Two sessions that want the same range: the second waits, and finds it made.
    PERFORM pg_advisory_xact_lock(hashtextextended('buttonwood order range', range));
    IF to_regclass(format('order_fills_r%s', range)) IS NOT NULL THEN
        RETURN false;
    END IF;
    SELECT id_bits INTO STRICT bits FROM order_ranges;
    FOREACH parent IN ARRAY ARRAY['orders', 'order_fills'] LOOP
        part := format('%s_r%s', parent, range);
        EXECUTE format('CREATE TABLE %I (LIKE %I INCLUDING ALL) WITH (fillfactor = %s, autovacuum_vacuum_insert_scale_factor = 0.5)',
                       part, parent, CASE parent WHEN 'orders' THEN 80 ELSE 100 END);
        EXECUTE format('ALTER TABLE %I ATTACH PARTITION %I FOR VALUES FROM (%s) TO (%s)',
                       parent, part, range << bits, (range + 1) << bits);
    END LOOP;
    RETURN true;
END
$$;

CREATE TABLE retired_ranges (
    range_number bigint PRIMARY KEY,
    orders       bigint NOT NULL,
    fills        bigint NOT NULL,
    last_seq     bigint,
    retired_seq  bigint NOT NULL,
    epoch        bigint NOT NULL
);
COMMENT ON TABLE retired_ranges IS 'Ranges of order ids whose partitions were dropped: their rows are where closed_orders of the archive is.';
COMMENT ON COLUMN retired_ranges.range_number IS 'order ids from range_number << id_bits on; see order_ranges';
COMMENT ON COLUMN retired_ranges.orders IS 'orders in it when it was dropped last';
COMMENT ON COLUMN retired_ranges.fills IS 'fills of those orders';
COMMENT ON COLUMN retired_ranges.last_seq IS 'last sequence that changed any of them; absent: the database was taken back to before it';
COMMENT ON COLUMN retired_ranges.retired_seq IS 'checkpoint of the stream symbols when it was dropped';
COMMENT ON COLUMN retired_ranges.epoch IS 'epoch of the venue that dropped it';

-- A position is marked at the last trade, which may be in a range that is gone.
CREATE TABLE retired_prices (
    of_symbol  integer PRIMARY KEY,
    last_order bigint  NOT NULL,
    last_trade bigint  NOT NULL,
    seq        bigint  NOT NULL,
    price      numeric NOT NULL
);
COMMENT ON TABLE retired_prices IS 'The newest fill of each symbol in the ranges that are gone: what a position is marked at where none is newer.';
COMMENT ON COLUMN retired_prices.of_symbol IS 'the symbol';
COMMENT ON COLUMN retired_prices.last_order IS 'the order that took';
COMMENT ON COLUMN retired_prices.last_trade IS 'its last trade';
COMMENT ON COLUMN retired_prices.seq IS 'sequence of that trade';
COMMENT ON COLUMN retired_prices.price IS 'quote per base';

CREATE OR REPLACE VIEW v_pnl_by_user AS
SELECT p.user_id, q.code AS quote_asset, sum(p.realised) AS realised, sum(p.quantity * m.price - p.cost) AS unrealised,
       sum(p.realised + coalesce(p.quantity * m.price - p.cost, 0)) AS total,
       (SELECT b.free + b.locked FROM balances AS b WHERE b.user_id = p.user_id AND b.asset_id = s.quote_asset_id) AS balance,
       checkpoint_of('symbols') AS symbols_through, checkpoint_of('users') AS users_through
FROM owned_positions AS p
JOIN symbols AS s USING (symbol_id)
JOIN assets AS q ON q.asset_id = s.quote_asset_id
LEFT JOIN LATERAL (SELECT n.price FROM (
                       (SELECT f.order_id, f.trade_id, f.price FROM order_fills AS f WHERE f.symbol_id = p.symbol_id
                        ORDER BY f.order_id DESC, f.trade_id DESC LIMIT 1)
                       UNION ALL
                       SELECT r.last_order, r.last_trade, r.price FROM retired_prices AS r WHERE r.of_symbol = p.symbol_id) AS n
                   ORDER BY n.order_id DESC, n.trade_id DESC LIMIT 1) AS m ON true
GROUP BY p.user_id, q.code, s.quote_asset_id;
