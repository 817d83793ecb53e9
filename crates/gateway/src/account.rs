//! What a user has and did.

pub(crate) mod orders;
pub(crate) mod fills;
pub(crate) mod balances;
