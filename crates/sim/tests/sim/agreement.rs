//! The engine and the model get the same commands and must say the same.
//!
//! `SIM_SEED` sets the first seed, `SIM_ROUNDS` how many. Seeds that once failed are in `tests/seeds.txt` and run first.

use domain::command::{Command, Sequenced};
use domain::event::Event;
use domain::state::State;
use engine::Engine;
use sim::commands::{CELL, Profile, Timed, generate};
use sim::differential::{compare, shrink};
use sim::model::Model;
use sim::scenario::transcribe;
use sim::venue::Venue;

const COMMANDS: usize = 2_000;

fn start() -> State {
    Model::new(CELL).state()
}

/// Panics with a scenario as small as can be found where two venues part.
fn check<B: Venue>(profile: Profile, seed: u64) {
    let commands = generate(profile, seed, COMMANDS);
    let Err(found) = compare::<Model, B>(&start(), &commands) else { return };
    let fails = |fewer: &[Timed]| compare::<Model, B>(&start(), fewer).is_err();
    // What panics would say so once for every attempt.
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    let smallest = shrink(&commands[..=found.place], fails);
    std::panic::set_hook(hook);
    let what = compare::<Model, B>(&start(), &smallest).expect_err("it still fails").what;
    let text = transcribe(&start(), &smallest);
    panic!("{profile:?} {seed} (add it to tests/seeds.txt)\n\n{text}\nat the last line (first: model): {what}");
}

fn from_environment(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|value| value.parse().unwrap_or_else(|_| panic!("{name} is not a number")))
}

#[test]
fn the_engine_does_what_the_model_does() {
    for line in include_str!("../seeds.txt").lines().filter(|line| !line.starts_with('#')) {
        match line.split_once(' ') {
            Some(("Small", seed)) => check::<Engine>(Profile::Small, seed.parse().unwrap()),
            Some(("Shards", seed)) => check::<Engine>(Profile::Shards, seed.parse().unwrap()),
            Some(("Flow", seed)) => check::<Engine>(Profile::Flow, seed.parse().unwrap()),
            _ => panic!("a seed is written `Small 7`, `Shards 7` or `Flow 7`, not `{line}`"),
        }
    }
    let first = from_environment("SIM_SEED").unwrap_or(0);
    for seed in first..first + from_environment("SIM_ROUNDS").unwrap_or(64) {
        check::<Engine>(Profile::Small, seed);
        check::<Engine>(Profile::Shards, seed);
        check::<Engine>(Profile::Flow, seed);
    }
}

/// An exchange that forgets to say the last thing of a command that says many.
struct Forgetful(Model);

impl Venue for Forgetful {
    fn restore(state: &State) -> Self {
        Self(Model::from_state(state))
    }

    fn apply(&mut self, command: &Sequenced<Command>, events: &mut Vec<Event>) {
        self.0.apply(command, events);
        if events.len() > 6 {
            events.pop();
        }
    }

    fn state(&self) -> State {
        self.0.state()
    }

    fn check(&self) {}
}

#[test]
fn a_wrong_exchange_is_found_and_what_shows_it_is_small() {
    let commands = generate(Profile::Small, 1, COMMANDS);
    let found = compare::<Model, Forgetful>(&start(), &commands).unwrap_err();
    let fails = |fewer: &[Timed]| compare::<Model, Forgetful>(&start(), fewer).is_err();
    let smallest = shrink(&commands[..=found.place], fails);
    // Two assets, a symbol, a user or two with their money, and two orders.
    assert!(smallest.len() <= 12, "{}", transcribe(&start(), &smallest));
}
