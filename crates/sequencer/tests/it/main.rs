//! The path of a command from the queue to the event log, on a disk that fails when told to. Start at `fixture`: a venue without threads.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

mod fixture;
mod admission;
mod log;
mod release;
mod event_log;
mod replayer;
mod snapshots;
mod recovery;
