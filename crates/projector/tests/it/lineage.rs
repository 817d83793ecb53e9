//! Which rows a reader may take for its own venue's.

use domain::ids::{Checkpoint, Hash256, VenueId};
use domain::units::{Epoch, Seq};
use projector::batch::Stream;
use projector::follower::Stop;
use projector::history::ReadError;
use projector::lineage::{CHECKPOINTS_MAX, Lineage};

fn at(seq: u64) -> Checkpoint {
    Checkpoint { venue: VenueId([1; 16]), epoch: Epoch(3), seq: Seq(seq), hash: Hash256([seq.to_le_bytes()[0]; 32]) }
}

fn check(lineage: &Lineage, found: Checkpoint) -> bool {
    match lineage.check(Stream::Users, Some(&found)) {
        Ok(()) => true,
        Err(ReadError::Foreign(_)) => false,
        Err(other) => panic!("{other}"),
    }
}

#[test]
fn only_a_checkpoint_that_was_admitted_is_the_venues_own() {
    let lineage = Lineage::default();
    assert_eq!(lineage.check(Stream::Users, None), Ok(()), "an empty store has nothing of anybody");
    let unknown = lineage.check(Stream::Users, Some(&at(4)));
    assert!(matches!(unknown, Err(ReadError::Failed(_))), "nobody has looked yet: {unknown:?}");
    for seq in [4, 7] {
        lineage.admit(Stream::Users, at(seq));
    }
    let cases = [
        ("the last one", at(7), true),
        ("the one before", at(4), true),
        ("in between", at(5), false),
        ("ahead", at(8), false),
        ("another venue", Checkpoint { venue: VenueId([2; 16]), ..at(7) }, false),
        ("a later writer", Checkpoint { epoch: Epoch(4), ..at(7) }, false),
        ("the same epoch, another history", Checkpoint { hash: Hash256([9; 32]), ..at(7) }, false),
    ];
    for (what, found, admitted) in cases {
        assert_eq!(check(&lineage, found), admitted, "{what}");
    }
    assert!(lineage.check(Stream::Trades, Some(&at(7))).is_err(), "each stream by itself");
}

#[test]
fn the_oldest_are_forgotten() {
    let lineage = Lineage::default();
    let last = CHECKPOINTS_MAX as u64 + 1;
    for seq in 1..=last {
        lineage.admit(Stream::Users, at(seq));
    }
    assert!(!check(&lineage, at(1)));
    assert!(check(&lineage, at(2)) && check(&lineage, at(last)));
}

#[test]
fn a_store_that_was_taken_over_is_closed_and_one_that_only_fails_is_not() {
    for (stop, is_open) in [
        (Stop::Failed("no space".into()), true),
        (Stop::Gone(Seq(5)), true),
        (Stop::Fenced(Epoch(4)), false),
        (Stop::Diverged(projector::store::Divergence::Ahead(Seq(9))), false),
    ] {
        let lineage = Lineage::default();
        lineage.admit(Stream::Users, at(7));
        lineage.close(Stream::Users, &stop);
        assert_eq!(check(&lineage, at(7)), is_open, "{stop}");
        assert_eq!(lineage.check(Stream::Users, None).is_ok(), is_open, "{stop}");
    }
}
