//! Tests of the journal through its public interface. Start at `fixture`: how a small log on a faulty disk is made.
#![expect(clippy::unwrap_used, reason = "a failure is a failed test, also in the functions the tests share")]

mod fixture;
mod round_trip;
mod opening;
mod damage;
mod failure;
mod power_cut;
mod removal;
mod reading;
mod garbage;
mod real_disk;
