//! What was tried or read at the door and is no command: it goes into the journal as notes, within a budget
//! (`docs/decisions/0010-access-records-are-commands.md`).
//!
//! A request that is noted waits for its note, as an order waits for its block. One task hands notes over while there are any; it
//! begins with the first and ends with the last. Requests that are not noted do not come near any of this.

mod budget;
mod waiting;

use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use domain::command::note_access::{AccessKind, Claim, EndpointName};
use domain::command::{Action, Command, Envelope, Note, Transport};
use domain::ids::{AddressId, KeyId, UserId};
use domain::units::UnixNanos;
use readmodel::answer::Answer;
use tokio::sync::{Notify, oneshot};
use tokio::time::{Instant, timeout, timeout_at};

use self::budget::Budget;
use self::waiting::{Entry, Waiting};
use crate::door::{Addresses, Door};

/// How long the venue is left alone after it did not take a note.
const RETRY: Duration = Duration::from_millis(100);

/// Something to be noted. Equal ones are one note with a count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Attempt {
    pub(crate) kind: AccessKind,
    /// Whose signature it was; absent where none was proven.
    pub(crate) signer: Option<(UserId, KeyId)>,
    pub(crate) claim: Option<Claim>,
    pub(crate) endpoint: Option<EndpointName>,
    /// Whose records were asked for.
    pub(crate) about: Option<UserId>,
    pub(crate) address: Option<IpAddr>,
}

/// What became of a note.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Noted {
    /// It is on disk.
    Recorded,
    /// The venue takes nothing at present: it is kept in memory until there is room.
    Held,
    /// There is so much to note that it did not have its turn in time; it will.
    Late,
}

/// Gathers what is to be noted, and hands it to the venue.
#[derive(Debug)]
pub(crate) struct AccessLog {
    door: Arc<dyn Door>,
    addresses: Arc<dyn Addresses>,
    clock: fn() -> UnixNanos,
    /// How long a request waits for its note.
    patience: Duration,
    state: Mutex<State>,
    /// The task need not wait for its budget any more.
    hurry: Notify,
    /// The task has ended.
    idle: Notify,
}

#[derive(Debug)]
struct State {
    waiting: Waiting,
    budget: Budget,
    started: Instant,
    /// Whether the task is there.
    runs: bool,
    /// Whether everything is to be handed over whatever the budget says.
    hurries: bool,
    /// Present while the venue takes no notes: how many attempts nobody has waited for.
    held: Option<u64>,
}

impl AccessLog {
    pub(crate) fn new(
        door: Arc<dyn Door>,
        addresses: Arc<dyn Addresses>,
        clock: fn() -> UnixNanos,
        patience: Duration,
    ) -> Self {
        let state = State {
            waiting: Waiting::default(),
            budget: Budget::default(),
            started: Instant::now(),
            runs: false,
            hurries: false,
            held: None,
        };
        Self { door, addresses, clock, patience, state: Mutex::new(state), hurry: Notify::new(), idle: Notify::new() }
    }

    /// Notes an attempt and waits until that is on disk, or cannot be for now. The note is taken also if nobody waits any more.
    pub(crate) async fn note(self: &Arc<Self>, attempt: Attempt) -> Noted {
        let Some(noted) = self.add(attempt) else { return Noted::Held };
        match timeout(self.patience, noted).await {
            Ok(Ok(noted)) => noted,
            Ok(Err(_gone)) => Noted::Held,
            Err(_elapsed) if self.lock().held.is_some() => Noted::Held,
            Err(_elapsed) => Noted::Late,
        }
    }

    /// Absent: the venue takes nothing at present.
    fn add(self: &Arc<Self>, attempt: Attempt) -> Option<oneshot::Receiver<Noted>> {
        let now = (self.clock)();
        let mut state = self.lock();
        let noted = if let Some(attempts) = &mut state.held {
            *attempts += 1;
            state.waiting.add(attempt, now, None);
            None
        } else {
            let (sender, noted) = oneshot::channel();
            state.waiting.add(attempt, now, Some(sender));
            Some(noted)
        };
        if !std::mem::replace(&mut state.runs, true) {
            tokio::spawn(Arc::clone(self).run());
        }
        noted
    }

