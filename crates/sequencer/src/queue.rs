//! The one FIFO in front of the sequencer. New orders may fill four fifths of it and each user a share of it; cancels and
//! administration may fill all of it, so they get through under overload without overtaking their own order.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, TrySendError, bounded};
use domain::command::create_api_key::Credential;
use domain::command::{Action, Command, NotTaken, RequestContent};
use domain::ids::UserId;
use domain::instrument::SymbolLimits;
use domain::order::{MarketSize, OrderKind};
use domain::units::Amount;

use crate::batch::ReplyTo;

/// Commands a queue holds unless configured otherwise.
pub const QUEUE_COMMANDS_DEFAULT: usize = 16_384;

/// Of the queue, what new orders may fill, in percent.
pub const NEW_ORDERS_PERCENT: usize = 80;

/// Of the queue, what the new orders of one user may fill, in percent.
pub const USER_SHARE_PERCENT: usize = 25;

/// Released commands that may wait for the event log before new orders are refused; at twice that, everything is.
pub const EVENT_BACKLOG_MAX: u64 = 262_144;

const USER_BUCKETS: usize = 4_096;

/// How much room the disk has, as the queue needs to know it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Room {
    /// Enough.
    Ample,
    /// What is left is for cancels and administration.
    CancelsOnly,
    /// None.
    Nothing,
}

/// What was submitted.
#[derive(Debug)]
pub struct Submission {
    /// The command.
    pub command: Command,
    /// Where its answer goes.
    pub reply: ReplyTo,
}

/// State of the doors, shared by those who submit and those who know how things stand.
#[derive(Debug)]
pub struct Admission {
    closed: AtomicBool,
    room: AtomicU8,
    follower_behind: AtomicBool,
    event_backlog: AtomicU64,
    /// New orders in the queue by user; users share buckets.
    users: Vec<AtomicU32>,
}

impl Admission {
    fn new() -> Self {
        Self {
            closed: AtomicBool::new(false),
            room: AtomicU8::new(0),
            follower_behind: AtomicBool::new(false),
            event_backlog: AtomicU64::new(0),
            users: (0..USER_BUCKETS).map(|_| AtomicU32::new(0)).collect(),
        }
    }

    /// Takes nothing from now on.
    pub fn close(&self) {
        self.closed.store(true, Ordering::Release);
    }

    /// Whether nothing is taken any more.
    pub fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }

    /// Says how much room the disk has.
    pub fn set_room(&self, room: Room) {
        let code = match room {
            Room::Ample => 0,
            Room::CancelsOnly => 1,
            Room::Nothing => 2,
        };
        self.room.store(code, Ordering::Relaxed);
    }

    /// Says whether a follower is further behind than the logs may grow.
    pub fn set_follower_behind(&self, behind: bool) {
        self.follower_behind.store(behind, Ordering::Relaxed);
    }

    /// Counts commands that were released and wait for the event log.
    pub fn add_event_backlog(&self, commands: u64) {
        self.event_backlog.fetch_add(commands, Ordering::Relaxed);
    }

    /// Counts commands that the event log has.
    pub fn sub_event_backlog(&self, commands: u64) {
        self.event_backlog.fetch_sub(commands, Ordering::Relaxed);
    }

    /// Commands that were released and wait for the event log.
    pub fn event_backlog(&self) -> u64 {
        self.event_backlog.load(Ordering::Relaxed)
    }

    fn check(&self, adds: bool) -> Result<(), NotTaken> {
        if self.closed.load(Ordering::Acquire) {
            return Err(NotTaken::ShuttingDown);
        }
        let room = self.room.load(Ordering::Relaxed);
        if room == 2 || (room == 1 && adds) {
            return Err(NotTaken::NoSpace);
        }
        let backlog = self.event_backlog.load(Ordering::Relaxed);
        if backlog > 2 * EVENT_BACKLOG_MAX || (adds && backlog > EVENT_BACKLOG_MAX) {
            return Err(NotTaken::EventLogBehind);
        }
        if adds && self.follower_behind.load(Ordering::Relaxed) {
            return Err(NotTaken::FollowerBehind);
        }
        Ok(())
    }

    fn bucket(&self, user: UserId) -> &AtomicU32 {
        let index = usize::try_from(user.0).expect("a pointer has at least 32 bits") % USER_BUCKETS;
        &self.users[index]
    }
}

/// Where commands are put in. Clones share the queue.
#[derive(Debug, Clone)]
pub struct Entrance {
    sender: Sender<Submission>,
    admission: Arc<Admission>,
    new_orders_max: usize,
    user_share_max: u32,
}

/// Where the sequencer takes commands out.
#[derive(Debug)]
pub struct Exit {
    receiver: Receiver<Submission>,
    admission: Arc<Admission>,
}

/// A queue for `commands` commands.
pub fn queue(commands: usize) -> (Entrance, Exit) {
    let (sender, receiver) = bounded(commands);
    let admission = Arc::new(Admission::new());
    let share = u32::try_from(commands * USER_SHARE_PERCENT / 100).unwrap_or(u32::MAX).max(1);
    let entrance = Entrance {
        sender,
        admission: Arc::clone(&admission),
        new_orders_max: (commands * NEW_ORDERS_PERCENT / 100).max(1),
        user_share_max: share,
    };
    (entrance, Exit { receiver, admission })
}

