//! One life of a venue: every part does a little work in an order that the seed decides.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use crossbeam_channel::{Receiver, Sender, unbounded};
use domain::event::Event;
use domain::ids::VenueId;
use domain::units::{Seq, UnixNanos};
use engine::Engine;
use journal::error::JournalError;
use journal::faulty::FaultyDisk;
use readmodel::limits::Limits;
use readmodel::model::ReadModel;
use sequencer::batch::{AnswerSink, Batch, ReplyTo};
use sequencer::clock::Reading;
use sequencer::event_log::EventLog;
use sequencer::log::{InlineLog, Log};
use sequencer::queue::{Entrance, queue};
use sequencer::recovery::{RULES_VERSION, Recovered};
use sequencer::release::Release;
use sequencer::replayer::{ReplayError, Replayer};
use sequencer::sequencer::{Controls, Sequencer, Step};
use sequencer::snapshots::Snapshots;

use super::oracle::Oracle;
use crate::commands::Timed;
use crate::random::Random;

/// Bounds a block, so that its events fit into the small segments used here.
const QUEUE_COMMANDS: usize = 24;

/// How a life ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    Crash,
    Clean,
}

/// An answer as the client got it: what was submitted, its sequence, its events.
pub(super) type Answered = (u64, Seq, Vec<Event>);

#[derive(Debug, Default)]
struct Client {
    answers: Mutex<Vec<Answered>>,
}

impl AnswerSink for Client {
    fn answered(&self, token: u64, seq: Seq, events: &[Event]) {
        let mut answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        answers.push((token, seq, events.to_vec()));
    }
}

pub(super) struct Life {
    disk: FaultyDisk,
    venue: VenueId,
    begun: u64,
    now: u64,
    entrance: Entrance,
    sequencer: Sequencer<InlineLog>,
    from_sequencer: Receiver<Batch>,
    /// Applied, not yet committed.
    uncommitted: VecDeque<Batch>,
    release: Release,
    read_model: Arc<ReadModel>,
    client: Arc<Client>,
    released: Receiver<Batch>,
    event_log: EventLog,
    /// Found no space in the event log.
    interrupted: Option<Batch>,
    event_log_failed: bool,
    replayer: Replayer,
    snapshots: Snapshots,
    spare: Sender<Batch>,
}

impl Life {
    pub(super) fn begin(recovered: Recovered, disk: &FaultyDisk, wall: u64) -> Self {
        let Recovered { venue, epoch, engine, journal, event_log, snapshots, point, .. } = recovered;
        let (entrance, exit) = queue(QUEUE_COMMANDS);
        let state = engine.state();
        let second = Engine::from_state(&state).expect("the state is an engine's");
        let replayer = Replayer::new(venue, second, point, &journal.source(), &event_log.journal().source());
        let log = InlineLog::new(journal, Arc::clone(entrance.admission()));
        let (out, from_sequencer) = unbounded();
        let (to_event_log, released) = unbounded();
        let (spare, spares) = unbounded();
        let read_model = Arc::new(ReadModel::new(&state, Limits::default()));
        let client = Arc::new(Client::default());
        let sinks: Vec<Arc<dyn AnswerSink>> = vec![client.clone()];
        let admission = Arc::clone(entrance.admission());
        let release = Release::new(Arc::clone(&read_model), sinks, admission, to_event_log);
        let sequencer = Sequencer::new(engine, epoch, exit, log, Arc::new(Controls::default()), (out, spares));
        Self {
            disk: disk.clone(),
            venue,
            begun: wall,
            now: wall,
            entrance,
            sequencer,
            from_sequencer,
            uncommitted: VecDeque::new(),
            release,
            read_model,
            client,
            released,
            event_log,
            interrupted: None,
            event_log_failed: false,
            replayer,
            snapshots,
            spare,
        }
    }

    pub(super) fn wall(&self) -> u64 {
        self.now
    }

    /// Lives until a fault or the seed ends it. What breaks a promise is an error.
    pub(super) fn run(&mut self, random: &mut Random, commands: &[Timed], oracle: &mut Oracle) -> Result<End, String> {
        for _ in 0..random.between(5, 120) {
            self.now += random.below(3_000_000);
            match random.weighted(&[(25, 0), (20, 1), (20, 2), (15, 3), (12, 4), (4, 5), (2, 6), (1, 7), (1, 8)]) {
                0 => self.submit(random, commands, oracle),
                1 => {
                    if self.step().is_err() {
                        return Ok(End::Crash);
                    }
                }
                2 => drop(self.sequencer.log_mut().work()),
                3 => self.release_one(oracle)?,
                4 => self.write_events(oracle)?,
                5 => self.replay()?,
                6 => self.snapshot()?,
                7 => self.disk.set_capacity_bytes(None),
                _ => drop(self.sequencer.log().journal().prepare_step()),
            }
        }
        if random.chance(200) { self.end(oracle) } else { Ok(End::Crash) }
    }

