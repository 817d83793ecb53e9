//! The engine and the model side by side, and the names the text has given.

use std::collections::BTreeMap;

use domain::command::{Command, Sequenced};
use domain::event::{Event, ReferenceEvent};
use domain::ids::{SymbolId, UserId};
use domain::state::State;
use domain::units::UnixNanos;
use engine::Engine;

use super::ask::ask;
use super::given::given;
use super::names::Names;
use super::read::read_command;
use super::tell::{OrderNames, Told, tell};
use super::words::{Unreadable, duration, number, text};
use crate::commands::CELL;
use crate::conservation::check_state;
use crate::model::Model;
use crate::venue::Venue;

/// Everything a scenario plays on.
pub(super) struct Stage {
    model: Model,
    engine: Engine,
    now: UnixNanos,
    users: BTreeMap<String, UserId>,
    symbol: Option<SymbolId>,
    orders: OrderNames,
}

impl Stage {
    pub(super) fn new() -> Self {
        Self {
            model: Model::new(CELL),
            engine: Engine::new(CELL),
            now: UnixNanos(1_700_000_000_000_000_000),
            users: BTreeMap::new(),
            symbol: None,
            orders: OrderNames::default(),
        }
    }

    /// Plays one line; nothing comes of a line that only lets time pass or says what is given.
    pub(super) fn play(&mut self, line: &str) -> Result<Option<Told>, Unreadable> {
        if let Some(waited) = line.strip_prefix("wait ") {
            self.now = self.now.plus(duration(waited.trim())?);
            return Ok(None);
        }
        if let Some(rest) = line.strip_prefix("after ") {
            let (waited, rest) = rest.split_once(": ").ok_or("`after 5s: …`")?;
            self.now = self.now.plus(duration(waited)?);
            return self.play(rest);
        }
        if let Some(rest) = line.strip_prefix("repeat ") {
            let (count, rest) = rest.split_once(": ").ok_or("`repeat 10: …`")?;
            return self.repeat(number(count)?, rest);
        }
        let names = self.names();
        if let Some(answer) = ask(&names, line) {
            return answer.map(|said| Some(Told { said, refused: false }));
        }
        if let Some(state) = given(&names, line) {
            let state = state?;
            self.model = Model::restore(&state);
            self.engine = Engine::restore(&state);
            return Ok(None);
        }
        let told = self.command(line)?;
        self.compare_states()?;
        Ok(Some(told))
    }

    /// Plays a line many times, with the count in place of `{}`; what is said is said of the last.
    fn repeat(&mut self, count: u64, line: &str) -> Result<Option<Told>, Unreadable> {
        let mut last = None;
        for index in 1..=count {
            last = Some(self.command(&line.replace("{}", &index.to_string()))?);
        }
        self.compare_states()?;
        Ok(last)
    }

    fn command(&mut self, line: &str) -> Result<Told, Unreadable> {
        let seq = self.model.as_state().seq.next();
        let fresh = text(&format!("line:{}", seq.0))?;
        let content = read_command(&self.names(), line, self.now, fresh)?;
        let events = self.apply(&Sequenced { seq, time: self.now, content })?;
        for event in &events {
            if let Event::Reference(ReferenceEvent::UserCreated(created)) = event {
                let name = line.split_whitespace().nth(1).unwrap_or_default();
                self.users.insert(name.to_owned(), created.user);
            }
            if let Event::Reference(ReferenceEvent::SymbolCreated(created)) = event {
                self.symbol = Some(created.instrument.id());
            }
        }
        Ok(tell(self.model.as_state(), &mut self.orders, &events))
    }

    fn apply(&mut self, command: &Sequenced<Command>) -> Result<Vec<Event>, Unreadable> {
        let (mut expected, mut events) = (Vec::new(), Vec::new());
        self.model.apply(command, &mut expected);
        self.engine.apply(command, &mut events);
        if expected == events {
            return Ok(events);
        }
        Err(format!("engine and model disagree\n   model:  {expected:?}\n   engine: {events:?}"))
    }

    fn compare_states(&self) -> Result<(), Unreadable> {
        let state: &State = self.model.as_state();
        check_state(state)?;
        self.engine.check();
        if self.engine.state() == *state { Ok(()) } else { Err("the states of engine and model differ".to_owned()) }
    }

    fn names(&self) -> Names<'_> {
        Names { state: self.model.as_state(), users: &self.users, symbol: self.symbol }
    }
}
