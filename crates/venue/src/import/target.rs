//! Where commands go: a venue that runs for this purpose, or one in memory that is thrown away.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use crossbeam_channel::{Receiver, Sender, unbounded};
use domain::command::{Action, Command, Envelope, NotTaken, Sequenced};
use domain::event::Event;
use domain::state::State;
use domain::units::Seq;
use engine::Engine;
use sequencer::batch::{AnswerSink, ReplyTo};
use sequencer::recovery::Places;
use sequencer::replayer::Replay;
use sequencer::snapshots::Snapshots;

use crate::config::Config;
use crate::live::{self, Beside, Live};

/// Answers that may be outstanding: deep enough to fill blocks.
const OUTSTANDING_MAX: usize = 8_192;
/// How long an answer may take.
const ANSWER_WAIT: Duration = Duration::from_mins(1);
/// How long the stores may take for what is left at the end.
const FOLLOWERS_WAIT: Duration = Duration::from_mins(30);

/// Carries out commands of the venue itself, in their order.
pub(crate) trait Target {
    /// Hands the events of each to `answered`, with its place in the list, in any order.
    fn carry_out(&mut self, actions: Vec<Action>, answered: &mut dyn FnMut(usize, &[Event])) -> anyhow::Result<()>;
}

/// The state of a venue that does not run: read, nothing is changed.
pub(crate) fn state_at_rest(config: &Config) -> anyhow::Result<State> {
    let places = Places::in_directory(&config.data);
    let Some(venue) = places.venue()? else { return Ok(Engine::new(config.cell).state()) };
    let end = journal::verify::verify(&places.journal, Places::journal_identity(venue))?;
    if let Some(bad) = &end.bad {
        anyhow::bail!("the journal in {}: {bad}", config.data.display());
    }
    let (snapshot, _) = Snapshots::look(places.snapshots.clone()).newest(end.tip.seq)?;
    let engine = match snapshot {
        Some((_, state)) => Engine::from_state(&state)?,
        None => Engine::new(config.cell),
    };
    let mut replay = Replay::new(engine, &live::logs(config, venue, &places).journal);
    while replay.next_block(end.tip.seq)?.is_some() {}
    Ok(replay.into_engine().state())
}

/// A venue in memory.
#[derive(Debug)]
pub(crate) struct Rehearsal(Engine);

impl Rehearsal {
    pub(crate) fn new(state: &State) -> anyhow::Result<Self> {
        Ok(Self(Engine::from_state(state)?))
    }

    pub(crate) fn state(&self) -> State {
        self.0.state()
    }
}

impl Target for Rehearsal {
    fn carry_out(&mut self, actions: Vec<Action>, answered: &mut dyn FnMut(usize, &[Event])) -> anyhow::Result<()> {
        let mut events = Vec::new();
        for (place, action) in actions.into_iter().enumerate() {
            events.clear();
            let content = Command { envelope: Envelope::VENUE, action };
            self.0.apply(&Sequenced { seq: self.0.seq().next(), time: self.0.time(), content }, &mut events);
            answered(place, &events);
        }
        Ok(())
    }
}

/// The real one, with its doors closed to everybody else.
#[derive(Debug)]
pub(crate) struct Running {
    live: Live,
    answers: Receiver<(u64, Vec<Event>)>,
}

#[derive(Debug)]
struct Answers(Sender<(u64, Vec<Event>)>);

impl AnswerSink for Answers {
    fn answered(&self, token: u64, _: Seq, events: &[Event]) {
        // The import has ended early and nobody listens.
        drop(self.0.send((token, events.to_vec())));
    }
}

impl Running {
    pub(crate) fn start(config: &Config) -> anyhow::Result<Self> {
        let (sender, answers) = unbounded();
        let beside = Beside { store: true, replayer: true };
        let live = Live::start(config, beside, vec![Arc::new(Answers(sender))], &mut |_| {})?;
        Ok(Self { live, answers })
    }

    /// Everything stored and sealed.
    pub(crate) fn finish(self) -> anyhow::Result<()> {
        let stored = self.live.wait_for_followers(FOLLOWERS_WAIT);
        self.live.shutdown()?;
        stored
    }

    fn take_one(&self, answered: &mut dyn FnMut(usize, &[Event])) -> anyhow::Result<()> {
        let (token, events) = self.answers.recv_timeout(ANSWER_WAIT).context("the venue does not answer")?;
        answered(usize::try_from(token)?, &events);
        Ok(())
    }
}

impl Target for Running {
    fn carry_out(&mut self, actions: Vec<Action>, answered: &mut dyn FnMut(usize, &[Event])) -> anyhow::Result<()> {
        let mut outstanding = 0;
        for (token, action) in (0_u64..).zip(actions) {
            let command = Command { envelope: Envelope::VENUE, action };
            while let Err(refused) = self.live.entrance.submit(command.clone(), ReplyTo::Sink { sink: 0, token }) {
                let waits =
                    matches!(refused, NotTaken::Overloaded | NotTaken::EventLogBehind | NotTaken::FollowerBehind);
                anyhow::ensure!(waits, "the venue does not take commands: {refused:?}");
                if outstanding > 0 {
                    self.take_one(answered)?;
                    outstanding -= 1;
                } else {
                    std::thread::yield_now();
                }
            }
            outstanding += 1;
            while outstanding > OUTSTANDING_MAX {
                self.take_one(answered)?;
                outstanding -= 1;
            }
        }
        for _ in 0..outstanding {
            self.take_one(answered)?;
        }
        Ok(())
    }
}
