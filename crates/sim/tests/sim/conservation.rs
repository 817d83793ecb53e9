//! What does not add up must be noticed.

use domain::event::Event;
use domain::state::State;
use domain::units::Lots;
use sim::commands::{CELL, Profile, generate, sequenced};
use sim::conservation::{Follower, check_state};
use sim::model::Model;

/// The state of a short day, and the events that led to it.
fn day() -> (State, Vec<Vec<Event>>) {
    let mut model = Model::new(CELL);
    let commands = generate(Profile::Flow, 7, 600);
    let events = sequenced(&commands).map(|command| {
        let mut events = Vec::new();
        model.apply(&command, &mut events);
        events
    });
    let events = events.collect();
    (model.state(), events)
}

fn follow(events: &[Vec<Event>]) -> Result<Follower, String> {
    let mut follower = Follower::default();
    for command in events {
        follower.follow(command)?;
    }
    Ok(follower)
}

/// What breaks a state, and the words with which it is noticed.
type Damage = (fn(&mut State), &'static str);

const DAMAGES: &[Damage] = &[
    (|state| state.balances[3].free.0 += 1, "the balances do not add up to the total"),
    (|state| state.balances[3].credit_limit.0 += 1, "the credit limits do not add up"),
    (|state| state.assets[0].total.0 -= 1, "the balances do not add up to the total"),
    (|state| state.orders[0].quantity.0 += 1, "locked is not what is held"),
    (|state| state.orders.truncate(1), "locked is not what is held"),
    (|state| state.orders[0].executed = state.orders[0].quantity, "locked is not what is held"),
    (|state| state.orders.swap(0, 1), "a better price stands behind a worse one"),
    (|state| state.last_order = 0, "an order id was not given out"),
    (|state| state.balances.swap(0, 1), "a list is out of order"),
];

#[test]
fn a_damaged_state_is_noticed() {
    let (sound, _) = day();
    assert_eq!(check_state(&sound), Ok(()));
    for (damage, words) in DAMAGES {
        let mut damaged = sound.clone();
        damage(&mut damaged);
        let broken = check_state(&damaged).unwrap_err();
        assert!(broken.contains(words), "{words}: {broken}");
    }
}

#[test]
fn money_moved_from_one_user_to_another_is_noticed_by_who_follows_the_events() {
    let (sound, events) = day();
    let follower = follow(&events).unwrap();
    assert_eq!(follower.compare(&sound), Ok(()));
    let mut damaged = sound;
    let asset = damaged.balances[3].asset;
    let other = damaged.balances.iter().rposition(|balance| balance.asset == asset).unwrap();
    damaged.balances[3].free.0 += 1;
    damaged.balances[other].free.0 -= 1;
    assert_eq!(check_state(&damaged), Ok(()), "it adds up");
    assert!(follower.compare(&damaged).unwrap_err().contains("a balance was reported"));
}

#[test]
fn a_missing_or_changed_event_is_noticed() {
    let (_, events) = day();
    let traded =
        events.iter().position(|command| command.iter().any(|event| matches!(event, Event::Trade(_)))).unwrap();
    let trade = events[traded].iter().position(|event| matches!(event, Event::Trade(_))).unwrap();
    for missing in trade..=trade + 2 {
        let mut damaged = events.clone();
        damaged[traded].remove(missing);
        assert!(follow(&damaged).is_err(), "event {missing} of the trade is missing");
    }
    let mut damaged = events.clone();
    if let Event::OrderFilled(filled) = &mut damaged[traded][trade + 2] {
        filled.quantity = Lots(filled.quantity.0 + 1);
    }
    assert!(follow(&damaged).unwrap_err().contains("both fills are the trade"));
}
