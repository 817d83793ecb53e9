//! The venue's own commands, from inside its process: setting up, depositing, asking.

use std::sync::atomic::{AtomicU64, Ordering};

use domain::command::{Action, Command, Envelope, NotTaken, Request, RequestContent};
use domain::event::{Created, Event, ReferenceEvent};
use domain::ids::{AssetId, SymbolId, UserId};
use domain::instrument::{Fees, Step, SymbolLimits};
use domain::text::{AssetCode, RequestId, SymbolCode};
use domain::units::Amount;
use readmodel::answer::Answer;
use sequencer::batch::ReplyTo;
use sequencer::queue::Entrance;
use tokio::sync::oneshot;

/// Submits commands of the venue's own user and waits for each answer.
#[derive(Debug)]
pub(crate) struct Console {
    entrance: Entrance,
    /// Distinguishes the request ids of this console from those of others.
    name: String,
    next: AtomicU64,
}

/// A symbol to be listed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct NewSymbol<'a> {
    pub(crate) code: &'a str,
    pub(crate) base: AssetId,
    pub(crate) quote: AssetId,
    pub(crate) tick_size: Step,
    pub(crate) lot_size: Step,
    pub(crate) limits: SymbolLimits,
    pub(crate) fees: Fees,
}

impl Console {
    /// A console whose request ids begin with `name`; the same name with the same requests finds what is there already.
    pub(crate) fn new(entrance: Entrance, name: &str) -> Self {
        Self { entrance, name: name.to_owned(), next: AtomicU64::new(0) }
    }

    /// Lists an asset.
    pub(crate) fn asset(&self, code: &str, scale: u8) -> anyhow::Result<AssetId> {
        let code = AssetCode::new(code)?;
        let created =
            self.request(RequestContent::CreateAsset(domain::command::create_asset::CreateAsset { code, scale }))?;
        let Created::Asset(asset) = created else { anyhow::bail!("an asset was asked for, {created:?} came") };
        Ok(asset)
    }

    /// Lists a symbol.
    pub(crate) fn symbol(&self, new: &NewSymbol<'_>) -> anyhow::Result<SymbolId> {
        let NewSymbol { base, quote, tick_size, lot_size, limits, fees, .. } = *new;
        let code = SymbolCode::new(new.code)?;
        let content =
            domain::command::create_symbol::CreateSymbol { code, base, quote, tick_size, lot_size, limits, fees };
        let created = self.request(RequestContent::CreateSymbol(Box::new(content)))?;
        let Created::Symbol(symbol) = created else { anyhow::bail!("a symbol was asked for, {created:?} came") };
        Ok(symbol)
    }

    /// Opens an account.
    pub(crate) fn user(&self) -> anyhow::Result<UserId> {
        let created = self.request(RequestContent::CreateUser(domain::command::create_user::CreateUser))?;
        let Created::User(user) = created else { anyhow::bail!("a user was asked for, {created:?} came") };
        Ok(user)
    }

    /// Credits a user.
    pub(crate) fn deposit(&self, user: UserId, asset: AssetId, amount: Amount) -> anyhow::Result<()> {
        self.request(RequestContent::Deposit(domain::command::deposit::Deposit { user, asset, amount })).map(drop)
    }

    /// Makes a request under the console's next id without waiting for what comes of it.
    pub(crate) fn post(&self, content: RequestContent) -> anyhow::Result<()> {
        self.send(&self.command(content)?)
    }

    fn command(&self, content: RequestContent) -> anyhow::Result<Command> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let id = RequestId::new(&format!("{}-{number}", self.name))?;
        Ok(request(id, content))
    }

    /// Makes a request under the console's next id and waits for what came of it.
    pub(crate) fn request(&self, content: RequestContent) -> anyhow::Result<Created> {
        self.created(&self.command(content)?)
    }

    /// The same under an id of its own.
    pub(crate) fn request_as(&self, id: RequestId, content: RequestContent) -> anyhow::Result<Created> {
        self.created(&request(id, content))
    }

    fn created(&self, command: &Command) -> anyhow::Result<Created> {
        let answer = self.ask(command)?;
        for event in &answer.events {
            if let Event::Refused(refused) = event {
                anyhow::bail!("the venue refused its own request: {:?}", refused.reason);
            }
            if let Some(created) = created_by(event) {
                return Ok(created);
            }
        }
        Ok(Created::Nothing)
    }

    /// Submits any command and waits for its answer.
    pub(crate) fn ask(&self, command: &Command) -> anyhow::Result<Answer> {
        let mut answer = None;
        self.submit(command, || {
            let (sender, receiver) = oneshot::channel();
            answer = Some(receiver);
            ReplyTo::Task(sender)
        })?;
        Ok(answer.expect("set with every attempt").blocking_recv()?)
    }

    /// Submits any command without waiting for its answer.
    pub(crate) fn send(&self, command: &Command) -> anyhow::Result<()> {
        self.submit(command, || ReplyTo::Nobody)
    }

    /// Submits; an overloaded venue is waited for.
    fn submit(&self, command: &Command, mut reply: impl FnMut() -> ReplyTo) -> anyhow::Result<()> {
        loop {
            match self.entrance.submit(command.clone(), reply()) {
                Ok(()) => return Ok(()),
                Err(NotTaken::Overloaded | NotTaken::EventLogBehind) => std::thread::yield_now(),
                Err(refused) => anyhow::bail!("the venue does not take commands: {refused:?}"),
            }
        }
    }
}

const fn request(id: RequestId, content: RequestContent) -> Command {
    Command { envelope: Envelope::VENUE, action: Action::Request(Request { id, content }) }
}

/// What an event says was created, if it is one of those.
pub(crate) fn created_by(event: &Event) -> Option<Created> {
    if let Event::RequestRepeated(repeated) = event {
        return Some(repeated.created);
    }
    if let Event::Reference(ReferenceEvent::AssetCreated(asset)) = event {
        return Some(Created::Asset(asset.id));
    }
    if let Event::Reference(ReferenceEvent::SymbolCreated(symbol)) = event {
        return Some(Created::Symbol(symbol.instrument.id()));
    }
    if let Event::Reference(ReferenceEvent::UserCreated(user)) = event {
        return Some(Created::User(user.user));
    }
    if let Event::Reference(ReferenceEvent::ApiKeyCreated(key)) = event {
        return Some(Created::Key(key.key));
    }
    if let Event::WithdrawalRequested(requested) = event {
        return Some(Created::Withdrawal(requested.withdrawal));
    }
    None
}
