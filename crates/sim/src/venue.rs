//! What the engine and the model have in common: commands in, events out.

use domain::command::{Command, Sequenced};
use domain::event::Event;
use domain::state::State;
use engine::Engine;

use crate::model::Model;

/// Something that carries out commands by the rules.
pub trait Venue {
    /// The venue in this state.
    fn restore(state: &State) -> Self;
    /// Carries out the next command and appends its events.
    fn apply(&mut self, command: &Sequenced<Command>, events: &mut Vec<Event>);
    /// The state now.
    fn state(&self) -> State;
    /// Panics if what it keeps does not fit together.
    fn check(&self);
}

impl Venue for Engine {
    fn restore(state: &State) -> Self {
        Self::from_state(state).expect("the state came from a venue")
    }

    fn apply(&mut self, command: &Sequenced<Command>, events: &mut Vec<Event>) {
        Self::apply(self, command, events);
    }

    fn state(&self) -> State {
        Self::state(self)
    }

    fn check(&self) {
        Self::check(self);
    }
}

impl Venue for Model {
    fn restore(state: &State) -> Self {
        Self::from_state(state)
    }

    fn apply(&mut self, command: &Sequenced<Command>, events: &mut Vec<Event>) {
        Self::apply(self, command, events);
    }

    fn state(&self) -> State {
        Self::state(self)
    }

    fn check(&self) {}
}
