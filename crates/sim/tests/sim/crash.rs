//! Hundreds of crashes, and after each everything promised is there.

use sim::commands::Profile;
use sim::crash::{Lives, run};

/// Lives of one venue.
const LIVES: usize = 24;

#[test]
fn what_was_answered_survives_every_crash() {
    let rounds: u64 = std::env::var("SIM_CRASH_ROUNDS").ok().map_or(16, |rounds| rounds.parse().unwrap());
    let mut all = Lives::default();
    for seed in 0..rounds {
        for profile in [Profile::Small, Profile::Shards, Profile::Flow] {
            match run(seed, profile, LIVES) {
                Ok(lives) => all += lives,
                Err(what) => panic!("seed {seed}, {profile:?}: {what}"),
            }
        }
    }
    let hard = [all.crashes, all.failed_starts, all.clean_ends, all.answered, all.unanswered_kept, all.lost];
    assert!(hard.iter().all(|count| *count > rounds), "the faults were too kind: {all:?}");
    assert!(all.events_derived > rounds && all.from_snapshot > rounds, "recovery had too little to do: {all:?}");
}
