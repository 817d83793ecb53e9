//! The replayer confirms what the live engine did, or says where it differs.

use domain::event::Event;
use domain::units::{Seq, UnixNanos};
use journal::faulty::FaultyDisk;
use journal::segment::segment_name;
use sequencer::replayer::ReplayError;

use crate::fixture::{Line, all_events, create_asset, create_user, deposit, open_accounts, places, restart};

#[test]
fn a_replayer_follows_and_reaches_the_same_state() {
    let mut line = Line::open(&places(&FaultyDisk::new(1)));
    let mut replayer = line.replayer();
    open_accounts(&mut line);
    for id in ["d1", "d2", "d3"] {
        line.run(deposit(id));
        while replayer.step(line.event_log.progress().committed()).unwrap() {}
        assert_eq!(replayer.snapshot().1, line.sequencer.engine().state());
    }
    let header = replayer.snapshot().0;
    assert_eq!(header.journal_hash, line.sequencer.log().journal().tip().hash);
    assert_eq!(header.event_log_hash, line.event_log.journal().tip().hash);
}

/// The event log says something else, with checksums that are right: only replay can tell.
#[test]
fn a_different_event_is_a_divergence() {
    let disk = FaultyDisk::new(2);
    let mut line = Line::open(&places(&disk));
    open_accounts(&mut line);
    let mut answer = line.submit(deposit("d1")).unwrap();
    line.step().unwrap();
    assert!(line.sequencer.log_mut().work());
    line.release();
    assert!(answer.try_recv().is_ok());
    let mut batch = line.to_event_log.try_recv().unwrap();
    for event in &mut batch.events {
        if let Event::Deposited(deposited) = event {
            deposited.amount.0 += 1;
        }
    }
    line.event_log.write(&batch).unwrap();

    let mut replayer = line.replayer();
    let diverged = replayer.step(Seq(3));
    assert!(matches!(diverged, Err(ReplayError::Diverged { first_seq: Seq(3) })), "{diverged:?}");

    drop(line);
    let refused = restart(&places(&disk)).unwrap_err();
    assert!(refused.to_string().contains("from sequence 3"), "{refused}");
}

#[test]
fn a_flipped_bit_is_not_a_divergence_but_damage() {
    let disk = FaultyDisk::new(4);
    let mut line = Line::open(&places(&disk));
    open_accounts(&mut line);
    let mut replayer = line.replayer();
    disk.flip_bit(std::path::Path::new("events").join(segment_name(Seq(1))), 4096 + 112 + 30, 0);
    let failed = replayer.step(Seq(2));
    assert!(matches!(failed, Err(ReplayError::Read(_))), "{failed:?}");
}

#[test]
fn the_seal_of_an_earlier_life_is_passed_over() {
    let disk = FaultyDisk::new(5);
    let mut line = Line::open(&places(&disk));
    open_accounts(&mut line);
    let time = UnixNanos(line.now);
    let Line { sequencer, event_log, release, .. } = line;
    sequencer.into_parts().1.into_journal().seal(1, time).unwrap();
    event_log.into_journal().seal(1, time).unwrap();
    drop(release);

    let mut line = Line::open(&places(&disk));
    line.run(deposit("d1"));
    line.run(create_asset("EUR"));
    drop(line);
    let mut line = Line::open(&places(&disk));
    line.run(create_user("u2"));
    assert_eq!(all_events(&line).len(), 5);
}
