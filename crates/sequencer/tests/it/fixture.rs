//! A venue without threads: every part does its work when told to.

use std::sync::Arc;

use crossbeam_channel::{Receiver, Sender, unbounded};
use domain::command::create_asset::CreateAsset;
use domain::command::create_user::CreateUser;
use domain::command::deposit::Deposit;
use domain::command::{Action, Command, Envelope, NotTaken, Request, RequestContent};
use domain::event::Event;
use domain::ids::{AssetId, UserId, VenueId};
use domain::state::State;
use domain::text::Text;
use domain::units::{Amount, Seq, UnixNanos};
use engine::Engine;
use journal::faulty::FaultyDisk;
use journal::storage::Directory;
use readmodel::answer::Answer;
use readmodel::limits::Limits;
use readmodel::model::ReadModel;
use sequencer::batch::{Batch, ReplyTo};
use sequencer::clock::Reading;
use sequencer::event_log::EventLog;
use sequencer::folder::Folder;
use sequencer::log::{InlineLog, Log, Progress};
use sequencer::queue::{Entrance, queue};
use sequencer::recovery::{Places, Recovered, RecoveryError, Start, recover};
use sequencer::release::Release;
use sequencer::replayer::{ReplayPoint, Replayer};
use sequencer::sequencer::{Controls, Lost, Sequencer, Step};
use sequencer::snapshots::Snapshots;
use tokio::sync::oneshot;

pub(crate) const VENUE: VenueId = VenueId([7; 16]);
pub(crate) const SECOND: u64 = 1_000_000_000;
/// Wall time of the first step.
pub(crate) const EPOCH_START: u64 = 1_700_000_000 * SECOND;

pub(crate) fn places(disk: &FaultyDisk) -> Places {
    let directory = |name: &str| Directory::new(Arc::new(disk.clone()), name);
    let folder = |name: &str| Folder::new(Arc::new(disk.clone()), name);
    Places {
        journal: directory("journal"),
        event_log: directory("events"),
        event_index: folder("events-index"),
        snapshots: folder("snapshots"),
    }
}

pub(crate) const START: Start =
    Start { new_venue: VENUE, cell: 1, segment_bytes: 128 << 10, followers_reached: Seq::ZERO };

pub(crate) fn restart(places: &Places) -> Result<Recovered, RecoveryError> {
    recover(places, START, &mut |_| {})
}

/// What an answer is waited for with.
pub(crate) type Waiting = oneshot::Receiver<Answer>;

pub(crate) struct Line {
    pub(crate) entrance: Entrance,
    pub(crate) sequencer: Sequencer<InlineLog>,
    pub(crate) controls: Arc<Controls>,
    pub(crate) committed: Arc<Progress>,
    pub(crate) to_release: Receiver<Batch>,
    pub(crate) release: Release,
    pub(crate) read_model: Arc<ReadModel>,
    pub(crate) to_event_log: Receiver<Batch>,
    pub(crate) event_log: EventLog,
    pub(crate) snapshots: Snapshots,
    pub(crate) point: ReplayPoint,
    /// The state it began with.
    pub(crate) state: State,
    /// The wall clock.
    pub(crate) now: u64,
    to_spare: Sender<Batch>,
}

impl Line {
    pub(crate) fn open(places: &Places) -> Self {
        Self::of(restart(places).unwrap_or_else(|error| panic!("{error}")), 1_000)
    }

    pub(crate) fn of(recovered: Recovered, queue_commands: usize) -> Self {
        let Recovered { epoch, engine, journal, event_log, snapshots, point, .. } = recovered;
        let (entrance, exit) = queue(queue_commands);
        let log = InlineLog::new(journal, Arc::clone(entrance.admission()));
        let committed = Arc::clone(log.progress());
        let (out, to_release) = unbounded();
        let (to_log, to_event_log) = unbounded();
        let (to_spare, spare) = unbounded();
        let state = engine.state();
        let read_model = Arc::new(ReadModel::new(&state, Limits::default()));
        let release = Release::new(Arc::clone(&read_model), Vec::new(), Arc::clone(entrance.admission()), to_log);
        let controls = Arc::new(Controls::default());
        let sequencer = Sequencer::new(engine, epoch, exit, log, Arc::clone(&controls), (out, spare));
        let now = EPOCH_START;
        Self {
            entrance,
            sequencer,
            controls,
            committed,
            to_release,
            release,
            read_model,
            to_event_log,
            event_log,
            snapshots,
            point,
            state,
            now,
            to_spare,
        }
    }

