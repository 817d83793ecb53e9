//! The gateway: takes HTTP requests, answers them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use axum::body::{Body, Bytes};
use axum::http::request::Parts as Head;
use axum::http::{Method, Request, Response, StatusCode};
use domain::command::note_access::{AccessKind, AccessMethod, Claim, EndpointName};
use domain::ids::{AddressId, KeyId, UserId};
use domain::text::PathText;
use domain::units::{Seq, UnixNanos};
use projector::archive::ArchiveHistory;
use projector::history::History;
use readmodel::model::ReadModel;
use tokio::sync::Semaphore;

use crate::access::{AccessLog, Attempt, Noted, number_of};
use crate::auth::{AHEAD_NS_MAX, Authority, Caller, Denied, Tried, bad_key};
use crate::cache::Cache;
use crate::door::{Addresses, Door, Peer, Records};
use crate::endpoint::{self, Admin, Endpoint, NotFound, Security};
use crate::error::Error;
use crate::openapi::parameters::parameters_of;
use crate::params::{Params, without_signature};
use crate::replays::{Replays, Seen};
use crate::reply::Reply;
use crate::request::{Call, failed_beside, read_body};
use crate::secrets::MasterKey;
use crate::trade::names::Names;
use crate::{account, market, openapi, trade, venue};

/// What a gateway stands on.
#[derive(Debug, Clone)]
pub struct Ground {
    /// Where commands go in.
    pub door: Arc<dyn Door>,
    /// What the venue knows about itself.
    pub records: Arc<dyn Records>,
    /// The numbers of client addresses.
    pub addresses: Arc<dyn Addresses>,
    /// Everything recent.
    pub model: Arc<ReadModel>,
    /// The last block time before this start; absent where there was none.
    pub earlier: Option<UnixNanos>,
    /// Everything older.
    pub history: Arc<dyn History>,
    /// Derived collections and audit log.
    pub archive: Arc<dyn ArchiveHistory>,
    /// Opens the secrets of API keys.
    pub master_key: MasterKey,
}

/// What can be set.
#[derive(Debug, Clone, Copy)]
pub struct Settings {
    /// How long a request waits for the venue before it is told that nobody knows.
    pub answer_timeout: Duration,
    /// How long a request may take to arrive.
    pub body_timeout: Duration,
    /// Longest body.
    pub body_bytes_max: usize,
    /// Reads of history at the same time; more are refused.
    pub history_reads_max: usize,
    /// Signatures remembered so that none is taken twice; where they do not suffice, requests are refused.
    pub signatures_max: usize,
    /// How derived collections of the archive are cut.
    pub derived: projector::settings::Settings,
    /// The time of day.
    pub clock: fn() -> UnixNanos,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            answer_timeout: Duration::from_secs(5),
            body_timeout: Duration::from_secs(10),
            body_bytes_max: 64 * 1024,
            history_reads_max: 64,
            signatures_max: 4_000_000,
            derived: projector::settings::Settings::default(),
            clock: time_of_day,
        }
    }
}

/// The REST server without its sockets.
#[derive(Debug)]
pub struct Gateway {
    pub(crate) door: Arc<dyn Door>,
    pub(crate) records: Arc<dyn Records>,
    addresses: Arc<dyn Addresses>,
    access: Arc<AccessLog>,
    pub(crate) model: Arc<ReadModel>,
    pub(crate) history: Arc<dyn History>,
    pub(crate) archive: Arc<dyn ArchiveHistory>,
    pub(crate) cache: Arc<Cache>,
    pub(crate) authority: Authority,
    pub(crate) replays: Replays,
    /// A request stamped up to here may have been taken before this start, and nobody remembers its signature.
    taken_before: Option<UnixNanos>,
    pub(crate) history_reads: Arc<Semaphore>,
    /// The part of these that anybody may take: it must not keep users from their own history.
    pub(crate) public_reads: Arc<Semaphore>,
    pub(crate) names: Names,
    pub(crate) settings: Settings,
    weights: Weights,
}

impl Gateway {
    /// A gateway on that ground. Fails if the system has no randomness.
    pub fn new(ground: Ground, settings: Settings) -> Result<Self, getrandom::Error> {
        let Ground { door, records, addresses, model, earlier, history, archive, master_key } = ground;
        // Block time may be behind the clock that requests are checked with, or ahead of it.
        let taken_before = earlier.map(|last| last.max((settings.clock)()).plus(AHEAD_NS_MAX));
        let (noting, looking_up) = (Arc::clone(&door), Arc::clone(&addresses));
        let access = Arc::new(AccessLog::new(noting, looking_up, settings.clock, settings.answer_timeout));
        Ok(Self {
            door,
            records,
            addresses,
            access,
            history,
            archive,
            cache: Arc::new(Cache::new()),
            authority: Authority::new(Arc::clone(&model), master_key, settings.clock),
            model,
            replays: Replays::new(settings.signatures_max),
            taken_before,
            history_reads: Arc::new(Semaphore::new(settings.history_reads_max)),
            public_reads: Arc::new(Semaphore::new(settings.history_reads_max.div_ceil(4))),
            names: Names::new()?,
            settings,
            weights: Weights::new(),
        })
    }

