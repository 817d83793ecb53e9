-- Orders and their fills are cut into ranges of 2^23 order ids. A range is made before it is needed: as a table of its own that is then
-- attached, which waits for no reader and lets none wait.

CREATE FUNCTION add_order_range(range bigint) RETURNS boolean
LANGUAGE plpgsql AS $$
DECLARE
    part text;
    parent text;
BEGIN
    -- Two sessions that want the same range: the second waits, and finds it made.
    PERFORM pg_advisory_xact_lock(hashtextextended('buttonwood order range', range));
    IF to_regclass(format('order_fills_r%s', range)) IS NOT NULL THEN
        RETURN false;
    END IF;
    FOREACH parent IN ARRAY ARRAY['orders', 'order_fills'] LOOP
        part := format('%s_r%s', parent, range);
        EXECUTE format('CREATE TABLE %I (LIKE %I INCLUDING ALL) WITH (fillfactor = %s, autovacuum_vacuum_insert_scale_factor = 0.5)',
                       part, parent, CASE parent WHEN 'orders' THEN 80 ELSE 100 END);
        EXECUTE format('ALTER TABLE %I ATTACH PARTITION %I FOR VALUES FROM (%s) TO (%s)',
                       parent, part, range << 23, (range + 1) << 23);
    END LOOP;
    RETURN true;
END
$$;
COMMENT ON FUNCTION add_order_range IS 'Makes the partitions of a range of order ids, unless they are there.';

-- Ids are given out in the order of time, so a time is found by bisection and needs no index.

CREATE FUNCTION first_order_at(at bigint) RETURNS bigint
LANGUAGE plpgsql STABLE AS $$
DECLARE
    low bigint := 0;
    high bigint := coalesce((SELECT max(order_id) FROM orders), -1) + 1;
    middle bigint;
    hit record;
BEGIN
    WHILE low < high LOOP
        middle := low + (high - low) / 2;
        SELECT o.order_id, o.placed_time >= at AS reached INTO hit
            FROM orders AS o WHERE o.order_id >= middle AND o.order_id < high ORDER BY o.order_id LIMIT 1;
        IF hit.order_id IS NULL OR hit.reached THEN
            high := middle;
        ELSE
            low := hit.order_id + 1;
        END IF;
    END LOOP;
    RETURN low;
END
$$;
COMMENT ON FUNCTION first_order_at IS 'The first order id at or after a time (nanoseconds since 1970): orders before it were placed earlier.';

CREATE FUNCTION first_movement_at(at bigint) RETURNS bigint
LANGUAGE plpgsql STABLE AS $$
DECLARE
    low bigint := 0;
    high bigint := coalesce((SELECT max(seq) FROM ledger), -1) + 1;
    middle bigint;
    hit record;
BEGIN
    WHILE low < high LOOP
        middle := low + (high - low) / 2;
        SELECT l.seq, l.time >= at AS reached INTO hit
            FROM ledger AS l WHERE l.seq >= middle AND l.seq < high ORDER BY l.seq LIMIT 1;
        IF hit.seq IS NULL OR hit.reached THEN
            high := middle;
        ELSE
            low := hit.seq + 1;
        END IF;
    END LOOP;
    RETURN low;
END
$$;
COMMENT ON FUNCTION first_movement_at IS 'The first sequence in the ledger at or after a time (nanoseconds since 1970).';

CREATE FUNCTION first_fill_at(of_user integer, of_symbol integer, at bigint) RETURNS bigint
LANGUAGE plpgsql STABLE AS $$
DECLARE
    low bigint := 0;
    high bigint := coalesce((SELECT f.trade_id FROM order_fills AS f WHERE f.user_id = of_user AND f.symbol_id = of_symbol
                             ORDER BY f.trade_id DESC LIMIT 1), -1) + 1;
    middle bigint;
    hit record;
BEGIN
    WHILE low < high LOOP
        middle := low + (high - low) / 2;
        SELECT f.trade_id, f.time >= at AS reached INTO hit FROM order_fills AS f
            WHERE f.user_id = of_user AND f.symbol_id = of_symbol AND f.trade_id >= middle AND f.trade_id < high
            ORDER BY f.trade_id LIMIT 1;
        IF hit.trade_id IS NULL OR hit.reached THEN
            high := middle;
        ELSE
            low := hit.trade_id + 1;
        END IF;
    END LOOP;
    RETURN low;
END
$$;
COMMENT ON FUNCTION first_fill_at IS 'The first trade id at or after a time (nanoseconds since 1970) among a user''s fills on a symbol.';

CREATE FUNCTION order_of_client(of_user integer, name text) RETURNS bigint
LANGUAGE plpgsql STABLE AS $$
DECLARE
    -- Range by range of the index, newest first: ids of another cell begin far away, so empty ranges are skipped.
    newest bigint := (SELECT max(order_id) FROM orders);
    found bigint;
BEGIN
    WHILE newest IS NOT NULL LOOP
        SELECT max(o.order_id) INTO found FROM orders AS o
            WHERE o.order_id >> 17 = newest >> 17
              AND o.order_id >= (newest >> 17) << 17 AND o.order_id <= newest
              AND hashtextextended(o.client_order_id, o.user_id) = hashtextextended(name, of_user)
              AND o.user_id = of_user AND o.client_order_id = name;
        IF found IS NOT NULL THEN
            RETURN found;
        END IF;
        SELECT max(o.order_id) INTO newest FROM orders AS o WHERE o.order_id < (newest >> 17) << 17;
    END LOOP;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION order_of_client IS 'The latest placed order of a user that has this client order id now.';
