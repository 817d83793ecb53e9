-- Stream "trades". Added to at the end of each symbol; time does not go back with the trade number, so a time is found by
-- bisection and needs no index.
CREATE TABLE completed_trades (
    symbol_id      INTEGER NOT NULL,
    trade_id       INTEGER NOT NULL, -- dense in the symbol
    seq            INTEGER NOT NULL, -- with event_index: the event
    event_index    INTEGER NOT NULL,
    time           INTEGER NOT NULL, -- nanoseconds since 1970
    price          INTEGER NOT NULL,
    quantity       INTEGER NOT NULL,
    quote          TEXT    NOT NULL,
    taker_side     TEXT    NOT NULL, -- buy, sell
    maker_order_id INTEGER NOT NULL,
    maker_user_id  INTEGER NOT NULL,
    taker_order_id INTEGER NOT NULL,
    taker_user_id  INTEGER NOT NULL,
    PRIMARY KEY (symbol_id, trade_id)
) STRICT, WITHOUT ROWID;

-- Stream "audit". One row for each command; the content can be rendered again from the journal.
CREATE TABLE audit_logs (
    seq         INTEGER NOT NULL PRIMARY KEY,
    time        INTEGER NOT NULL,
    user_id     INTEGER NOT NULL,
    key_id      INTEGER NOT NULL,
    session_id  INTEGER NOT NULL,
    transport   TEXT    NOT NULL,
    address_id  INTEGER NOT NULL, -- the clear text lives elsewhere, where it can be deleted
    client_time INTEGER,
    deadline    INTEGER,
    action      TEXT    NOT NULL,
    content     TEXT    NOT NULL, -- JSON
    outcome     TEXT    NOT NULL, -- accepted, repeated, or refused with the reason
    block       BLOB    NOT NULL  -- hash of the journal block: the audit chain
) STRICT;

CREATE VIEW v_trades AS
SELECT u.code AS symbol, t.trade_id,
       CASE WHEN typeof(t.price * u.tick_mantissa) <> 'integer' THEN NULL
            WHEN u.tick_scale = 0 THEN CAST(t.price * u.tick_mantissa AS TEXT)
            ELSE rtrim(rtrim(printf('%d.%0*d', t.price * u.tick_mantissa / u.tick_one, u.tick_scale,
                                    t.price * u.tick_mantissa % u.tick_one), '0'), '.') END AS price,
       CASE WHEN typeof(t.quantity * u.lot_mantissa) <> 'integer' THEN NULL
            WHEN u.lot_scale = 0 THEN CAST(t.quantity * u.lot_mantissa AS TEXT)
            ELSE rtrim(rtrim(printf('%d.%0*d', t.quantity * u.lot_mantissa / u.lot_one, u.lot_scale,
                                    t.quantity * u.lot_mantissa % u.lot_one), '0'), '.') END AS quantity,
       t.quote, t.taker_side, t.maker_order_id, t.maker_user_id, t.taker_order_id, t.taker_user_id, t.seq,
       strftime('%Y-%m-%dT%H:%M:%S', t.time / 1000000000, 'unixepoch') || printf('.%09dZ', t.time % 1000000000) AS at
FROM completed_trades AS t JOIN v_symbol_units AS u USING (symbol_id);

CREATE VIEW v_audit AS
SELECT seq, user_id, key_id, action, content, outcome, lower(hex(block)) AS block,
       strftime('%Y-%m-%dT%H:%M:%S', time / 1000000000, 'unixepoch') || printf('.%09dZ', time % 1000000000) AS at
FROM audit_logs;
