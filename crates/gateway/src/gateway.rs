//! The gateway: takes HTTP requests, answers them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use axum::body::{Body, Bytes};
use axum::http::request::Parts as Head;
use axum::http::{Method, Request, Response, StatusCode};
use domain::ids::AddressId;
use domain::units::{Seq, UnixNanos};
use projector::archive::ArchiveHistory;
use projector::buckets::Interval;
use projector::history::History;
use readmodel::model::ReadModel;
use tokio::sync::Semaphore;

use crate::auth::{AHEAD_NS_MAX, Authority, Caller, bad_key};
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
    /// How far market snapshots are apart.
    pub snapshots: Interval,
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
            snapshots: projector::settings::Settings::default().snapshots,
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
        Ok(Self {
            door,
            records,
            addresses,
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
                Some(self.authority.caller(api_key, &params, &[query, query_rest, form, form_rest])?)
            }
        };
        if let Some(caller) = &mut caller {
            let is_unnamed = endpoint.places() && !params.has("newClientOrderId");
            self.admit(caller, endpoint, is_unnamed)?;
            if endpoint.changes() {
                caller.address = self.address(head).await;
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

    /// The number of the client's address. Only who may change something gets one, so that nobody else can fill the table.
    async fn address(&self, head: &Head) -> AddressId {
        let Some(peer) = head.extensions.get::<Peer>() else { return AddressId(0) };
        if let Some(number) = peer.number.get() {
            return *number;
        }
        let number = if let Some(number) = self.addresses.known(peer.address) {
            number
        } else {
            let (addresses, address) = (Arc::clone(&self.addresses), peer.address);
            let asked = tokio::task::spawn_blocking(move || addresses.number(address)).await;
            asked.unwrap_or_else(|error| {
                tracing::error!(%error, "an address has no number");
                AddressId(0)
            })
        };
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
    fn admit(&self, caller: &Caller, endpoint: Endpoint, is_unnamed: bool) -> Result<(), Error> {
        match endpoint.security() {
            Security::Public => {}
            Security::Read if caller.roles.read => {}
            Security::Audit if caller.roles.read || caller.roles.audit => {}
            Security::Trade if caller.roles.trade => {}
            Security::Auditor if caller.roles.audit => {}
            Security::Admin if caller.roles.admin => {}
            Security::Read | Security::Audit | Security::Trade => return Err(bad_key()),
            Security::Auditor | Security::Admin => {
                return Err(Error::unauthorized(-1002, "You are not authorized to execute this request."));
            }
        }
        if !endpoint.changes() {
            return Ok(());
        }
        if is_unnamed && self.taken_before.is_some_and(|last| caller.timestamp <= last) {
            return Err(Error::bad(
                -1021,
                "Timestamp for this request is not after the last start of the venue, which may have taken it before. Sign it again \
                 in a moment, or give it a newClientOrderId: then asking again is safe.",
            ));
        }
        match self.replays.remember(&caller.print, caller.deadline, (self.settings.clock)()) {
            Seen::Never => Ok(()),
            Seen::Before => Err(Error::bad(
                -1022,
                "This signed request was received before. Sign it again with a new timestamp; asking again is safe.",
            )),
            Seen::NoRoom => Err(Error::unavailable(
                -1008,
                "Server is currently overloaded with other requests. Please try again in a few minutes.",
            )),
        }
    }
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
        Endpoint::Trades => market::trades::recent(call),
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
