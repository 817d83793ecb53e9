-- An amendment may give an order the name of one that was placed later and is closed. So the latest placed under a name is not
-- always the one that had it last, and every range of the index may have that one.

DROP FUNCTION order_of_client;

CREATE FUNCTION orders_of_client(of_user integer, name text) RETURNS bigint[]
LANGUAGE plpgsql STABLE AS $$
DECLARE
    -- Range by range of the index, newest first: ids of another cell begin far away, so empty ranges are skipped.
    newest bigint := (SELECT max(order_id) FROM orders);
    found bigint[] := '{}';
BEGIN
    WHILE newest IS NOT NULL LOOP
        SELECT found || array_agg(o.order_id) INTO found FROM orders AS o
            WHERE o.order_id >> 17 = newest >> 17
              AND o.order_id >= (newest >> 17) << 17 AND o.order_id <= newest
              AND hashtextextended(o.client_order_id, o.user_id) = hashtextextended(name, of_user)
              AND o.user_id = of_user AND o.client_order_id = name;
        SELECT max(o.order_id) INTO newest FROM orders AS o WHERE o.order_id < (newest >> 17) << 17;
    END LOOP;
    RETURN ARRAY(SELECT o.order_id FROM orders AS o WHERE o.order_id = ANY (found) AND o.status IN ('new', 'partially_filled'))
        || ARRAY(SELECT o.order_id FROM orders AS o WHERE o.order_id = ANY (found) AND o.status NOT IN ('new', 'partially_filled')
                 ORDER BY o.last_seq DESC, o.order_id DESC LIMIT 1);
END
$$;
COMMENT ON FUNCTION orders_of_client IS 'The orders of a user that have this client order id now: those that are open, and of the others the last.';