    /// Answers one request. With a [`Peer`] among its extensions, request weights are counted per address, and commands say where
    /// they come from.
    pub async fn handle(self: &Arc<Self>, request: Request<Body>) -> Response<Body> {
        let seq = self.model.seq();
        let (head, body) = request.into_parts();
        let path = head.uri.path();
        let (weight, reply) = match endpoint::find(&head.method, path) {
            Ok(endpoint @ Endpoint::Admin(Admin::Shards)) => {
                // Several steps, each of which has to be followed by the next: they are taken even if the client leaves.
                let (gateway, head) = (Arc::clone(self), head.clone());
                let whole = tokio::spawn(async move { gateway.answer(endpoint, &head, body, seq).await });
                (endpoint.weight(), whole.await.unwrap_or_else(|error| Err(failed_beside(&error))))
            }
            Ok(endpoint) => (endpoint.weight(), self.answer(endpoint, &head, body, seq).await),
            Err(NotFound::Path) => (1, Err(Error::new(StatusCode::NOT_FOUND, -1000, "There is no such path."))),
            Err(NotFound::Method) => {
                (1, Err(Error::new(StatusCode::METHOD_NOT_ALLOWED, -1000, "This path does not have this method.")))
            }
        };
        let used = self.weights.add(&head, weight, (self.settings.clock)());
        let reply = reply.unwrap_or_else(|error| Reply::of_error(&error, seq, endpoint::is_under_v1(path)));
        reply.into_response(seq, used)
    }

    async fn answer(&self, endpoint: Endpoint, head: &Head, body: Body, seq: Seq) -> Result<Reply, Error> {
        let body = if head.method == Method::GET { Bytes::new() } else { self.body(body).await? };
        let text = std::str::from_utf8(&body).or(Err(Error::bad(-1100, "Illegal characters found in a parameter.")))?;
        let query = head.uri.query().unwrap_or_default();
        let is_form = endpoint.security() != Security::Admin;
        let params = Params::parse(query, if is_form { text } else { "" })?.of(parameters_of(endpoint));
        let mut caller = match endpoint.security() {
            Security::Public => None,
            Security::Read | Security::Audit | Security::Auditor | Security::Trade | Security::Admin => {
                let (query, query_rest) = without_signature(query);
                let (form, form_rest) = if is_form { without_signature(text) } else { (text, "") };
                let api_key = head.headers.get("x-mbx-apikey").map(axum::http::HeaderValue::as_bytes);
                let signed = [query, query_rest, form, form_rest];
                match self.authority.caller(api_key, &params, &signed) {
                    Ok(caller) => Some(caller),
                    Err(denied) => return Err(Box::pin(self.deny(denied, endpoint, head, &params)).await),
                }
            }
        };
        if let Some(caller) = &mut caller {
            if let Err(denied) = self.admit(caller, endpoint, &params) {
                // On the heap, as all of these: the future of an order is not to carry them.
                return Err(Box::pin(self.deny(denied, endpoint, head, &params)).await);
            }
            if endpoint.changes() {
                caller.address = self.address(head).await;
            } else if endpoint.reads_signed() && (caller.roles.admin || caller.roles.audit) {
                Box::pin(self.note_read(caller, endpoint, head, &params)).await?;
            }
        }
        if let Some(least) = params.integer("minSequence")?
            && least > seq.0
        {
            let message = format!("Sequence {least} is not reached yet; the venue is at {}.", seq.0);
            return Err(Error::new(StatusCode::CONFLICT, -5010, message));
        }
        let call = Call { gateway: self, params, body: &body, caller, seq };
        route(endpoint, &call).await
    }

    /// Notes what was tried, where that is of interest, and says what to answer.
    async fn deny(&self, denied: Denied, endpoint: Endpoint, head: &Head, params: &Params<'_>) -> Error {
        if let Some(Tried { kind, signer, claim }) = denied.tried {
            let about = signer.and_then(|_| about(endpoint, params));
            // The answer is the same whatever became of the note: there is nothing to hold back.
            let _noted = self.access.note(attempt(head, kind, signer, claim, about)).await;
        }
        denied.error
    }

