-- One shard: the streams `reference`, `symbols` and `users`, each with its own checkpoint. No foreign key crosses streams, for
-- they are at different sequences; `buttonwood verify` proves those relations instead.
--
-- Prices, quantities and amounts are NUMERIC in the units people use; times are nanoseconds since 1970, as the journal has them.
-- No index is on a column that changes with every order, so that updates stay on their page; the fill factors leave room there.

CREATE TABLE checkpoints (
    stream text   PRIMARY KEY,
    venue  bytea  NOT NULL CHECK (length(venue) = 16),
    epoch  bigint NOT NULL,
    seq    bigint NOT NULL,
    hash   bytea  NOT NULL CHECK (length(hash) = 32)
) WITH (fillfactor = 10);
COMMENT ON TABLE checkpoints IS 'How far each stream follows the journal; written in the same transaction as the rows.';
COMMENT ON COLUMN checkpoints.stream IS 'reference, symbols or users';
COMMENT ON COLUMN checkpoints.venue IS 'id of the journal that is followed';
COMMENT ON COLUMN checkpoints.epoch IS 'epoch of the last writer: an older one is refused';
COMMENT ON COLUMN checkpoints.seq IS 'last sequence whose rows are here';
COMMENT ON COLUMN checkpoints.hash IS 'chain hash of the event log at that sequence';

-- Stream `reference`: the same on every shard.

CREATE TABLE venue (
    single   boolean PRIMARY KEY DEFAULT true CHECK (single),
    killed   boolean NOT NULL,
    last_seq bigint  NOT NULL
);
COMMENT ON TABLE venue IS 'What holds for all symbols; one row.';
COMMENT ON COLUMN venue.single IS 'always true: there is one row';
COMMENT ON COLUMN venue.killed IS 'whether the kill switch of the venue is engaged';
COMMENT ON COLUMN venue.last_seq IS 'sequence of the last command that changed it';

CREATE TABLE assets (
    asset_id integer  PRIMARY KEY,
    code     text     NOT NULL,
    scale    smallint NOT NULL,
    last_seq bigint   NOT NULL
);
COMMENT ON TABLE assets IS 'What can be owned.';
COMMENT ON COLUMN assets.code IS 'BTC, USDT';
COMMENT ON COLUMN assets.scale IS 'decimals: amounts are whole multiples of 1 / 10^scale';
COMMENT ON COLUMN assets.last_seq IS 'sequence of the command that listed it';

CREATE TABLE symbols (
    symbol_id      integer  PRIMARY KEY,
    code           text     NOT NULL,
    base_asset_id  integer  NOT NULL,
    base_scale     smallint NOT NULL,
    quote_asset_id integer  NOT NULL,
    quote_scale    smallint NOT NULL,
    tick_mantissa  numeric  NOT NULL,
    tick_scale     smallint NOT NULL,
    lot_mantissa   numeric  NOT NULL,
    lot_scale      smallint NOT NULL,
    status         text     NOT NULL,
    price_min      numeric  NOT NULL,
    price_max      numeric  NOT NULL,
    quantity_min   numeric  NOT NULL,
    quantity_max   numeric  NOT NULL,
    notional_min   numeric  NOT NULL,
    notional_max   numeric  NOT NULL,
    band_above_ppm integer,
    band_below_ppm integer,
    maker_ppm      integer  NOT NULL,
    taker_ppm      integer  NOT NULL,
    last_seq       bigint   NOT NULL
);
COMMENT ON TABLE symbols IS 'What can be traded: base against quote.';
COMMENT ON COLUMN symbols.code IS 'BTCUSDT';
COMMENT ON COLUMN symbols.base_asset_id IS 'what is traded';
COMMENT ON COLUMN symbols.base_scale IS 'its decimals';
COMMENT ON COLUMN symbols.quote_asset_id IS 'what it is paid in';
COMMENT ON COLUMN symbols.quote_scale IS 'its decimals';
COMMENT ON COLUMN symbols.tick_mantissa IS 'prices are multiples of tick_mantissa / 10^tick_scale of quote per base';
COMMENT ON COLUMN symbols.tick_scale IS 'see tick_mantissa';
COMMENT ON COLUMN symbols.lot_mantissa IS 'quantities are multiples of lot_mantissa / 10^lot_scale of base';
COMMENT ON COLUMN symbols.lot_scale IS 'see lot_mantissa';
COMMENT ON COLUMN symbols.status IS 'trading or halted';
COMMENT ON COLUMN symbols.price_min IS 'least price of an order';
COMMENT ON COLUMN symbols.price_max IS 'greatest price of an order';
COMMENT ON COLUMN symbols.quantity_min IS 'least quantity of an order, in base';
COMMENT ON COLUMN symbols.quantity_max IS 'greatest quantity of an order, in base';
COMMENT ON COLUMN symbols.notional_min IS 'least value of an order, in quote';
COMMENT ON COLUMN symbols.notional_max IS 'greatest value of an order, in quote';
COMMENT ON COLUMN symbols.band_above_ppm IS 'how far above the last price an order may be, in millionths; absent: no price band';
COMMENT ON COLUMN symbols.band_below_ppm IS 'the same below';
COMMENT ON COLUMN symbols.maker_ppm IS 'fee of the order that rested, in millionths';
COMMENT ON COLUMN symbols.taker_ppm IS 'fee of the order that came, in millionths';
COMMENT ON COLUMN symbols.last_seq IS 'sequence of the last command that changed it';