    pub(crate) fn submit(&self, command: Command) -> Result<Waiting, NotTaken> {
        let (reply, answer) = oneshot::channel();
        self.entrance.submit(command, ReplyTo::Task(reply)).map(|()| answer)
    }

    pub(crate) fn step(&mut self) -> Result<Step, Lost> {
        self.now += 1_000_000;
        self.sequencer.step(Reading { wall: UnixNanos(self.now), monotonic: self.now - EPOCH_START })
    }

    /// Releases what is committed.
    pub(crate) fn release(&mut self) {
        while let Ok(batch) = self.to_release.try_recv() {
            assert!(batch.last_seq() <= self.committed.committed(), "the test commits before it releases");
            self.release.release(batch);
        }
    }

    /// Writes what was released.
    pub(crate) fn write_events(&mut self) {
        while let Ok(batch) = self.to_event_log.try_recv() {
            self.event_log.write(&batch).unwrap();
            self.entrance.admission().sub_event_backlog(u64::try_from(batch.commands.len()).unwrap());
            self.to_spare.send(batch).unwrap();
        }
    }

    /// Takes what waits all the way to the event log.
    pub(crate) fn turn(&mut self) {
        while let Step::Block(_) = self.step().unwrap() {
            assert!(self.sequencer.log_mut().work());
            self.release();
            self.write_events();
        }
    }

    /// One command, all the way, in a block of its own.
    pub(crate) fn run(&mut self, command: Command) -> Answer {
        let mut answer = self.submit(command).unwrap();
        self.turn();
        answer.try_recv().unwrap()
    }

    pub(crate) fn seq(&self) -> Seq {
        self.sequencer.log().committed()
    }

    /// A replayer that begins where this life began.
    pub(crate) fn replayer(&self) -> Replayer {
        let engine = Engine::from_state(&self.state).unwrap();
        let (journal, events) = (self.sequencer.log().journal().source(), self.event_log.journal().source());
        Replayer::new(VENUE, engine, self.point, &journal, &events)
    }

    /// A snapshot of now.
    pub(crate) fn snapshot(&mut self) {
        self.event_log.sync().unwrap();
        let mut replayer = self.replayer();
        while replayer.step(self.event_log.progress().committed()).unwrap() {}
        let (header, state) = replayer.snapshot();
        self.snapshots.save(&header, &state, header.seq).unwrap();
    }
}

pub(crate) fn request(id: &str, content: RequestContent) -> Command {
    let id = Text::new(id).unwrap();
    Command { envelope: Envelope::VENUE, action: Action::Request(Request { id, content }) }
}

pub(crate) fn create_asset(code: &str) -> Command {
    request(code, RequestContent::CreateAsset(CreateAsset { code: Text::new(code).unwrap(), scale: 2 }))
}

pub(crate) fn create_user(id: &str) -> Command {
    request(id, RequestContent::CreateUser(CreateUser))
}

pub(crate) fn deposit(id: &str) -> Command {
    let deposit = Deposit { user: UserId(1), asset: AssetId(0), amount: Amount(100) };
    request(id, RequestContent::Deposit(deposit))
}

/// An asset and a user, in two blocks.
pub(crate) fn open_accounts(line: &mut Line) {
    line.run(create_asset("USD"));
    line.run(create_user("u1"));
}

/// All events of an event log.
pub(crate) fn all_events(line: &Line) -> Vec<(Seq, Vec<Event>)> {
    let mut reader = line.event_log.journal().source().reader(Seq::ZERO);
    let mut all = Vec::new();
    while let Some(block) = reader.next_block(line.event_log.progress().committed()).unwrap() {
        for group in codec::event::EventReader::new(block.payload) {
            let (seq, _, events) = group.unwrap();
            all.push((seq, events));
        }
    }
    all
}