    fn submit(&mut self, random: &mut Random, commands: &[Timed], oracle: &mut Oracle) {
        for _ in 0..random.between(1, 8) {
            let Some(next) = commands.get(oracle.submitted()) else { return };
            let token = oracle.next_token();
            // What is not taken is tried again later, as a client would.
            if self.entrance.submit(next.command.clone(), ReplyTo::Sink { sink: 0, token }).is_err() {
                return;
            }
            oracle.submit(next.command.clone());
        }
    }

    fn step(&mut self) -> Result<Step, ()> {
        let reading = Reading { wall: UnixNanos(self.now), monotonic: self.now - self.begun };
        let step = self.sequencer.step(reading).or(Err(()))?;
        self.uncommitted.extend(self.from_sequencer.try_iter());
        Ok(step)
    }

    fn release_one(&mut self, oracle: &mut Oracle) -> Result<(), String> {
        let committed = self.sequencer.log().committed();
        if self.uncommitted.front().is_none_or(|batch| batch.last_seq() > committed) {
            return Ok(());
        }
        let Some(batch) = self.uncommitted.pop_front() else { return Ok(()) };
        oracle.release(&batch)?;
        let last = batch.last_seq();
        self.release.release(batch);
        if self.read_model.seq() != last {
            return Err(format!("the read model stands at {:?} after the release of {last:?}", self.read_model.seq()));
        }
        let mut answers = self.client.answers.lock().unwrap_or_else(PoisonError::into_inner);
        oracle.answer(answers.drain(..))
    }

    fn write_events(&mut self, oracle: &mut Oracle) -> Result<(), String> {
        if self.event_log_failed {
            return Ok(());
        }
        let (batch, written) = if let Some(batch) = self.interrupted.take() {
            let written = self.event_log.write_rest(&batch);
            (batch, written)
        } else {
            let Ok(batch) = self.released.try_recv() else { return Ok(()) };
            let written = self.event_log.write(&batch);
            (batch, written)
        };
        match written {
            Ok(()) => {
                oracle.written(self.event_log.journal().tip())?;
                let commands = u64::try_from(batch.commands.len()).expect("a block is bounded");
                self.entrance.admission().sub_event_backlog(commands);
                drop(self.spare.send(batch));
            }
            Err(JournalError::NoSpace) => self.interrupted = Some(batch),
            Err(JournalError::Io(_)) => self.event_log_failed = true,
            Err(error) => return Err(format!("the event log refuses a batch: {error}")),
        }
        Ok(())
    }

    fn replay(&mut self) -> Result<(), String> {
        loop {
            match self.replayer.step(self.event_log.progress().committed()) {
                Ok(true) => {}
                Ok(false) => return Ok(()),
                Err(error @ (ReplayError::Read(_) | ReplayError::Decode(_) | ReplayError::Rules { .. })) => {
                    return Err(format!("the replayer cannot read: {error}"));
                }
                Err(error @ (ReplayError::Diverged { .. } | ReplayError::EventLogShort { .. })) => {
                    return Err(format!("the replayer does not agree: {error}"));
                }
            }
        }
    }

    fn snapshot(&mut self) -> Result<(), String> {
        self.replay()?;
        if self.event_log_failed || self.event_log.sync().is_err() {
            self.event_log_failed = true;
            return Ok(());
        }
        let (header, state) = self.replayer.snapshot();
        if header.venue_id != self.venue {
            return Err("a snapshot names another venue".into());
        }
        // A snapshot that cannot be written is one less.
        drop(self.snapshots.save(&header, &state, header.seq));
        Ok(())
    }

    /// Closes the doors and takes everything all the way. What fails now is a crash.
    fn end(&mut self, oracle: &mut Oracle) -> Result<End, String> {
        self.disk.set_capacity_bytes(None);
        self.entrance.admission().close();
        loop {
            let Ok(step) = self.step() else { return Ok(End::Crash) };
            self.sequencer.log_mut().work();
            if step == Step::Idle {
                break;
            }
        }
        while !self.uncommitted.is_empty() {
            if self.sequencer.log().lost().is_some() {
                return Ok(End::Crash);
            }
            self.sequencer.log_mut().work();
            self.release_one(oracle)?;
        }
        while !self.event_log_failed && (self.interrupted.is_some() || !self.released.is_empty()) {
            self.write_events(oracle)?;
        }
        if self.event_log_failed || self.event_log.sync().is_err() {
            return Ok(End::Crash);
        }
        Ok(End::Clean)
    }

    /// Seals the journal; what fails now is a crash.
    pub(super) fn seal(self) -> End {
        let time = UnixNanos(self.now).max(self.read_model.time());
        let journal = self.sequencer.into_parts().1.into_journal();
        if journal.seal(RULES_VERSION, time).is_ok() { End::Clean } else { End::Crash }
    }
}
