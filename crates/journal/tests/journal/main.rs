//! Tests of the journal through its public interface. Start at `fixture`: how a small log on a faulty disk is made.

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