/// Whether a command adds to the book, as opposed to taking from it or administering.
fn adds(action: &Action) -> bool {
    match action {
        Action::PlaceOrder(_) | Action::ReplaceOrder(_) => true,
        Action::CancelOrder(_)
        | Action::AmendOrder(_)
        | Action::CancelAll(_)
        | Action::Request(_)
        | Action::Note(_) => false,
    }
}

/// Whether a record can hold the command. The gateway refuses what no record can hold; a command that gets past it stops the
/// venue when it is encoded, which is better than a journal that nobody can read.
pub fn fits_a_record(command: &Command) -> bool {
    let is_amount = |amount: Amount| Amount::in_range(amount.0).is_some();
    let order = |kind: &OrderKind| match kind {
        OrderKind::Market { size: MarketSize::Quote(amount), .. } => is_amount(*amount),
        OrderKind::Market { size: MarketSize::Quantity(_), .. } | OrderKind::Limit { .. } => true,
    };
    let limits = |limits: &SymbolLimits| is_amount(limits.notional_min) && is_amount(limits.notional_max);
    match &command.action {
        Action::PlaceOrder(place) => order(&place.kind),
        Action::ReplaceOrder(replace) => order(&replace.place.kind),
        Action::CancelOrder(_) | Action::AmendOrder(_) | Action::CancelAll(_) | Action::Note(_) => true,
        Action::Request(request) => match &request.content {
            RequestContent::Deposit(deposit) => is_amount(deposit.amount),
            RequestContent::RequestWithdrawal(withdrawal) => is_amount(withdrawal.amount),
            RequestContent::SetCreditLimit(set) => is_amount(set.limit),
            RequestContent::OpenPosition(open) => [open.quantity, open.cost, open.realised].into_iter().all(is_amount),
            RequestContent::CreateSymbol(create) => limits(&create.limits),
            RequestContent::SetSymbolLimits(set) => limits(&set.limits),
            RequestContent::CreateApiKey(create) => match &create.credential {
                Credential::HmacSha256 { sealed_secret } => u16::try_from(sealed_secret.len()).is_ok(),
                Credential::Ed25519 { .. } => true,
            },
            RequestContent::CreateAsset(_)
            | RequestContent::SetSymbolStatus(_)
            | RequestContent::SetSymbolFees(_)
            | RequestContent::SetUserFees(_)
            | RequestContent::CreateUser(_)
            | RequestContent::RevokeApiKey(_)
            | RequestContent::SettleWithdrawal(_)
            | RequestContent::CancelWithdrawal(_)
            | RequestContent::SetKillSwitch(_)
            | RequestContent::OpenOrder(_)
            | RequestContent::AddShard(_)
            | RequestContent::SetShard(_)
            | RequestContent::BeginMove(_)
            | RequestContent::CommitMove(_)
            | RequestContent::AbortMove(_) => true,
        },
    }
}

impl Entrance {
    /// Puts a command in, or says at once why not.
    pub fn submit(&self, command: Command, reply: ReplyTo) -> Result<(), NotTaken> {
        let adds = adds(&command.action);
        self.admission.check(adds)?;
        let user = command.envelope.user;
        if adds {
            if self.sender.len() >= self.new_orders_max {
                return Err(NotTaken::Overloaded);
            }
            let bucket = self.admission.bucket(user);
            if bucket.fetch_add(1, Ordering::Relaxed) >= self.user_share_max {
                bucket.fetch_sub(1, Ordering::Relaxed);
                return Err(NotTaken::Overloaded);
            }
        }
        self.sender.try_send(Submission { command, reply }).map_err(|refused| {
            if adds {
                self.admission.bucket(user).fetch_sub(1, Ordering::Relaxed);
            }
            match refused {
                TrySendError::Full(_) => NotTaken::Overloaded,
                TrySendError::Disconnected(_) => NotTaken::ShuttingDown,
            }
        })
    }

    /// The doors.
    pub fn admission(&self) -> &Arc<Admission> {
        &self.admission
    }

    /// Commands waiting.
    pub fn len(&self) -> usize {
        self.sender.len()
    }

    /// Whether none is waiting.
    pub fn is_empty(&self) -> bool {
        self.sender.is_empty()
    }
}

impl Exit {
    /// The next command, if there is one.
    pub(crate) fn take(&self) -> Option<Submission> {
        self.receiver.try_recv().ok().map(|submission| self.count_out(submission))
    }

    /// Waits for the next command; absent after `timeout`, or when everybody who could submit is gone.
    pub(crate) fn wait(&self, timeout: Duration) -> Option<Submission> {
        match self.receiver.recv_timeout(timeout) {
            Ok(submission) => Some(self.count_out(submission)),
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => None,
        }
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.receiver.is_empty()
    }

    /// Whether so many wait, or a quarter of what there is room for.
    pub(crate) fn has_plenty(&self, commands: usize) -> bool {
        let room = self.receiver.capacity().unwrap_or(usize::MAX);
        self.receiver.len() >= commands.min(room / 4)
    }

    fn count_out(&self, submission: Submission) -> Submission {
        if adds(&submission.command.action) {
            self.admission.bucket(submission.command.envelope.user).fetch_sub(1, Ordering::Relaxed);
        }
        submission
    }
}
