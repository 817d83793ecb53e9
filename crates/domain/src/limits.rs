//! Every limit of the rules, by name. What a machine can hold (queues, buffers, files) is configured where it lives.

/// Largest absolute amount of any asset, in minor units: 10^36. Deposits are refused before a total could pass it,
/// so no sum inside the engine can overflow.
pub const AMOUNT_MAX: i128 = 1_000_000_000_000_000_000_000_000_000_000_000_000;

/// Highest price in ticks.
pub const TICKS_MAX: u64 = (1 << 48) - 1;

/// Largest quantity in lots; below 2^53, so that it survives a JavaScript number.
pub const LOTS_MAX: u64 = (1 << 53) - 1;

/// Most decimals of an asset.
pub const SCALE_MAX: u8 = 18;

/// One whole, in parts per million.
pub const PPM_ONE: u32 = 1_000_000;

/// Highest fee rate: 10 %.
pub const FEE_PPM_MAX: u32 = 100_000;

/// Widest price band: from a tenth to ten times the last price.
pub const BAND_PPM_MAX: u32 = 9 * PPM_ONE;

/// Open orders one user may have.
pub const OPEN_ORDERS_PER_USER_MAX: u32 = 10_000;

/// Fills one command may cause; what is left of the taker then expires, so one order cannot hold up the venue.
pub const FILLS_PER_COMMAND_MAX: u32 = 4_096;

/// Client order ids of closed orders that are remembered.
pub const CLOSED_IDS_MAX: usize = 65_536;

/// How long (block time) the client order id of a closed order is remembered.
pub const CLOSED_ID_AGE_NS: u64 = 120_000_000_000;

/// Assets a venue may have.
pub const ASSETS_MAX: u32 = 65_536;

/// Symbols a venue may have.
pub const SYMBOLS_MAX: u32 = 65_536;

/// Users a venue may have.
pub const USERS_MAX: u32 = 100_000_000;

/// Shards a venue may have.
pub const SHARDS_MAX: u16 = 256;

/// Weight of a shard that nobody has given another.
pub const SHARD_WEIGHT_DEFAULT: u32 = 100;

/// Largest weight of a shard.
pub const SHARD_WEIGHT_MAX: u32 = 1_000_000;

/// Moves that may be open at a time: each is a copy that somebody has to make.
pub const OPEN_MOVES_MAX: usize = 1_024;

/// Shards, one after the other, that a symbol or a user may have lived on: what is remembered of each for ever is small.
pub const TENURES_MAX: usize = 256;

/// Order ids: the cell takes the high bits, a dense counter the low ones.
pub const ORDER_COUNTER_BITS: u32 = 47;

/// Cells (regions) that order ids can name.
pub const CELLS_MAX: u64 = 64;

/// Characters of a client order id or request id.
pub const CLIENT_ID_LEN_MAX: usize = 36;

const _: () = assert!(CELLS_MAX << ORDER_COUNTER_BITS == 1 << 53, "public ids stay below 2^53");
const _: () = assert!(FEE_PPM_MAX < PPM_ONE, "a fee never exceeds what was received");
