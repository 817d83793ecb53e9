user_version 1
application_id 0x4257686f
CREATE TABLE checkpoints (
    stream TEXT    NOT NULL PRIMARY KEY,
    venue  BLOB    NOT NULL, -- id of the journal followed
    epoch  INTEGER NOT NULL, -- epoch of the writer: an older one is fenced
    seq    INTEGER NOT NULL, -- last sequence stored
    hash   BLOB    NOT NULL  -- chain hash of the event log at that sequence
) STRICT, WITHOUT ROWID;
CREATE TABLE assets (
    asset_id INTEGER NOT NULL PRIMARY KEY,
    code     TEXT    NOT NULL,
    scale    INTEGER NOT NULL, -- decimals: one unit is 10^scale minor units
    last_seq INTEGER NOT NULL
) STRICT;
CREATE TABLE symbols (
    symbol_id      INTEGER NOT NULL PRIMARY KEY,
    code           TEXT    NOT NULL,
    base_asset_id  INTEGER NOT NULL,
    base_scale     INTEGER NOT NULL,
    quote_asset_id INTEGER NOT NULL,
    quote_scale    INTEGER NOT NULL,
    tick_mantissa  INTEGER NOT NULL, -- one tick is tick_mantissa / 10^tick_scale of quote per base
    tick_scale     INTEGER NOT NULL,
    lot_mantissa   INTEGER NOT NULL, -- one lot is lot_mantissa / 10^lot_scale of base
    lot_scale      INTEGER NOT NULL,
    status         TEXT    NOT NULL, -- trading, halted
    price_min      INTEGER NOT NULL,
    price_max      INTEGER NOT NULL,
    quantity_min   INTEGER NOT NULL,
    quantity_max   INTEGER NOT NULL,
    notional_min   TEXT    NOT NULL,
    notional_max   TEXT    NOT NULL,
    band_above_ppm INTEGER,          -- absent: no price band
    band_below_ppm INTEGER,
    maker_ppm      INTEGER NOT NULL,
    taker_ppm      INTEGER NOT NULL,
    last_seq       INTEGER NOT NULL
) STRICT;
CREATE VIEW v_symbol_units AS
SELECT symbol_id, code, base_asset_id, quote_asset_id,
       tick_mantissa, tick_scale, CAST(substr('1000000000000000000', 1, tick_scale + 1) AS INTEGER) AS tick_one,
       lot_mantissa, lot_scale, CAST(substr('1000000000000000000', 1, lot_scale + 1) AS INTEGER) AS lot_one
