//! A venue in one process and without threads, and a client that signs.

use std::fmt;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use axum::body::{Body, HttpBody};
use axum::http::{Method, Request, StatusCode};
use domain::command::create_api_key::Roles;
use domain::command::note_access::NoteAccess;
use domain::command::{Action, Command, Envelope, NotTaken, Note, RequestContent, Sequenced};
use domain::event::Event;
use domain::ids::{AddressId, ExecutionNumber, UserId};
use domain::text::{RequestId, ShardName};
use domain::units::{Seq, UnixNanos};
use engine::Engine;
use gateway::door::{Addresses, CommandEvents, Door, Execution, Follower, Moving, NoExecutions, Records, Status};
use gateway::gateway::{Gateway, Ground, Settings};
use gateway::secrets::MasterKey;
use hmac::{Hmac, KeyInit, Mac};
use projector::conformance::absent::Absent;
use projector::history::{History, ReadError};
use readmodel::answer::Answer;
use readmodel::limits::Limits;
use readmodel::model::ReadModel;
use serde_json::Value;
use sha2::Sha256;
use tokio::sync::oneshot;

/// How the door behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mood {
    /// Answers at once.
    Well,
    /// Takes nothing.
    Refusing(NotTaken),
    /// Carries everything out and loses the answer.
    Forgetful,
    /// Carries everything out and answers never.
    Silent,
}

struct State {
    engine: Engine,
    seq: Seq,
    time: UnixNanos,
    executions: Vec<Execution>,
    /// What the event log has, by sequence.
    logged: Vec<CommandEvents>,
    /// What was noted, with its envelope.
    notes: Vec<(Envelope, NoteAccess)>,
}

impl State {
    fn new(engine: Engine) -> Self {
        let (executions, logged, notes) = (Vec::new(), Vec::new(), Vec::new());
        Self { engine, seq: Seq::ZERO, time: UnixNanos(0), executions, logged, notes }
    }
}

/// The engine behind a lock instead of a sequencer.
pub(crate) struct Inside {
    state: Mutex<State>,
    pub(crate) model: Arc<ReadModel>,
    mood: Mutex<Mood>,
    pub(crate) clock_jumped: AtomicBool,
    pub(crate) event_log_at_hand: AtomicBool,
    clock: fn() -> UnixNanos,
    /// Senders of answers that never come.
    kept: Mutex<Vec<oneshot::Sender<Answer>>>,
    /// Shards that the gateway said are to be followed.
    pub(crate) followed: Mutex<Vec<ShardName>>,
    /// Held by a test that lets no database be looked at meanwhile.
    pub(crate) looking: tokio::sync::Mutex<()>,
    /// How many were asked to be looked at.
    pub(crate) prepared: AtomicU64,
    /// Executions before this one are no longer kept.
    pub(crate) oldest_execution: AtomicU64,
}

impl fmt::Debug for Inside {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Inside")
    }
}

impl Inside {
    fn apply(&self, command: Command, now: UnixNanos) -> Answer {
        let mut state = self.state.lock().unwrap();
        let State { engine, seq, time, executions, logged, notes } = &mut *state;
        if let Action::Note(Note::Access(note)) = &command.action {
            notes.push((command.envelope, **note));
        }
        *seq = seq.next();
        *time = (*time).max(now);
        let command = Sequenced { seq: *seq, time: *time, content: command };
        let mut events = Vec::new();
        engine.apply(&command, &mut events);
        for event in &events {
            if let Some((_, number)) = execution_of(event) {
                executions.push(Execution { number, seq: *seq, time: *time, event: event.clone() });
            }
        }
        self.model.apply(&command, &events);
        let answer = self.model.answer(&command, &events, &[]);
        logged.push(CommandEvents { time: *time, events });
        answer
    }
}

fn execution_of(event: &Event) -> Option<(UserId, ExecutionNumber)> {
    if let Event::OrderPlaced(placed) = event {
        return Some((placed.user, placed.execution));
    }
    if let Event::OrderAmended(amended) = event {
        return Some((amended.user, amended.execution));
    }
    if let Event::OrderFilled(filled) = event {
        return Some((filled.user, filled.execution));
    }
    if let Event::OrderClosed(closed) = event {
        return Some((closed.user, closed.execution));
    }
    if let Event::Deposited(deposited) = event {
        return Some((deposited.user, deposited.execution));
    }
    if let Event::WithdrawalRequested(requested) = event {
        return Some((requested.user, requested.execution));
    }
    if let Event::WithdrawalSettled(ended) | Event::WithdrawalCanceled(ended) = event {
        return Some((ended.user, ended.execution));
    }
    None
}

