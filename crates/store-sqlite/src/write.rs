//! Rows into tables, inside the transaction of their batch.

pub(crate) mod reference;
pub(crate) mod symbols;
pub(crate) mod users;
pub(crate) mod archive;
pub(crate) mod derived;

use domain::ids::UserId;
use domain::text::ClientOrderId;

use crate::fault::Fault;

/// SQLite has signed integers; the few of ours that may use the last bit keep their bits.
pub(crate) const fn int(value: u64) -> i64 {
    value.cast_signed()
}

/// A bound that somebody asked for, which may be anything: past the last there can be, it is behind all rows.
pub(crate) fn asked(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// A statement that must find its row: the checkpoint says that it was written.
fn one(changed: usize, row: impl FnOnce() -> String) -> Result<(), Fault> {
    if changed == 1 { Ok(()) } else { Err(Fault::Missing(row())) }
}

/// A short key for a user's client order id (FNV-1a). Collisions cost a comparison; the value is stored, so it never changes.
pub(crate) fn client_hash(user: UserId, name: &ClientOrderId) -> i64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for byte in user.0.to_le_bytes().iter().chain(name.as_bytes()) {
        hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
    }
    // 32 bits tell the orders of one range apart well enough, and make the index a quarter smaller.
    int(hash >> 32)
}