CREATE TABLE users (
    user_id      integer PRIMARY KEY,
    maker_ppm    integer,
    taker_ppm    integer,
    killed       boolean NOT NULL,
    created_time bigint,
    last_seq     bigint  NOT NULL
) WITH (fillfactor = 85);
COMMENT ON TABLE users IS 'Who trades here; 0 is the venue itself.';
COMMENT ON COLUMN users.maker_ppm IS 'fee of their own, in millionths; absent: that of the symbol';
COMMENT ON COLUMN users.taker_ppm IS 'fee of their own, in millionths; absent: that of the symbol';
COMMENT ON COLUMN users.killed IS 'whether their kill switch is engaged';
COMMENT ON COLUMN users.created_time IS 'nanoseconds since 1970; absent for the venue itself';
COMMENT ON COLUMN users.last_seq IS 'sequence of the last command that changed it';

CREATE TABLE api_keys (
    key_id     bigint  PRIMARY KEY,
    user_id    integer NOT NULL,
    can_read   boolean NOT NULL,
    can_trade  boolean NOT NULL,
    can_admin  boolean NOT NULL,
    can_audit  boolean NOT NULL,
    api_key    text    NOT NULL,
    algorithm  text    NOT NULL,
    credential bytea   NOT NULL,
    revoked    boolean NOT NULL,
    last_seq   bigint  NOT NULL
) WITH (fillfactor = 85);
CREATE INDEX api_keys_by_user ON api_keys (user_id);
COMMENT ON TABLE api_keys IS 'What requests are signed with.';
COMMENT ON COLUMN api_keys.can_read IS 'may read what is its user''s';
COMMENT ON COLUMN api_keys.can_trade IS 'may place and cancel orders';
COMMENT ON COLUMN api_keys.can_admin IS 'may administrate the venue';
COMMENT ON COLUMN api_keys.can_audit IS 'may read everything';
COMMENT ON COLUMN api_keys.revoked IS 'whether it is no longer valid';
COMMENT ON COLUMN api_keys.api_key IS 'the public part';
COMMENT ON COLUMN api_keys.algorithm IS 'hmac_sha256 or ed25519';
COMMENT ON COLUMN api_keys.credential IS 'the secret, sealed with the venue''s master key, or the public key';
COMMENT ON COLUMN api_keys.last_seq IS 'sequence of the last command that changed it';

-- Stream `symbols`: what is traded in the symbols of this shard.