impl Door for Inside {
    fn submit(&self, command: Command) -> Result<oneshot::Receiver<Answer>, NotTaken> {
        let mood = *self.mood.lock().unwrap();
        if let Mood::Refusing(why) = mood {
            return Err(why);
        }
        let answer = self.apply(command, (self.clock)());
        let (sender, receiver) = oneshot::channel();
        match mood {
            Mood::Well | Mood::Refusing(_) => sender.send(answer).unwrap(),
            Mood::Forgetful => drop(sender),
            Mood::Silent => self.kept.lock().unwrap().push(sender),
        }
        Ok(receiver)
    }
}

impl Records for Inside {
    fn status(&self) -> Status {
        let seq = self.model.seq();
        let follower = Follower {
            name: "store".to_owned(),
            checkpoint: Seq(seq.0.saturating_sub(3)),
            trouble: None,
            stopped: None,
        };
        let clock_jumped = self.clock_jumped.load(Ordering::Relaxed);
        let sequenced = Seq(seq.0 + 2);
        Status {
            sequenced,
            committed: seq,
            clock_jumped,
            clock_behind_ns: 2_500_001,
            followers: vec![follower],
            standbys: Vec::new(),
            retirement: Vec::new(),
        }
    }

    fn moves(&self) -> Vec<Moving> {
        Vec::new()
    }

    fn is_configured(&self, shard: &ShardName) -> bool {
        shard.as_str() != "absent"
    }

    fn prepare_shard(&self, shard: ShardName) -> Result<(), String> {
        self.prepared.fetch_add(1, Ordering::Relaxed);
        drop(self.looking.blocking_lock());
        if shard.as_str() == "full" { Err("it is not empty".to_owned()) } else { Ok(()) }
    }

    fn follow_shard(&self, shard: ShardName) {
        self.followed.lock().unwrap().push(shard);
    }

    fn accept_clock(&self) {
        self.clock_jumped.store(false, Ordering::Relaxed);
    }

    fn events_of(&self, seq: Seq) -> Result<Option<CommandEvents>, ReadError> {
        if !self.event_log_at_hand.load(Ordering::Relaxed) {
            return Ok(None);
        }
        let state = self.state.lock().unwrap();
        Ok(seq.0.checked_sub(1).and_then(|index| state.logged.get(usize::try_from(index).unwrap()).cloned()))
    }

    fn executions(&self, user: UserId, from: ExecutionNumber, limit: usize) -> Result<Vec<Execution>, NoExecutions> {
        let oldest = ExecutionNumber(self.oldest_execution.load(Ordering::Relaxed));
        if from < oldest {
            return Err(NoExecutions::Purged { oldest: Some(oldest) });
        }
        let state = self.state.lock().unwrap();
        let own = state.executions.iter().filter(|execution| execution_of(&execution.event).unwrap().0 == user);
        Ok(own.filter(|execution| execution.number >= from).take(limit).cloned().collect())
    }
}

/// The number of an address is its last byte; none is known beforehand.
impl Addresses for Inside {
    fn known(&self, _: IpAddr) -> Option<AddressId> {
        None
    }

    fn number(&self, address: IpAddr) -> AddressId {
        match address {
            IpAddr::V4(address) => AddressId(u32::from(address.octets()[3])),
            IpAddr::V6(_) => AddressId(0),
        }
    }
}

pub(crate) fn wall_clock() -> UnixNanos {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    UnixNanos(u64::try_from(since.as_nanos()).unwrap())
}

/// What one key can do.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    pub(crate) api_key: String,
    pub(crate) secret: String,
}

/// An answer.
#[derive(Debug, Clone)]
pub(crate) struct Said {
    pub(crate) status: StatusCode,
    pub(crate) body: Value,
    pub(crate) sequence: u64,
    pub(crate) weight: u64,
}

impl Said {
    /// The body of a request that was carried out.
    #[track_caller]
    pub(crate) fn ok(self) -> Value {
        assert_eq!(self.status, StatusCode::OK, "{}", self.body);
        self.body
    }

    /// Status, code and message of an error.
    pub(crate) fn error(&self) -> (u16, i64, &str) {
        let message = self.body["msg"].as_str().unwrap_or_default();
        (self.status.as_u16(), self.body["code"].as_i64().unwrap_or_default(), message)
    }
}

/// A venue with a gateway before it.
pub(crate) struct Venue {
    pub(crate) gateway: Arc<Gateway>,
    pub(crate) inside: Arc<Inside>,
    pub(crate) admin: Client,
    pub(crate) master: MasterKey,
}

/// What a venue stands on.
pub(crate) struct Setup {
    pub(crate) settings: Settings,
    pub(crate) limits: Limits,
    pub(crate) history: Arc<dyn History>,
    pub(crate) earlier: Option<UnixNanos>,
}

