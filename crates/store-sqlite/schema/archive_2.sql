-- The derived collections: one stream each, functions of the log, which can be dropped and made again. A row is of one bucket of
-- block time: `bucket_seconds` long (604800: a week from Monday; 0: all of time), from `bucket_start` (nanoseconds since 1970) on.
-- `last_seq` is the last command that is in the row. Sums may pass 64 bits, so they are decimal text.

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

-- Whom analytics.active_users has counted.
CREATE TABLE active_users (
    scope          TEXT    NOT NULL,
    scope_id       INTEGER NOT NULL,
    bucket_seconds INTEGER NOT NULL,
    bucket_start   INTEGER NOT NULL,
    user_id        INTEGER NOT NULL,
    first_seq      INTEGER NOT NULL,
    PRIMARY KEY (scope, scope_id, bucket_seconds, bucket_start, user_id)
) STRICT, WITHOUT ROWID;

-- For searches; a key is of one user. With the range in front only the part of the newest range is written.
CREATE INDEX audit_logs_by_user ON audit_logs (seq >> 20, user_id);
