-- How far each stream of this database is. A row is written in the same transaction as the rows it vouches for.
CREATE TABLE checkpoints (
    stream TEXT    NOT NULL PRIMARY KEY,
    venue  BLOB    NOT NULL, -- id of the journal followed
    epoch  INTEGER NOT NULL, -- epoch of the writer: an older one is fenced
    seq    INTEGER NOT NULL, -- last sequence stored
    hash   BLOB    NOT NULL  -- chain hash of the event log at that sequence
) STRICT, WITHOUT ROWID;

-- Stream "reference". Assets, and what a symbol is made of, never change: every amount in this database is read by them.
CREATE TABLE assets (
    asset_id INTEGER NOT NULL PRIMARY KEY,
    code     TEXT    NOT NULL,
    scale    INTEGER NOT NULL, -- decimals: one unit is 10^scale minor units
    last_seq INTEGER NOT NULL
) STRICT;

-- Prices are in ticks, quantities in lots, rates in parts per million.
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

-- One tick and one lot as a fraction that integer arithmetic can use.
CREATE VIEW v_symbol_units AS
SELECT symbol_id, code, base_asset_id, quote_asset_id,
       tick_mantissa, tick_scale, CAST(substr('1000000000000000000', 1, tick_scale + 1) AS INTEGER) AS tick_one,
       lot_mantissa, lot_scale, CAST(substr('1000000000000000000', 1, lot_scale + 1) AS INTEGER) AS lot_one
FROM symbols;