impl Default for Setup {
    fn default() -> Self {
        let settings = Settings { answer_timeout: Duration::from_millis(50), ..Settings::default() };
        Self { settings, limits: Limits::default(), history: Arc::new(Absent::Empty), earlier: None }
    }
}

static REQUESTS: AtomicU64 = AtomicU64::new(1);
static TIMES: AtomicU64 = AtomicU64::new(0);

impl Venue {
    /// Empty but for the venue's own key.
    pub(crate) fn empty() -> Self {
        Self::with(Setup::default())
    }

    pub(crate) fn with_settings(settings: Settings) -> Self {
        Self::with(Setup { settings, ..Setup::default() })
    }

    pub(crate) fn with(setup: Setup) -> Self {
        let master = MasterKey::from_bytes([1; 32]);
        let roles = Roles { read: true, trade: true, admin: true, audit: true };
        let new = master.new_key(UserId::VENUE, roles, "first");
        let admin = Client { api_key: new.command.api_key.to_string(), secret: new.secret };
        let venue = Self::standing_on(State::new(Engine::new(0)), setup, admin, master);
        venue.inside.apply(own(RequestContent::CreateApiKey(Box::new(new.command.clone()))), UnixNanos(0));
        venue
    }

    /// The venue after a start that found no trades: memory has what the engine's state says, and `history` is as given.
    pub(crate) fn started_again(self, history: Arc<dyn History>) -> Self {
        let state = std::mem::replace(&mut *self.inside.state.lock().unwrap(), State::new(Engine::new(0)));
        Self::standing_on(state, Setup { history, ..Setup::default() }, self.admin, self.master)
    }

    fn standing_on(state: State, setup: Setup, admin: Client, master: MasterKey) -> Self {
        let Setup { settings, limits, history, earlier } = setup;
        let model = Arc::new(ReadModel::new(&state.engine.state(), limits));
        let inside = Arc::new(Inside {
            state: Mutex::new(state),
            model: Arc::clone(&model),
            mood: Mutex::new(Mood::Well),
            clock_jumped: AtomicBool::new(false),
            event_log_at_hand: AtomicBool::new(true),
            clock: settings.clock,
            followed: Mutex::default(),
            looking: tokio::sync::Mutex::default(),
            prepared: AtomicU64::new(0),
            oldest_execution: AtomicU64::new(1),
            kept: Mutex::new(Vec::new()),
        });
        let ground = Ground {
            door: Arc::clone(&inside) as Arc<dyn Door>,
            records: Arc::clone(&inside) as Arc<dyn Records>,
            addresses: Arc::clone(&inside) as Arc<dyn Addresses>,
            model,
            earlier,
            history,
            archive: Arc::new(Absent::Empty),
            master_key: master.clone(),
        };
        Self { gateway: Arc::new(Gateway::new(ground, settings).unwrap()), inside, admin, master }
    }

    /// With BTCUSDT (tick 0.01, lot 0.0001, 0.1 % fees) and two users with money: ids 1 and 2.
    pub(crate) async fn trading() -> (Self, Client, Client) {
        Self::empty().with_market().await
    }