CREATE TABLE orders (
    order_id        bigint  NOT NULL,
    placed_seq      bigint  NOT NULL,
    placed_time     bigint  NOT NULL,
    last_seq        bigint  NOT NULL,
    updated_time    bigint  NOT NULL,
    user_id         integer NOT NULL,
    symbol_id       integer NOT NULL,
    maker_ppm       integer NOT NULL,
    taker_ppm       integer NOT NULL,
    side            text    NOT NULL,
    kind            text    NOT NULL,
    time_in_force   text,
    price           numeric,
    placed_quantity numeric,
    placed_quote    numeric,
    client_order_id text    NOT NULL,
    quantity        numeric,
    executed        numeric NOT NULL,
    executed_quote  numeric NOT NULL,
    status          text    NOT NULL,
    close_reason    text,
    PRIMARY KEY (order_id)
) PARTITION BY RANGE (order_id);
CREATE INDEX orders_by_user ON orders (user_id, symbol_id, order_id);
-- The range of ids in front keeps the part of the index that is written to small: names come in any order.
CREATE INDEX orders_by_client ON orders ((order_id >> 17), hashtextextended(client_order_id, user_id));
COMMENT ON TABLE orders IS 'Every order, as it is now.';
COMMENT ON COLUMN orders.placed_seq IS 'sequence of the command that placed it';
COMMENT ON COLUMN orders.placed_time IS 'nanoseconds since 1970';
COMMENT ON COLUMN orders.last_seq IS 'sequence of the last command that changed it';
COMMENT ON COLUMN orders.updated_time IS 'time of that command, nanoseconds since 1970';
COMMENT ON COLUMN orders.maker_ppm IS 'fee rate where it rests, in millionths: fixed at placement';
COMMENT ON COLUMN orders.taker_ppm IS 'fee rate where it takes, in millionths: fixed at placement';
COMMENT ON COLUMN orders.side IS 'buy or sell';
COMMENT ON COLUMN orders.kind IS 'limit or market';
COMMENT ON COLUMN orders.time_in_force IS 'limit: good_til_canceled, post_only, immediate_or_cancel, fill_or_kill';
COMMENT ON COLUMN orders.price IS 'limit: quote per base';
COMMENT ON COLUMN orders.placed_quantity IS 'in base, as placed; absent for a market order by quote';
COMMENT ON COLUMN orders.placed_quote IS 'a market order by quote: how much';
COMMENT ON COLUMN orders.client_order_id IS 'the caller''s name for it, as amended';
COMMENT ON COLUMN orders.quantity IS 'in base, as amended; absent for a market order by quote';
COMMENT ON COLUMN orders.executed IS 'how much of it is filled, in base';
COMMENT ON COLUMN orders.executed_quote IS 'what its fills cost';
COMMENT ON COLUMN orders.status IS 'new, partially_filled, filled, canceled, expired';
COMMENT ON COLUMN orders.close_reason IS 'canceled, expired: why';

CREATE TABLE open_orders (
    order_id  bigint  PRIMARY KEY,
    user_id   integer NOT NULL,
    symbol_id integer NOT NULL
) WITH (autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_threshold = 10000);
CREATE INDEX open_orders_by_user ON open_orders (user_id);
COMMENT ON TABLE open_orders IS 'Which orders are in the books: small, where orders is large.';

