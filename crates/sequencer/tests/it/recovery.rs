//! Starts, after every way of ending.

use domain::command::cancel_all::CancelAll;
use domain::command::create_symbol::CreateSymbol;
use domain::command::place_order::PlaceOrder;
use domain::command::{Action, Command, Envelope, RequestContent};
use domain::ids::{AssetId, SymbolId, UserId, VenueId};
use domain::instrument::{Fees, Step as StepSize, SymbolLimits};
use domain::order::{OrderKind, Side, TimeInForce};
use domain::text::Text;
use domain::units::{Epoch, Lots, Ppm, Seq, Ticks, UnixNanos};
use journal::faulty::FaultyDisk;
use journal::faulty::fault::Fault;
use sequencer::recovery::{Places, RecoveryError, Start, recover};

use crate::fixture::{
    Line, START, all_events, create_asset, create_user, deposit, open_accounts, places, request, restart,
};

fn remove(disk: &FaultyDisk, directory: &str) {
    let storage: &dyn journal::storage::Storage = disk;
    for path in disk.files() {
        if path.starts_with(directory) {
            storage.remove(&path).unwrap();
        }
    }
    storage.sync_directory(directory.as_ref()).unwrap();
}

#[test]
fn a_first_start_creates_and_the_next_continues() {
    let disk = FaultyDisk::new(1);
    let recovered = restart(&places(&disk)).unwrap();
    assert!(recovered.report.created && recovered.report.clean);
    assert_eq!((recovered.epoch, recovered.engine.seq()), (Epoch(1), Seq::ZERO));
    drop(recovered);
    let recovered = restart(&places(&disk)).unwrap();
    assert!(!recovered.report.created);
    assert_eq!((recovered.epoch, recovered.report.replayed), (Epoch(2), 0));
}

#[test]
fn a_first_start_that_was_cut_short_can_be_repeated_under_another_random_identity() {
    for skip in 0..12 {
        let disk = FaultyDisk::new(u64::from(skip));
        disk.inject(Fault::SyncError, skip);
        let first = restart(&places(&disk)).is_ok();
        disk.power_cut();
        let again = Start { new_venue: VenueId([9; 16]), ..START };
        let recovered = recover(&places(&disk), again, &mut |_| {});
        let recovered =
            recovered.unwrap_or_else(|error| panic!("sync {skip} (first start succeeded: {first}): {error}"));
        assert_eq!(recovered.engine.seq(), Seq::ZERO);
    }
}

#[test]
fn everything_is_there_after_a_power_cut() {
    let disk = FaultyDisk::new(2);
    let mut line = Line::open(&places(&disk));
    open_accounts(&mut line);
    line.snapshot();
    line.run(deposit("d1"));
    line.run(deposit("d2"));
    let (state, events) = (line.sequencer.engine().state(), all_events(&line));
    disk.power_cut();
    drop(line);
    let recovered = restart(&places(&disk)).unwrap();
    assert_eq!(recovered.engine.state(), state);
    let report = &recovered.report;
    assert_eq!((report.snapshot, report.replayed, report.clean), (Seq(2), 2, false));
    assert!(report.events_derived <= 2);
    assert_eq!(all_events(&Line::of(recovered, 10)), events);
}

#[test]
fn a_missing_event_log_is_derived_again_byte_by_byte() {
    let disk = FaultyDisk::new(3);
    let mut line = Line::open(&places(&disk));
    open_accounts(&mut line);
    drop(line);
    let mut line = Line::open(&places(&disk));
    line.run(deposit("d1"));
    let (tip, events) = (line.event_log.journal().tip(), all_events(&line));
    drop(line);
    remove(&disk, "events");
    let recovered = restart(&places(&disk)).unwrap();
    assert_eq!((recovered.report.snapshot, recovered.report.events_derived), (Seq::ZERO, 3));
    assert_eq!(recovered.event_log.journal().tip(), tip);
    assert_eq!(all_events(&Line::of(recovered, 10)), events);
}

#[test]
fn a_missing_event_log_begins_at_a_snapshot_where_the_journal_does_not_reach_back() {
    let disk = FaultyDisk::new(4);
    let mut line = Line::open(&places(&disk));
    open_accounts(&mut line);
    let mut index = 0;
    let mut purged = 0;
    while purged == 0 {
        line.run(deposit(&format!("d{index}")));
        if index % 10 == 0 {
            drop(line);
            line = Line::open(&places(&disk));
            line.snapshot();
        }
        index += 1;
        let oldest = line.snapshots.oldest_kept().unwrap().unwrap_or(Seq::ZERO);
        let (engine, log) = {
            let recovered = {
                drop(line);
                restart(&places(&disk)).unwrap()
            };
            let mut recovered = recovered;
            purged = recovered.journal.purge_before(oldest.next()).unwrap();
            line = Line::of(recovered, 100);
            (line.sequencer.engine().state(), line.event_log.journal().tip())
        };
        if purged > 0 {
            drop(line);
            remove(&disk, "events");
            let recovered = restart(&places(&disk)).unwrap();
            assert_eq!(recovered.engine.state(), engine);
            assert_eq!(recovered.event_log.journal().tip(), log, "the chain is the same from the snapshot on");
            line = Line::of(recovered, 100);
            line.run(deposit("last"));
        }
    }
}

#[test]
fn a_journal_that_is_shorter_than_the_event_log_is_refused() {
    let disk = FaultyDisk::new(5);
    let mut line = Line::open(&places(&disk));
    open_accounts(&mut line);
    drop(line);
    remove(&disk, "journal");
    assert!(matches!(restart(&places(&disk)), Err(RecoveryError::Open(_))));
}

