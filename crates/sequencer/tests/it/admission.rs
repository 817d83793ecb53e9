//! The doors, seen from outside.

use std::time::{Duration, Instant};

use domain::command::cancel_all::CancelAll;
use domain::command::place_order::PlaceOrder;
use domain::command::{Action, Command, Envelope, NotTaken};
use domain::ids::{SymbolId, UserId};
use domain::order::{OrderKind, Side, TimeInForce};
use domain::text::Text;
use domain::units::{Lots, Ticks};
use journal::faulty::FaultyDisk;
use sequencer::batch::ReplyTo;
use sequencer::queue::{EVENT_BACKLOG_MAX, Room};
use sequencer::sequencer::Step;

use crate::fixture::{Line, places, restart};

fn by(user: u32, action: Action) -> Command {
    Command { envelope: Envelope { user: UserId(user), ..Envelope::VENUE }, action }
}

fn order(user: u32) -> Command {
    let kind = OrderKind::Limit { price: Ticks(1), quantity: Lots(1), time_in_force: TimeInForce::GoodTilCanceled };
    let client_order_id = Text::new("x").unwrap();
    by(user, Action::PlaceOrder(PlaceOrder { symbol: SymbolId(0), side: Side::Buy, kind, client_order_id }))
}

fn cancel(user: u32) -> Command {
    by(user, Action::CancelAll(CancelAll { symbol: None }))
}

/// A venue with a queue for 20 commands: 16 new orders, 5 of one user.
fn small() -> Line {
    Line::of(restart(&places(&FaultyDisk::new(1))).unwrap(), 20)
}

fn submit(line: &Line, command: Command) -> Result<(), NotTaken> {
    line.entrance.submit(command, ReplyTo::Nobody)
}

#[test]
fn cancels_get_through_where_new_orders_do_not() {
    let line = small();
    for user in 1..=4 {
        for _ in 0..4 {
            assert_eq!(submit(&line, order(user)), Ok(()));
        }
    }
    assert_eq!(submit(&line, order(9)), Err(NotTaken::Overloaded));
    for user in 1..=4 {
        assert_eq!(submit(&line, cancel(user)), Ok(()));
    }
    assert_eq!(submit(&line, cancel(1)), Err(NotTaken::Overloaded), "the whole queue is full");
}

#[test]
fn one_user_gets_a_share() {
    let line = small();
    for _ in 0..5 {
        assert_eq!(submit(&line, order(1)), Ok(()));
    }
    assert_eq!(submit(&line, order(1)), Err(NotTaken::Overloaded));
    assert_eq!(submit(&line, cancel(1)), Ok(()));
    assert_eq!(submit(&line, order(2)), Ok(()));
}

#[test]
fn shares_come_back_on_every_path() {
    let mut line = small();
    for round in 0..50 {
        for _ in 0..5 {
            assert_eq!(submit(&line, order(1)), Ok(()), "round {round}");
        }
        // Refused by the share, by the queue for new orders, and by the whole queue.
        assert_eq!(submit(&line, order(1)), Err(NotTaken::Overloaded));
        for user in 2..=9 {
            while submit(&line, order(user)) == Ok(()) {}
        }
        while submit(&line, cancel(1)) == Ok(()) {}
        assert_eq!(submit(&line, order(1)), Err(NotTaken::Overloaded));
        // One is taken out by waiting, the others by the step.
        line.sequencer.wait_for_work(std::time::Duration::ZERO);
        assert_eq!(line.step(), Ok(Step::Block(20)));
        assert!(line.sequencer.log_mut().work());
        assert!(line.sequencer.is_drained());
    }
}

#[test]
fn the_order_in_the_queue_is_the_order_of_the_sequence() {
    let mut line = small();
    let answers: Vec<_> = (1..=5).map(|user| line.submit(order(user)).unwrap()).collect();
    line.sequencer.wait_for_work(std::time::Duration::ZERO);
    line.turn();
    for (expected, mut answer) in (1..).zip(answers) {
        assert_eq!(answer.try_recv().unwrap().seq.0, expected);
    }
}

#[test]
fn commands_are_waited_for_only_while_there_are_few() {
    let mut line = small();
    let few = Duration::from_millis(20);
    let begun = Instant::now();
    line.sequencer.gather(few);
    assert!(begun.elapsed() >= few);
    let mut answers: Vec<_> = (1..=5).map(|user| line.submit(order(user)).unwrap()).collect();
    // Would outlast every test.
    line.sequencer.gather(Duration::from_hours(24));
    line.turn();
    assert_eq!(answers[4].try_recv().unwrap().seq.0, 5);
}

#[test]
fn doors_close_by_what_is_wrong() {
    let line = small();
    let admission = line.entrance.admission();
    let check = |new_order, cancel_all| {
        assert_eq!(submit(&line, order(1)).err(), new_order);
        assert_eq!(submit(&line, cancel(1)).err(), cancel_all);
    };
    check(None, None);
    admission.set_room(Room::CancelsOnly);
    check(Some(NotTaken::NoSpace), None);
    admission.set_room(Room::Nothing);
    check(Some(NotTaken::NoSpace), Some(NotTaken::NoSpace));
    admission.set_room(Room::Ample);
    admission.set_follower_behind(true);
    check(Some(NotTaken::FollowerBehind), None);
    admission.set_follower_behind(false);
    admission.add_event_backlog(EVENT_BACKLOG_MAX + 1);
    check(Some(NotTaken::EventLogBehind), None);
    admission.add_event_backlog(EVENT_BACKLOG_MAX);
    check(Some(NotTaken::EventLogBehind), Some(NotTaken::EventLogBehind));
    admission.sub_event_backlog(2 * EVENT_BACKLOG_MAX + 1);
    check(None, None);
    admission.close();
    check(Some(NotTaken::ShuttingDown), Some(NotTaken::ShuttingDown));
}

#[test]
fn a_command_whose_venue_is_gone_is_not_taken() {
    let line = small();
    let entrance = line.entrance.clone();
    let mut waiting = line.submit(order(1)).unwrap();
    drop(line);
    assert!(waiting.try_recv().is_err());
    assert_eq!(entrance.submit(order(1), ReplyTo::Nobody), Err(NotTaken::ShuttingDown));
}