CREATE TABLE order_fills (
    order_id     bigint   NOT NULL,
    trade_id     bigint   NOT NULL,
    seq          bigint   NOT NULL,
    time         bigint   NOT NULL,
    execution    bigint   NOT NULL,
    event_index  integer  NOT NULL,
    user_id      integer  NOT NULL,
    symbol_id    integer  NOT NULL,
    fee_asset_id integer  NOT NULL,
    side         text     NOT NULL,
    liquidity    text     NOT NULL,
    price        numeric  NOT NULL,
    quantity     numeric  NOT NULL,
    quote        numeric  NOT NULL,
    fee          numeric  NOT NULL,
    PRIMARY KEY (order_id, trade_id)
) PARTITION BY RANGE (order_id);
CREATE INDEX order_fills_by_user ON order_fills (user_id, symbol_id, trade_id);
COMMENT ON TABLE order_fills IS 'One order''s side of one trade. A trade has two: its maker''s and its taker''s.';
COMMENT ON COLUMN order_fills.trade_id IS 'dense within the symbol';
COMMENT ON COLUMN order_fills.seq IS 'with event_index: the event';
COMMENT ON COLUMN order_fills.time IS 'nanoseconds since 1970';
COMMENT ON COLUMN order_fills.execution IS 'number in the user''s life';
COMMENT ON COLUMN order_fills.event_index IS 'with seq: the event';
COMMENT ON COLUMN order_fills.fee_asset_id IS 'what the fee was charged in: what was received';
COMMENT ON COLUMN order_fills.side IS 'which way the order trades: buy or sell';
COMMENT ON COLUMN order_fills.liquidity IS 'whether the order rested (maker) or came (taker)';
COMMENT ON COLUMN order_fills.price IS 'quote per base';
COMMENT ON COLUMN order_fills.quantity IS 'in base';
COMMENT ON COLUMN order_fills.quote IS 'price times quantity';
COMMENT ON COLUMN order_fills.fee IS 'what the order''s user paid for the trade, in fee_asset_id';

CREATE TABLE positions (
    user_id   integer NOT NULL,
    symbol_id integer NOT NULL,
    last_seq  bigint  NOT NULL,
    quantity  numeric NOT NULL,
    cost      numeric NOT NULL,
    realised  numeric NOT NULL,
    PRIMARY KEY (user_id, symbol_id)
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_threshold = 10000);
COMMENT ON TABLE positions IS 'What a user holds of a symbol through trading.';
COMMENT ON COLUMN positions.quantity IS 'in base; negative: short';
COMMENT ON COLUMN positions.cost IS 'what the open quantity cost, in quote, with the sign of the quantity';
COMMENT ON COLUMN positions.realised IS 'profit of what was closed so far, in quote';
COMMENT ON COLUMN positions.last_seq IS 'sequence of the last command that changed it';

-- Stream `users`: money of the users of this shard.

CREATE TABLE balances (
    user_id  integer NOT NULL,
    asset_id integer NOT NULL,
    last_seq bigint  NOT NULL,
    free     numeric NOT NULL,
    locked   numeric NOT NULL,
    PRIMARY KEY (user_id, asset_id)
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_threshold = 10000);
COMMENT ON TABLE balances IS 'What a user owns.';
COMMENT ON COLUMN balances.free IS 'free to use; negative where credit is drawn';
COMMENT ON COLUMN balances.locked IS 'held by open orders and pending withdrawals';
COMMENT ON COLUMN balances.last_seq IS 'sequence of the last command that changed it';

CREATE TABLE credit_limits (
    user_id      integer NOT NULL,
    asset_id     integer NOT NULL,
    last_seq     bigint  NOT NULL,
    credit_limit numeric NOT NULL,
    PRIMARY KEY (user_id, asset_id)
) WITH (fillfactor = 85);
COMMENT ON TABLE credit_limits IS 'How far below zero a user''s orders may draw an asset.';
COMMENT ON COLUMN credit_limits.credit_limit IS 'how far';
COMMENT ON COLUMN credit_limits.last_seq IS 'sequence of the last command that changed it';