#[test]
fn snapshots_without_a_journal_are_refused_before_anything_is_created() {
    let disk = FaultyDisk::new(6);
    let mut line = Line::open(&places(&disk));
    open_accounts(&mut line);
    line.snapshot();
    drop(line);
    remove(&disk, "journal");
    remove(&disk, "events");
    for _ in 0..2 {
        let refused = restart(&places(&disk));
        assert!(matches!(refused, Err(RecoveryError::ForeignSnapshot { seq: Seq(2) })), "{refused:?}");
    }
}

#[test]
fn a_snapshot_of_another_venue_is_refused() {
    let disk = FaultyDisk::new(7);
    let mut line = Line::open(&places(&disk));
    open_accounts(&mut line);
    line.snapshot();
    drop(line);
    let other = FaultyDisk::new(8);
    let other_places = places(&other);
    let mut line = Line::open(&other_places);
    line.run(create_asset("EUR"));
    line.run(create_user("u1"));
    drop(line);
    for path in disk.files().iter().filter(|path| path.starts_with("snapshots")) {
        other.put(path, disk.contents(path).unwrap());
    }
    let refused = restart(&other_places);
    assert!(matches!(refused, Err(RecoveryError::ForeignSnapshot { seq: Seq(2) })), "{refused:?}");
}

#[test]
fn a_snapshot_ahead_of_the_event_log_is_not_used() {
    let disk = FaultyDisk::new(9);
    let mut line = Line::open(&places(&disk));
    open_accounts(&mut line);
    line.snapshot();
    let state = line.sequencer.engine().state();
    drop(line);
    remove(&disk, "events");
    let recovered = restart(&places(&disk)).unwrap();
    assert_eq!(recovered.report.snapshot, Seq::ZERO);
    assert_eq!(recovered.engine.state(), state);
}

#[test]
fn a_snapshot_of_nothing_can_be_started_from() {
    let disk = FaultyDisk::new(10);
    let mut line = Line::open(&places(&disk));
    line.snapshot();
    drop(line);
    let mut line = Line::open(&places(&disk));
    assert_eq!(line.run(create_asset("USD")).seq, Seq(1));
}

#[test]
fn clean_ends_are_seen_and_continued() {
    let disk = FaultyDisk::new(11);
    for life in 1..=4 {
        let recovered = restart(&places(&disk)).unwrap();
        assert!(recovered.report.clean, "life {life}");
        assert_eq!(recovered.epoch, Epoch(life));
        let mut line = Line::of(recovered, 10);
        line.run(create_user(&format!("u{life}")));
        line.event_log.sync().unwrap();
        let time = UnixNanos(line.now);
        let Line { sequencer, .. } = line;
        sequencer.into_parts().1.into_journal().seal(1, time).unwrap();
    }
}

fn by(user: u32, action: Action) -> Command {
    Command { envelope: Envelope { user: UserId(user), ..Envelope::VENUE }, action }
}

/// Six users cancel 10 000 orders each in one block: more events than a block of the event log takes.
#[test]
fn a_journal_block_with_several_event_blocks_is_compared_and_derived() {
    let directory = tempfile::tempdir().unwrap();
    let places = Places::in_directory(directory.path());
    let start = Start { segment_bytes: 24 << 20, ..START };
    let mut line = Line::of(recover(&places, start, &mut |_| {}).unwrap(), 20_000);
    line.run(create_asset("A"));
    line.run(create_asset("B"));
    line.run(request(
        "AB",
        RequestContent::CreateSymbol(Box::new(CreateSymbol {
            code: Text::new("AB").unwrap(),
            base: AssetId(0),
            quote: AssetId(1),
            tick_size: StepSize { mantissa: 1, scale: 0 },
            lot_size: StepSize { mantissa: 1, scale: 0 },
            limits: SymbolLimits::WIDEST,
            fees: Fees { maker: Ppm(0), taker: Ppm(0) },
        })),
    ));
    for user in 1..=6 {
        line.run(create_user(&format!("u{user}")));
        let deposit = domain::command::deposit::Deposit {
            user: UserId(user),
            asset: AssetId(1),
            amount: domain::units::Amount(1_000_000_000),
        };
        line.run(request(&format!("d{user}"), RequestContent::Deposit(deposit)));
        for round in 0..5 {
            for order in 0..2_000 {
                let kind = OrderKind::Limit {
                    price: Ticks(1 + u64::from(user)),
                    quantity: Lots(1),
                    time_in_force: TimeInForce::GoodTilCanceled,
                };
                let client_order_id = Text::new(&format!("{round}-{order}")).unwrap();
                let place = PlaceOrder { symbol: SymbolId(0), side: Side::Buy, kind, client_order_id };
                line.submit(by(user, Action::PlaceOrder(place))).map(drop).unwrap();
            }
            line.turn();
        }
    }
    assert_eq!(line.sequencer.engine().open_orders(), 60_000);
    for user in 1..=6 {
        line.submit(by(user, Action::CancelAll(CancelAll { symbol: None }))).map(drop).unwrap();
    }
    line.turn();
    assert_eq!(line.sequencer.engine().open_orders(), 0);
    let (tip, state) = (line.event_log.journal().tip(), line.sequencer.engine().state());
    drop(line);

    let recovered = recover(&places, start, &mut |_| {}).unwrap();
    assert_eq!(recovered.report.events_derived, 0);
    let mut event_log = recovered.event_log.into_journal();
    // The second part of the last block is lost.
    event_log.truncate_after(Seq(tip.seq.0 - 1)).unwrap();
    assert!(event_log.tip().seq.0 >= 60_000);
    drop((event_log, recovered.journal));
    let recovered = recover(&places, start, &mut |_| {}).unwrap();
    assert_eq!(recovered.report.events_derived, 1);
    assert_eq!(recovered.event_log.journal().tip(), tip);
    assert_eq!(recovered.engine.state(), state);
}
