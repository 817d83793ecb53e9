//! The end of the chain, and the one rule by which a block may follow it.

use domain::ids::{Hash256, VenueId};
use domain::units::{Epoch, Seq, UnixNanos};

use crate::block::BlockHeader;
use crate::damage::Damage;

/// The state of a log after its last block.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tip {
    /// Last sequence.
    pub seq: Seq,
    /// Chain hash of the last block, with or without records.
    pub hash: Hash256,
    /// Highest epoch.
    pub epoch: Epoch,
    /// Highest block time.
    pub time: UnixNanos,
}

impl Tip {
    /// Whether `header` may come next. Checked before every write and after every read.
    pub fn admits(&self, header: &BlockHeader, venue: VenueId) -> Result<(), Damage> {
        if header.venue != venue {
            return Err(Damage::ForeignVenue { found: header.venue });
        }
        if header.first_seq != self.seq.next() {
            return Err(Damage::Gap { expected: self.seq.next(), found: header.first_seq });
        }
        if header.previous != self.hash {
            return Err(Damage::Chain);
        }
        if header.epoch < self.epoch {
            return Err(Damage::EpochBackwards { last: self.epoch, found: header.epoch });
        }
        if header.time < self.time {
            return Err(Damage::TimeBackwards { last: self.time, found: header.time });
        }
        Ok(())
    }

    /// The tip once a block with this header and chain hash has been added.
    #[must_use]
    pub fn after(header: &BlockHeader, hash: Hash256) -> Self {
        Self { seq: header.last_seq(), hash, epoch: header.epoch, time: header.time }
    }

    /// The tip that a block with this header was made for.
    #[must_use]
    pub(crate) const fn before(header: &BlockHeader) -> Self {
        Self { seq: header.first_seq.previous(), hash: header.previous, epoch: header.epoch, time: header.time }
    }
}