CREATE TABLE ledger (
    seq         bigint   NOT NULL,
    time        bigint   NOT NULL,
    movement_id bigint,
    event_index integer  NOT NULL,
    user_id     integer,
    asset_id    integer  NOT NULL,
    leg         smallint NOT NULL,
    movement    text     NOT NULL,
    change      numeric  NOT NULL,
    PRIMARY KEY (seq, event_index, leg)
);
CREATE INDEX ledger_by_user ON ledger (user_id, seq) WHERE user_id IS NOT NULL;
COMMENT ON TABLE ledger IS 'Every movement of money, one row for each side: the rows of an event in an asset sum to zero.';
COMMENT ON COLUMN ledger.seq IS 'with event_index and leg: the side of the movement';
COMMENT ON COLUMN ledger.event_index IS 'see seq';
COMMENT ON COLUMN ledger.leg IS 'see seq; 2n and 2n + 1 are the two sides of one movement';
COMMENT ON COLUMN ledger.time IS 'nanoseconds since 1970';
COMMENT ON COLUMN ledger.movement_id IS 'the withdrawal, or the trade (within its symbol)';
COMMENT ON COLUMN ledger.user_id IS 'absent: the world outside';
COMMENT ON COLUMN ledger.movement IS 'deposit, withdrawal, trade, fee';
COMMENT ON COLUMN ledger.change IS 'how much came (positive) or went (negative)';

CREATE TABLE withdrawals (
    withdrawal_id bigint  PRIMARY KEY,
    last_seq      bigint  NOT NULL,
    updated_time  bigint  NOT NULL,
    user_id       integer NOT NULL,
    asset_id      integer NOT NULL,
    status        text    NOT NULL,
    amount        numeric NOT NULL
) WITH (fillfactor = 85);
CREATE INDEX withdrawals_by_user ON withdrawals (user_id);
COMMENT ON TABLE withdrawals IS 'Money on its way out.';
COMMENT ON COLUMN withdrawals.amount IS 'how much';
COMMENT ON COLUMN withdrawals.status IS 'pending (the money is locked), settled (it has left), canceled (it stayed)';
COMMENT ON COLUMN withdrawals.last_seq IS 'sequence of the last command that changed it';
COMMENT ON COLUMN withdrawals.updated_time IS 'time of that command, nanoseconds since 1970';

-- Which shard this is, and what it owns. Without a row in `shard` the venue has one store, which owns everything.

CREATE TABLE shard (
    single   boolean PRIMARY KEY DEFAULT true CHECK (single),
    shard_id integer NOT NULL
);
COMMENT ON TABLE shard IS 'Which shard of the venue this database is; no row: the venue has no shards.';
COMMENT ON COLUMN shard.single IS 'always true: there is one row at most';

CREATE TABLE symbol_tenures (
    symbol_id integer NOT NULL,
    from_seq  bigint  NOT NULL,
    shard_id  integer NOT NULL,
    PRIMARY KEY (symbol_id, from_seq)
);
COMMENT ON TABLE symbol_tenures IS 'Which shard owns a symbol since when; stream symbols, so it switches exactly at that checkpoint.';
COMMENT ON COLUMN symbol_tenures.from_seq IS 'the owner of every event after this sequence, up to the next row';

CREATE TABLE user_tenures (
    user_id  integer NOT NULL,
    from_seq bigint  NOT NULL,
    shard_id integer NOT NULL,
    PRIMARY KEY (user_id, from_seq)
);
COMMENT ON TABLE user_tenures IS 'Which shard owns a user''s money since when; stream users, so it switches exactly at that checkpoint.';
COMMENT ON COLUMN user_tenures.from_seq IS 'the owner of every event after this sequence, up to the next row';

CREATE TABLE incoming (
    subject    text    NOT NULL CHECK (subject IN ('symbol', 'user')),
    subject_id integer NOT NULL,
    copied_seq bigint  NOT NULL,
    rows       bigint  NOT NULL,
    digest     bytea   NOT NULL,
    PRIMARY KEY (subject, subject_id)
);
COMMENT ON TABLE incoming IS 'Symbols and users whose rows were copied from the shard that had them.';
COMMENT ON COLUMN incoming.subject IS 'symbol or user';
COMMENT ON COLUMN incoming.copied_seq IS 'checkpoint of the other shard when they were copied: events after it are added here';
COMMENT ON COLUMN incoming.rows IS 'how many rows were copied';
COMMENT ON COLUMN incoming.digest IS 'their BLAKE3 hash';
