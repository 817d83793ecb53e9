//! A model made of a state, with the commands replayed that the stores miss, answers like one that saw everything.

use domain::ids::{SymbolId, UserId};
use domain::units::Seq;
use projector::archive::ArchiveHistory;
use readmodel::limits::Limits;
use readmodel::model::ReadModel;

use crate::history::compare;
use crate::stores::{Store, recordings};

#[test]
fn replays_what_the_stores_miss() {
    for late in [false, true] {
        replays(late, None);
    }
}

/// They may be behind the trades, as far, or further.
#[test]
fn minutes_that_are_stored_are_taken_as_they_are() {
    for ahead in [-300, 0, 60] {
        replays(false, Some(ahead));
    }
}

/// The store of the orders may be away at the start: then it is asked once everything has happened. Minutes may be stored as well, by
/// somebody who is so many commands ahead of it.
fn replays(late: bool, minutes_ahead: Option<i64>) {
    let mut too_early = 0;
    for (seed, venue) in recordings(900) {
        let (stored, state) = (Seq(venue.last().0 - 400), Seq(venue.last().0 - 100));
        let store = Store::at(&venue, stored);
        let all = Store::at(&venue, venue.last());
        let model = ReadModel::new(&venue.state_at(state), Limits::default());
        if !late {
            model.learn_changes(&store, stored).unwrap();
        }
        let minutes = minutes_ahead.map(|ahead| Store::at(&venue, Seq(stored.0.saturating_add_signed(ahead))));
        let archive = minutes.as_ref().map(|minutes| minutes as &dyn ArchiveHistory);
        let mut replay = model.replay(&store, archive, stored).unwrap();
        for (command, events) in &venue.through(state)[usize::try_from(stored.0).unwrap()..] {
            replay.apply(command, events).unwrap();
        }
        replay.finish();
        for (command, events) in venue.after(state) {
            model.apply(command, events);
        }
        if late {
            too_early += usize::from(model.learn_changes(&store, stored.next()).is_err());
            model.learn_changes(&store, stored).unwrap();
        }
        compare(&model, &store, &all, seed);
        for user in (0..all.users).map(UserId) {
            assert_eq!(model.open_orders(user, None), all.model.open_orders(user, None), "seed {seed}");
        }
        let now = all.model.time();
        for symbol in (0..u32::try_from(model.reference().symbols().len()).unwrap()).map(SymbolId) {
            assert_eq!(model.ticker(symbol, now), all.model.ticker(symbol, now), "seed {seed}");
            assert_eq!(model.last_trades(symbol, 1_000), all.model.last_trades(symbol, 1_000), "seed {seed}");
        }
    }
    assert_eq!(too_early > 0, late, "a store that is not far enough is not believed");
}
