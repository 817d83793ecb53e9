user_version 4
application_id 0x42576172
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
CREATE TABLE klines (
    symbol_id        INTEGER NOT NULL,
    bucket_seconds   INTEGER NOT NULL, -- 60, 3600, 86400
    bucket_start     INTEGER NOT NULL,
    open             INTEGER NOT NULL,
    high             INTEGER NOT NULL,
    low              INTEGER NOT NULL,
    close            INTEGER NOT NULL,
    volume           TEXT    NOT NULL, -- lots
    quote_volume     TEXT    NOT NULL,
    buy_volume       TEXT    NOT NULL, -- lots that takers bought
    buy_quote_volume TEXT    NOT NULL,
    first_trade      INTEGER NOT NULL,
    last_trade       INTEGER NOT NULL,
    trades           INTEGER NOT NULL,
    last_seq         INTEGER NOT NULL,
    PRIMARY KEY (symbol_id, bucket_seconds, bucket_start)
) STRICT, WITHOUT ROWID;
CREATE TABLE historical_positions (
    user_id        INTEGER NOT NULL,
    symbol_id      INTEGER NOT NULL,
    bucket_seconds INTEGER NOT NULL,
    bucket_start   INTEGER NOT NULL,
    quantity       TEXT    NOT NULL,
    cost           TEXT    NOT NULL,
    realised       TEXT    NOT NULL,
    mark           INTEGER,
    unrealised     TEXT,
    closed         INTEGER NOT NULL, -- 1: the bucket is over
    last_seq       INTEGER NOT NULL,
    PRIMARY KEY (user_id, symbol_id, bucket_seconds, bucket_start)
) STRICT, WITHOUT ROWID;
CREATE INDEX historical_positions_by_bucket ON historical_positions (bucket_seconds, bucket_start);
CREATE TABLE market_snapshots (
    symbol_id      INTEGER NOT NULL,
    bucket_seconds INTEGER NOT NULL,
    bucket_start   INTEGER NOT NULL,
    time           INTEGER NOT NULL, -- of the last change
    last_price     INTEGER,
    bids           TEXT    NOT NULL, -- JSON: [[price, lots], …], best first
    asks           TEXT    NOT NULL,
    trades         INTEGER NOT NULL,
    volume         TEXT    NOT NULL, -- lots
    quote_volume   TEXT    NOT NULL,
    expires_at     INTEGER NOT NULL, -- removed with a later commit; readers leave it out from then on
    last_seq       INTEGER NOT NULL,
    PRIMARY KEY (symbol_id, bucket_seconds, bucket_start)
) STRICT, WITHOUT ROWID;
CREATE INDEX market_snapshots_by_expiry ON market_snapshots (expires_at);
CREATE TABLE leaderboards (
    scope          TEXT    NOT NULL, -- symbol, or asset: all symbols paid in it
    scope_id       INTEGER NOT NULL,
    bucket_seconds INTEGER NOT NULL,
    bucket_start   INTEGER NOT NULL,
    user_id        INTEGER NOT NULL,
    volume         TEXT    NOT NULL,
    realised       TEXT    NOT NULL,
    fills          INTEGER NOT NULL,
    last_seq       INTEGER NOT NULL,
    PRIMARY KEY (scope, scope_id, bucket_seconds, bucket_start, user_id)
) STRICT, WITHOUT ROWID;
CREATE TABLE analytics (
    scope          TEXT    NOT NULL, -- venue, asset, symbol
    scope_id       INTEGER NOT NULL,
    bucket_seconds INTEGER NOT NULL,
    bucket_start   INTEGER NOT NULL,
    trades         INTEGER NOT NULL,
    active_users   INTEGER NOT NULL,
    volume         TEXT    NOT NULL, -- lots; of a symbol only
    quote_volume   TEXT    NOT NULL, -- of a symbol or an asset
    base_fees      TEXT    NOT NULL, -- of a symbol only
    fees           TEXT    NOT NULL, -- in the quote asset of the symbol, or in the asset
    last_seq       INTEGER NOT NULL,
    PRIMARY KEY (scope, scope_id, bucket_seconds, bucket_start)
) STRICT, WITHOUT ROWID;
CREATE TABLE active_users (
    scope          TEXT    NOT NULL,
    scope_id       INTEGER NOT NULL,
    bucket_seconds INTEGER NOT NULL,
    bucket_start   INTEGER NOT NULL,
    user_id        INTEGER NOT NULL,
    first_seq      INTEGER NOT NULL,
    PRIMARY KEY (scope, scope_id, bucket_seconds, bucket_start, user_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX audit_logs_by_user ON audit_logs (seq >> 20, user_id);
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
CREATE TABLE closed_orders_extent (
    extent_id INTEGER NOT NULL PRIMARY KEY CHECK (extent_id = 0),
    venue     BLOB    NOT NULL, -- whose rows they are
    order_id  INTEGER NOT NULL, -- the highest
    trade_id  INTEGER NOT NULL, -- the highest of any fill
    last_seq  INTEGER NOT NULL, -- the last command that changed any of the orders
    time      INTEGER NOT NULL  -- block time of that command
, additions INTEGER NOT NULL DEFAULT 0) STRICT;
