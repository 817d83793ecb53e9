-- Orders that closed long ago, and their fills, once a shard has given them up. No stream and no checkpoint: rows are added once, in
-- the order of their ids, and are final. As in the hot file, indexes begin with a range of ids or sequences, so that a writer touches
-- few pages, and a reader walks the ranges.
CREATE TABLE closed_orders (
    order_id        INTEGER NOT NULL PRIMARY KEY,
    user_id         INTEGER NOT NULL,
    symbol_id       INTEGER NOT NULL,
    side            TEXT    NOT NULL, -- buy, sell
    kind            TEXT    NOT NULL, -- limit, market
    price           INTEGER,          -- limit: in ticks
    time_in_force   TEXT,             -- limit: good_til_canceled, post_only, immediate_or_cancel, fill_or_kill
    placed_quantity INTEGER,          -- in lots, as placed; absent: a market order by quote
    placed_quote    TEXT,             -- a market order by quote: how much
    client_order_id TEXT    NOT NULL, -- as it closed with
    client_hash     INTEGER NOT NULL, -- of user and client order id: a short key for the index
    maker_ppm       INTEGER NOT NULL,
    taker_ppm       INTEGER NOT NULL,
    placed_seq      INTEGER NOT NULL,
    placed_time     INTEGER NOT NULL, -- nanoseconds since 1970
    quantity        INTEGER,          -- in lots, as it was last
    executed        INTEGER NOT NULL,
    executed_quote  TEXT    NOT NULL,
    status          TEXT    NOT NULL, -- filled, canceled, expired
    close_reason    TEXT,             -- canceled, expired: why
    last_seq        INTEGER NOT NULL,
    updated_time    INTEGER NOT NULL
) STRICT;

CREATE INDEX closed_orders_by_user ON closed_orders (order_id >> 17, user_id, symbol_id);
CREATE INDEX closed_orders_by_client ON closed_orders (order_id >> 17, client_hash);

CREATE TABLE closed_order_fills (
    seq          INTEGER NOT NULL, -- with event_index: the event
    event_index  INTEGER NOT NULL,
    time         INTEGER NOT NULL,
    order_id     INTEGER NOT NULL,
    user_id      INTEGER NOT NULL,
    execution    INTEGER NOT NULL, -- number in the user's life
    symbol_id    INTEGER NOT NULL,
    trade_id     INTEGER NOT NULL, -- dense in the symbol
    side         TEXT    NOT NULL,
    liquidity    TEXT    NOT NULL, -- maker, taker
    price        INTEGER NOT NULL,
    quantity     INTEGER NOT NULL,
    quote        TEXT    NOT NULL,
    fee          TEXT    NOT NULL,
    fee_asset_id INTEGER NOT NULL,
    PRIMARY KEY (order_id, trade_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX closed_order_fills_by_user ON closed_order_fills (seq >> 20, user_id, symbol_id, trade_id);

-- How far these rows reach: one row, in the same transaction as they.
CREATE TABLE closed_orders_extent (
    extent_id INTEGER NOT NULL PRIMARY KEY CHECK (extent_id = 0),
    venue     BLOB    NOT NULL, -- whose rows they are
    order_id  INTEGER NOT NULL, -- the highest
    trade_id  INTEGER NOT NULL, -- the highest of any fill
    last_seq  INTEGER NOT NULL, -- the last command that changed any of the orders
    time      INTEGER NOT NULL  -- block time of that command
) STRICT;
