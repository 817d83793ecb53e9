//! The hash of the look-up tables. It decides where an entry lies, never what comes out, so it is not part of the rules.

use std::hash::{BuildHasher, Hash};

use foldhash::fast::FixedState;

/// 32 well-mixed bits of a key. Tables keep them beside the entry, so that growing one never touches the keys.
pub(crate) fn hash32(key: &impl Hash) -> u32 {
    let hash = FixedState::with_seed(0x6275_7474_6f6e_776f).hash_one(key);
    u32::try_from(hash >> 32).expect("the high half of 64 bits")
}

/// The table's 64-bit hash of the bits kept: spread over both ends, since the table uses both.
pub(crate) fn spread(hash: u32) -> u64 {
    u64::from(hash).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}