    /// Hands over at once what waits, and waits until that is on disk or `patience` is over.
    pub(crate) async fn finish(&self, patience: Duration) {
        let deadline = Instant::now() + patience;
        loop {
            let idle = self.idle.notified();
            tokio::pin!(idle);
            idle.as_mut().enable();
            {
                let mut state = self.lock();
                state.hurries = true;
                if !state.runs {
                    return;
                }
            }
            self.hurry.notify_one();
            if timeout_at(deadline, idle).await.is_err() {
                let attempts = self.lock().waiting.attempts();
                tracing::error!(attempts, "access that could not be recorded before the end is lost");
                return;
            }
        }
    }

    /// Hands over what waits, until nothing does.
    async fn run(self: Arc<Self>) {
        loop {
            let (entries, pause) = {
                let mut state = self.lock();
                if state.waiting.is_empty() {
                    state.runs = false;
                    drop(state);
                    self.idle.notify_waiters();
                    return;
                }
                let (now, waiting) = (state.started.elapsed(), state.waiting.len());
                let most = if state.hurries { waiting } else { state.budget.take(now, waiting) };
                (state.waiting.take(most), state.budget.pause(now))
            };
            if entries.is_empty() {
                tokio::select! {
                    () = tokio::time::sleep(pause) => {}
                    () = self.hurry.notified() => {}
                }
            } else if !self.hand_over(entries).await {
                tokio::time::sleep(RETRY).await;
            }
        }
    }

    /// Whether the venue took all of them.
    async fn hand_over(&self, entries: Vec<Entry>) -> bool {
        let mut handed = Vec::with_capacity(entries.len());
        let mut not_taken = None;
        for entry in entries {
            if not_taken.is_some() {
                self.keep(entry);
                continue;
            }
            match self.door.submit(self.command(&entry).await) {
                Ok(answer) => handed.push((entry, answer)),
                Err(why) => {
                    not_taken = Some(why);
                    self.keep(entry);
                }
            }
        }
        if let Some(why) = not_taken {
            self.hold(&format!("{why:?}"));
        }
        let all = not_taken.is_none() & self.committed(handed).await;
        if all {
            self.release();
        }
        all
    }

    /// Waits until they are on disk, however long it takes; whether they all are.
    async fn committed(&self, handed: Vec<(Entry, oneshot::Receiver<Answer>)>) -> bool {
        // Before those give up who wait: they are to hear that there is trouble.
        let overdue = Instant::now() + self.patience / 2;
        let mut all = true;
        for (mut entry, mut answer) in handed {
            let answered = match timeout_at(overdue, &mut answer).await {
                Ok(answered) => answered,
                Err(_elapsed) => {
                    self.hold("no answer");
                    entry.tell(Noted::Held);
                    answer.await
                }
            };
            if answered.is_err() {
                // Nobody knows whether it is on disk. Noted again it might be there twice.
                self.hold("the answer was lost");
                all = false;
            }
            entry.tell(if answered.is_ok() { Noted::Recorded } else { Noted::Held });
        }
        all
    }

    async fn command(&self, entry: &Entry) -> Command {
        let address = match entry.attempt.address {
            Some(address) => number_of(&self.addresses, address).await,
            None => AddressId(0),
        };
        let (user, key) = entry.attempt.signer.unwrap_or((UserId::VENUE, KeyId::VENUE));
        let envelope = Envelope { user, key, transport: Transport::Rest, address, ..Envelope::VENUE };
        Command { envelope, action: Action::Note(Note::Access(Box::new(entry.note()))) }
    }

    /// The venue did not take it: it waits again.
    fn keep(&self, entry: Entry) {
        self.lock().waiting.put_back(entry);
    }

    /// From now on nobody waits for a note.
    fn hold(&self, why: &str) {
        let mut state = self.lock();
        state.waiting.let_go();
        if state.held.is_some() {
            return;
        }
        state.held = Some(state.waiting.attempts());
        drop(state);
        tracing::error!(
            why,
            "access cannot be recorded at present; reads by the roles admin and audit go on and are recorded as soon as the venue takes it"
        );
    }

    /// From now on notes are waited for again.
    fn release(&self) {
        let mut state = self.lock();
        let Some(attempts) = state.held.take() else { return };
        let waiting = state.waiting.attempts();
        drop(state);
        tracing::warn!(attempts, waiting, "access is recorded again");
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The number of an address, a new one if it has none.
pub(crate) async fn number_of(addresses: &Arc<dyn Addresses>, address: IpAddr) -> AddressId {
    if let Some(number) = addresses.known(address) {
        return number;
    }
    let addresses = Arc::clone(addresses);
    let asked = tokio::task::spawn_blocking(move || addresses.number(address)).await;
    asked.unwrap_or_else(|error| {
        tracing::error!(%error, "an address has no number");
        AddressId(0)
    })
}