FROM symbols;
CREATE TABLE venue (
    venue_id INTEGER NOT NULL PRIMARY KEY CHECK (venue_id = 0),
    killed   INTEGER NOT NULL,
    last_seq INTEGER NOT NULL
) STRICT;
CREATE TABLE users (
    user_id      INTEGER NOT NULL PRIMARY KEY,
    maker_ppm    INTEGER, -- fees of their own; absent: those of the symbol
    taker_ppm    INTEGER,
    killed       INTEGER NOT NULL,
    created_time INTEGER, -- absent: the venue itself
    last_seq     INTEGER NOT NULL
) STRICT;
CREATE TABLE api_keys (
    key_id     INTEGER NOT NULL PRIMARY KEY,
    user_id    INTEGER NOT NULL,
    can_read   INTEGER NOT NULL,
    can_trade  INTEGER NOT NULL,
    can_admin  INTEGER NOT NULL,
    can_audit  INTEGER NOT NULL,
    api_key    TEXT    NOT NULL,
    algorithm  TEXT    NOT NULL, -- hmac_sha256, ed25519
    credential BLOB    NOT NULL, -- the sealed secret, or the public key
    revoked    INTEGER NOT NULL,
    last_seq   INTEGER NOT NULL
) STRICT;
CREATE TABLE orders (
    order_id        INTEGER NOT NULL PRIMARY KEY,
    user_id         INTEGER NOT NULL,
    symbol_id       INTEGER NOT NULL,
    side            TEXT    NOT NULL, -- buy, sell
    kind            TEXT    NOT NULL, -- limit, market
    price           INTEGER,          -- limit: in ticks
    time_in_force   TEXT,             -- limit: good_til_canceled, post_only, immediate_or_cancel, fill_or_kill
    placed_quantity INTEGER,          -- in lots, as placed; absent: a market order by quote
    placed_quote    TEXT,             -- a market order by quote: how much
    client_order_id TEXT    NOT NULL, -- as amended
    client_hash     INTEGER NOT NULL, -- of user and client order id: a short key for the index
    maker_ppm       INTEGER NOT NULL,
    taker_ppm       INTEGER NOT NULL,
    placed_seq      INTEGER NOT NULL,
    placed_time     INTEGER NOT NULL -- nanoseconds since 1970
) STRICT;
CREATE TABLE order_states (
    order_id       INTEGER NOT NULL PRIMARY KEY,
    quantity       INTEGER,          -- in lots, as amended
    executed       INTEGER NOT NULL,
    executed_quote TEXT    NOT NULL,
    status         TEXT    NOT NULL, -- new, partially_filled, filled, canceled, expired
    close_reason   TEXT,             -- canceled, expired: why
    last_seq       INTEGER NOT NULL,
    updated_time   INTEGER NOT NULL
) STRICT;
CREATE INDEX orders_by_user ON orders (order_id >> 17, user_id, symbol_id);
CREATE INDEX orders_by_client ON orders (order_id >> 17, client_hash);
CREATE TABLE open_orders (
    order_id  INTEGER NOT NULL PRIMARY KEY,
    user_id   INTEGER NOT NULL,
    symbol_id INTEGER NOT NULL
) STRICT;
CREATE TABLE order_fills (
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
    fee_asset_id INTEGER NOT NULL
) STRICT;
CREATE INDEX order_fills_by_user ON order_fills (seq >> 20, user_id, symbol_id, trade_id);
CREATE INDEX order_fills_by_order ON order_fills (order_id, trade_id);
CREATE TABLE positions (
    user_id   INTEGER NOT NULL,
    symbol_id INTEGER NOT NULL,
    quantity  TEXT    NOT NULL, -- of base; negative: short
    cost      TEXT    NOT NULL, -- of quote, with the sign of the quantity
    realised  TEXT    NOT NULL, -- of quote
    last_seq  INTEGER NOT NULL,
    PRIMARY KEY (user_id, symbol_id)
) STRICT, WITHOUT ROWID;
CREATE TABLE balances (
    user_id  INTEGER NOT NULL,
    asset_id INTEGER NOT NULL,
    free     TEXT    NOT NULL, -- negative where credit is drawn
    locked   TEXT    NOT NULL, -- held by open orders and pending withdrawals
    last_seq INTEGER NOT NULL,
    PRIMARY KEY (user_id, asset_id)
) STRICT, WITHOUT ROWID;
CREATE TABLE credit_limits (
    user_id      INTEGER NOT NULL,
    asset_id     INTEGER NOT NULL,
    credit_limit TEXT    NOT NULL, -- how far below zero orders may draw
    last_seq     INTEGER NOT NULL,
    PRIMARY KEY (user_id, asset_id)
) STRICT, WITHOUT ROWID;
CREATE TABLE ledger (
    seq         INTEGER NOT NULL, -- with event_index and leg: the side of the movement
    event_index INTEGER NOT NULL,
    leg         INTEGER NOT NULL,
    time        INTEGER NOT NULL,
    user_id     INTEGER,          -- absent: the world outside
    asset_id    INTEGER NOT NULL,
    change      TEXT    NOT NULL,
    movement    TEXT    NOT NULL, -- deposit, withdrawal, trade, fee
    movement_id INTEGER           -- the withdrawal, or the trade
) STRICT;
CREATE INDEX ledger_by_user ON ledger (seq >> 20, user_id) WHERE user_id IS NOT NULL;
CREATE TABLE withdrawals (
    withdrawal_id INTEGER NOT NULL PRIMARY KEY,
    user_id       INTEGER NOT NULL,
    asset_id      INTEGER NOT NULL,
    amount        TEXT    NOT NULL,
    status        TEXT    NOT NULL, -- pending, settled, canceled
    last_seq      INTEGER NOT NULL,
    updated_time  INTEGER NOT NULL
) STRICT;
CREATE VIEW v_orders AS
SELECT o.order_id, o.user_id, u.code AS symbol, o.side, o.kind, o.time_in_force, o.client_order_id,
       CASE WHEN typeof(o.price * u.tick_mantissa) <> 'integer' THEN NULL
            WHEN u.tick_scale = 0 THEN CAST(o.price * u.tick_mantissa AS TEXT)
            ELSE rtrim(rtrim(printf('%d.%0*d', o.price * u.tick_mantissa / u.tick_one, u.tick_scale,
                                    o.price * u.tick_mantissa % u.tick_one), '0'), '.') END AS price,
       CASE WHEN typeof(t.quantity * u.lot_mantissa) <> 'integer' THEN NULL
            WHEN u.lot_scale = 0 THEN CAST(t.quantity * u.lot_mantissa AS TEXT)
            ELSE rtrim(rtrim(printf('%d.%0*d', t.quantity * u.lot_mantissa / u.lot_one, u.lot_scale,
                                    t.quantity * u.lot_mantissa % u.lot_one), '0'), '.') END AS quantity,
       o.placed_quote,
       CASE WHEN typeof(t.executed * u.lot_mantissa) <> 'integer' THEN NULL
            WHEN u.lot_scale = 0 THEN CAST(t.executed * u.lot_mantissa AS TEXT)
            ELSE rtrim(rtrim(printf('%d.%0*d', t.executed * u.lot_mantissa / u.lot_one, u.lot_scale,
                                    t.executed * u.lot_mantissa % u.lot_one), '0'), '.') END AS executed,
       t.executed_quote, t.status, t.close_reason, o.placed_seq, t.last_seq,
       strftime('%Y-%m-%dT%H:%M:%S', o.placed_time / 1000000000, 'unixepoch')
           || printf('.%09dZ', o.placed_time % 1000000000) AS placed_at,
       strftime('%Y-%m-%dT%H:%M:%S', t.updated_time / 1000000000, 'unixepoch')
           || printf('.%09dZ', t.updated_time % 1000000000) AS updated_at
FROM orders AS o JOIN order_states AS t USING (order_id) JOIN v_symbol_units AS u USING (symbol_id);
CREATE VIEW v_open_orders AS
SELECT v.* FROM open_orders JOIN v_orders AS v USING (order_id);
CREATE VIEW v_balances AS
SELECT b.user_id, a.code AS asset, b.free, b.locked, coalesce(c.credit_limit, '0') AS credit_limit, b.last_seq
FROM balances AS b JOIN assets AS a USING (asset_id) LEFT JOIN credit_limits AS c USING (user_id, asset_id);
CREATE VIEW v_positions AS
SELECT p.user_id, s.code AS symbol, p.quantity, p.cost, p.realised, p.last_seq
FROM positions AS p JOIN symbols AS s USING (symbol_id);
CREATE VIEW v_ledger AS
SELECT l.seq, l.event_index, l.leg, l.user_id, a.code AS asset, l.change, l.movement, l.movement_id,
       strftime('%Y-%m-%dT%H:%M:%S', l.time / 1000000000, 'unixepoch') || printf('.%09dZ', l.time % 1000000000) AS at
FROM ledger AS l JOIN assets AS a USING (asset_id);