    /// Notes a read by a key that sees more than its own. Nothing is read that was not noted, unless nothing can be.
    async fn note_read(
        &self,
        caller: &Caller,
        endpoint: Endpoint,
        head: &Head,
        params: &Params<'_>,
    ) -> Result<(), Error> {
        let (signer, about) = (Some((caller.user, caller.key)), about(endpoint, params));
        match self.access.note(attempt(head, AccessKind::Read, signer, None, about)).await {
            // An operator must see a venue in trouble.
            Noted::Recorded | Noted::Held => Ok(()),
            Noted::Late => Err(Error::unavailable(
                -1008,
                "Too much is being recorded at once, and this read has to be. Please try again.",
            )),
        }
    }

    /// Records at once what was tried and read and still waits for that; for the end, after the last request. What is not on disk
    /// within `patience` is lost, which the log says.
    pub async fn finish_access(&self, patience: Duration) {
        self.access.finish(patience).await;
    }

    /// The number of the client's address. Only who may change something gets one here, and a note of access has one within its budget: so
    /// nobody can fill the table.
    async fn address(&self, head: &Head) -> AddressId {
        let Some(peer) = head.extensions.get::<Peer>() else { return AddressId(0) };
        if let Some(number) = peer.number.get() {
            return *number;
        }
        let number = number_of(&self.addresses, peer.address).await;
        *peer.number.get_or_init(|| number)
    }

    async fn body(&self, body: Body) -> Result<Bytes, Error> {
        let read = read_body(body, self.settings.body_bytes_max);
        match tokio::time::timeout(self.settings.body_timeout, read).await {
            Ok(result) => result,
            Err(_elapsed) => {
                Err(Error::new(StatusCode::REQUEST_TIMEOUT, -1000, "The request body did not arrive in time."))
            }
        }
    }

    /// Whether the caller may, and has not sent this very request before.
    fn admit(&self, caller: &Caller, endpoint: Endpoint, params: &Params<'_>) -> Result<(), Denied> {
        let denied = |kind, error| Err(Denied::proven(error, kind, caller.user, caller.key));
        match endpoint.security() {
            Security::Public => {}
            Security::Read if caller.roles.read => {}
            Security::Audit | Security::Auditor if caller.roles.audit => {}
            Security::Audit if caller.roles.read && about(endpoint, params).is_none_or(|user| user == caller.user) => {}
            Security::Trade if caller.roles.trade => {}
            Security::Admin if caller.roles.admin => {}
            Security::Read | Security::Audit | Security::Trade => return denied(AccessKind::RoleMissing, bad_key()),
            Security::Auditor | Security::Admin => {
                let error = Error::unauthorized(-1002, "You are not authorized to execute this request.");
                return denied(AccessKind::RoleMissing, error);
            }
        }
        if !endpoint.changes() {
            return Ok(());
        }
        let is_unnamed = endpoint.places() && !params.has("newClientOrderId");
        if is_unnamed && self.taken_before.is_some_and(|last| caller.timestamp <= last) {
            return Err(Error::bad(
                -1021,
                "Timestamp for this request is not after the last start of the venue, which may have taken it before. Sign it again \
                 in a moment, or give it a newClientOrderId: then asking again is safe.",
            )
            .into());
        }
        match self.replays.remember(&caller.print, caller.deadline, (self.settings.clock)()) {
            Seen::Never => Ok(()),
            Seen::Before => denied(
                AccessKind::Replayed,
                Error::bad(
                    -1022,
                    "This signed request was received before. Sign it again with a new timestamp; asking again is safe.",
                ),
            ),
            Seen::NoRoom => Err(Error::unavailable(
                -1008,
                "Server is currently overloaded with other requests. Please try again in a few minutes.",
            )
            .into()),
        }
    }
}

/// Something of this request to be noted.
fn attempt(
    head: &Head,
    kind: AccessKind,
    signer: Option<(UserId, KeyId)>,
    claim: Option<Claim>,
    about: Option<UserId>,
) -> Attempt {
    let method = match head.method {
        Method::GET => Some(AccessMethod::Get),
        Method::POST => Some(AccessMethod::Post),
        Method::PUT => Some(AccessMethod::Put),
        Method::DELETE => Some(AccessMethod::Delete),
        _ => None,
    };
    let path = PathText::new(head.uri.path()).ok();
    let endpoint = method.zip(path).map(|(method, path)| EndpointName { method, path });
    let address = head.extensions.get::<Peer>().map(|peer| peer.address.to_canonical());
    Attempt { kind, signer, claim, endpoint, about, address }
}