    /// See [`Venue::trading`].
    pub(crate) async fn with_market(self) -> (Self, Client, Client) {
        let venue = self;
        venue.admin("assets", r#"{"requestId":"a1","code":"BTC","scale":8}"#).await.ok();
        venue.admin("assets", r#"{"requestId":"a2","code":"USDT","scale":6}"#).await.ok();
        let symbol = r#"{"requestId":"s1","code":"BTCUSDT","base":"BTC","quote":"USDT","tickSize":"0.01","lotSize":"0.0001",
            "limits":{"minPrice":"1","maxPrice":"1000000","minQuantity":"0.0001","maxQuantity":"9000","minNotional":"5",
            "maxNotional":"9000000","band":{"above":"0.5","below":"0.5"}},"fees":{"maker":"0.001","taker":"0.001"}}"#;
        venue.admin("symbols", symbol).await.ok();
        let mut clients = Vec::new();
        for user in ["1", "2"] {
            venue.admin("users", &format!(r#"{{"requestId":"u{user}"}}"#)).await.ok();
            for (asset, amount) in [("BTC", "100"), ("USDT", "1000000")] {
                let body = format!(
                    r#"{{"requestId":"d{user}{asset}","userId":{user},"asset":"{asset}","amount":"{amount}"}}"#
                );
                venue.admin("deposits", &body).await.ok();
            }
            clients.push(venue.key(user, r#"["read","trade"]"#).await);
        }
        let [first, second] = clients.try_into().unwrap();
        (venue, first, second)
    }

    /// A new HMAC key.
    pub(crate) async fn key(&self, user: &str, roles: &str) -> Client {
        let id = REQUESTS.fetch_add(1, Ordering::Relaxed);
        let body = format!(r#"{{"requestId":"key-{id}","userId":{user},"roles":{roles}}}"#);
        let said = self.admin("keys", &body).await.ok();
        let text = |name: &str| said[name].as_str().unwrap().to_owned();
        Client { api_key: text("apiKey"), secret: text("secretKey") }
    }

    /// What was noted so far.
    pub(crate) fn notes(&self) -> Vec<(Envelope, NoteAccess)> {
        self.inside.state.lock().unwrap().notes.clone()
    }

    pub(crate) fn set_mood(&self, mood: Mood) {
        *self.inside.mood.lock().unwrap() = mood;
    }

    /// `POST /v1/admin/…` with the venue's own key.
    pub(crate) async fn admin(&self, path: &str, body: &str) -> Said {
        self.admin_as(&self.admin, path, body).await
    }

    pub(crate) async fn admin_as(&self, client: &Client, path: &str, body: &str) -> Said {
        let query = format!("timestamp={}", timestamp());
        let signature = client.sign(&format!("{query}{body}"));
        let target = format!("/v1/admin/{path}?{query}&signature={signature}");
        self.send(Method::POST, &target, Some(&client.api_key), body.to_owned()).await
    }

    /// A signed request with its parameters in the query.
    pub(crate) async fn signed(&self, client: &Client, method: Method, path: &str, params: &str) -> Said {
        let query = stamped(params);
        let signature = client.sign(&query);
        let target = format!("{path}?{query}&signature={signature}");
        self.send(method, &target, Some(&client.api_key), String::new()).await
    }

    pub(crate) async fn get(&self, target: &str) -> Said {
        self.send(Method::GET, target, None, String::new()).await
    }

    /// A new order, signed, with its parameters in a form.
    pub(crate) async fn order(&self, client: &Client, params: &str) -> Said {
        let form = stamped(params);
        let body = format!("{form}&signature={}", client.sign(&form));
        self.send(Method::POST, "/api/v3/order", Some(&client.api_key), body).await
    }

    pub(crate) async fn send(&self, method: Method, target: &str, api_key: Option<&str>, body: String) -> Said {
        let mut request = Request::builder().method(method).uri(target);
        if let Some(api_key) = api_key {
            request = request.header("X-MBX-APIKEY", api_key);
        }
        let response = self.gateway.handle(request.body(Body::from(body)).unwrap()).await;
        let header = |name: &str| response.headers()[name].to_str().unwrap().parse().unwrap();
        let (sequence, weight) = (header("x-buttonwood-sequence"), header("x-mbx-used-weight-1m"));
        assert_eq!(response.headers()["content-type"], "application/json;charset=UTF-8");
        let (head, body) = response.into_parts();
        let bytes = collect(body).await;
        let body = serde_json::from_slice(&bytes).unwrap_or_else(|error| {
            panic!("{target}: {error}: {}", String::from_utf8_lossy(&bytes));
        });
        Said { status: head.status, body, sequence, weight }
    }
}

impl Client {
    pub(crate) fn sign(&self, text: &str) -> String {
        let mut hmac = Hmac::<Sha256>::new_from_slice(self.secret.as_bytes()).unwrap();
        hmac.update(text.as_bytes());
        hex::encode(hmac.finalize().into_bytes())
    }
}

async fn collect(mut body: Body) -> Vec<u8> {
    let mut bytes = Vec::new();
    while let Some(frame) = std::future::poll_fn(|context| std::pin::Pin::new(&mut body).poll_frame(context)).await {
        bytes.extend_from_slice(&frame.unwrap().into_data().unwrap());
    }
    bytes
}

/// A time stamp that no other request of this process has, so that no two are the same request.
pub(crate) fn timestamp() -> u64 {
    let now = wall_clock().0 / 1_000;
    let last = TIMES.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |last| Some(now.max(last + 1))).unwrap();
    now.max(last + 1)
}

fn stamped(params: &str) -> String {
    let separator = if params.is_empty() { "" } else { "&" };
    format!("{params}{separator}timestamp={}", timestamp())
}

/// A command of the venue itself.
pub(crate) fn own(content: RequestContent) -> Command {
    let id = RequestId::new(&format!("own-{}", REQUESTS.fetch_add(1, Ordering::Relaxed))).unwrap();
    Command { envelope: Envelope::VENUE, action: Action::Request(domain::command::Request { id, content }) }
}

impl Venue {
    /// Carries out a command without the gateway.
    pub(crate) fn apply(&self, command: Command) -> Answer {
        self.apply_at(command, UnixNanos(0))
    }

    /// As [`Venue::apply`], at this block time or the last one, whichever is later.
    pub(crate) fn apply_at(&self, command: Command, time: UnixNanos) -> Answer {
        self.inside.apply(command, time)
    }
}
