//! The one writer: stamps commands, journals them, applies them, and releases what is committed.
//!
//! **Invariant:** the only writer of the log, the only stamp of time, the only owner of the live engine.
//! **Invariant:** nothing is released before it is committed; what is released is in the read model before the answer leaves.
//! **Invariant:** after a failed write or sync nothing is acknowledged any more.
//!
//! Start reading at [`sequencer::Sequencer::step`], then [`release`], [`event_log`], and [`recovery`] for what happens at a start.

pub mod sequencer;
pub mod queue;
pub mod clock;
pub mod log;
pub mod batch;
pub mod release;
pub mod event_log;
pub mod execution_index;
pub mod folder;
pub mod snapshots;
pub mod replayer;
mod pipeline;
pub mod recovery;