/// Whose records were asked for, where that is somebody's.
fn about(endpoint: Endpoint, params: &Params<'_>) -> Option<UserId> {
    let has_user = parameters_of(endpoint).iter().any(|parameter| parameter.name == "userId");
    let user = has_user.then(|| params.integer("userId").ok().flatten()).flatten()?;
    u32::try_from(user).ok().map(UserId)
}

async fn route(endpoint: Endpoint, call: &Call<'_>) -> Result<Reply, Error> {
    match endpoint {
        Endpoint::PlaceOrder => trade::place::place(call).await,
        Endpoint::CancelOrder => trade::cancel::cancel(call).await,
        Endpoint::TestOrder => trade::place::test(call),
        Endpoint::ReplaceOrder => trade::replace::replace(call).await,
        Endpoint::AmendOrder => trade::amend::amend(call).await,
        Endpoint::CancelOpenOrders => trade::cancel::cancel_all(call).await,
        Endpoint::QueryOrder => account::orders::query(call).await,
        Endpoint::OpenOrders => account::orders::open(call),
        Endpoint::AllOrders => account::orders::all(call).await,
        Endpoint::MyTrades => account::fills::mine(call).await,
        Endpoint::Account => account::balances::account(call),
        Endpoint::Commission => account::balances::commission(call),
        Endpoint::Ping => market::general::ping(call),
        Endpoint::Time => market::general::time(call),
        Endpoint::ExchangeInfo => market::exchange_info::exchange_info(call),
        Endpoint::Depth => market::depth::depth(call),
        Endpoint::Trades => market::trades::recent(call).await,
        Endpoint::HistoricalTrades => market::trades::historical(call).await,
        Endpoint::AggregateTrades => market::trades::aggregate(call).await,
        Endpoint::AveragePrice => market::tickers::average(call),
        Endpoint::Klines => market::klines::klines(call).await,
        Endpoint::BookTicker => market::tickers::book(call),
        Endpoint::PriceTicker => market::tickers::price(call),
        Endpoint::DayTicker => market::tickers::day(call),
        Endpoint::Positions => venue::positions::positions(call),
        Endpoint::PositionHistory => venue::archive::positions::history(call).await,
        Endpoint::MarketSnapshots => venue::archive::snapshots::snapshots(call).await,
        Endpoint::Leaderboards => venue::archive::leaderboards::leaderboard(call).await,
        Endpoint::Analytics => venue::archive::analytics::analytics(call).await,
        Endpoint::Audit => venue::archive::audit::audit(call).await,
        Endpoint::Ledger => venue::ledger::ledger(call).await,
        Endpoint::Executions => venue::executions::executions(call).await,
        Endpoint::Status => venue::status::status(call),
        Endpoint::Shards => venue::shards::list(call),
        Endpoint::OpenApi => openapi::openapi(call),
        Endpoint::AcceptClock => venue::clock::accept(call),
        Endpoint::Moves => venue::moves::moves(call),
        Endpoint::ShardSubjects => venue::moves::subjects(call),
        Endpoint::Admin(admin) => venue::admin::admin(call, admin).await,
    }
}

fn time_of_day() -> UnixNanos {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    UnixNanos(u64::try_from(since.as_nanos()).unwrap_or(u64::MAX))
}

/// Request weight used in the current minute, per client address; addresses that fall on the same place share a count.
#[derive(Debug)]
struct Weights {
    places: Vec<AtomicU64>,
}

impl Weights {
    const PLACES: usize = 1_024;
    const COUNT_BITS: u32 = 32;

    fn new() -> Self {
        Self { places: std::iter::repeat_with(AtomicU64::default).take(Self::PLACES).collect() }
    }

    /// Returns what the address has used in this minute.
    fn add(&self, head: &Head, weight: u64, now: UnixNanos) -> u64 {
        let hash = match head.extensions.get::<Peer>().map(|peer| peer.address) {
            None => 0,
            Some(std::net::IpAddr::V4(address)) => u64::from(address.to_bits()),
            Some(std::net::IpAddr::V6(address)) => u64::try_from(address.to_bits() >> 64).unwrap_or(0),
        };
        let index = usize::try_from(hash.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 54).unwrap_or(0);
        let Some(place) = self.places.get(index) else { return weight };
        let minute = (now.0 / 60_000_000_000) << Self::COUNT_BITS;
        let before = place.load(Ordering::Relaxed);
        let same = before >> Self::COUNT_BITS == minute >> Self::COUNT_BITS;
        let after = if same { before.saturating_add(weight) } else { minute | weight };
        // A count lost between two threads is not missed.
        place.store(after, Ordering::Relaxed);
        after & ((1 << Self::COUNT_BITS) - 1)
    }
}
