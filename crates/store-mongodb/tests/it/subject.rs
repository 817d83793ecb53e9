//! A database under test, with something between it and its writers that can fail.

use std::net::{SocketAddr, ToSocketAddrs as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use archive_cluster::server::{Kind, Server};
use documents::rows::keeps;
use domain::ids::Checkpoint;
use domain::state::State;
use mongodb::bson::{Document, doc};
use projector::batch::{Batch, Stream};
use projector::block::CommittedBlock;
use projector::buckets::Bucket;
use projector::conformance::rewind::Rewinds;
use projector::conformance::{self, Subject};
use projector::store::{Outcome, ReadStream, Store, StoreError, StoredRow};
use store_mongodb::config::MongoConfig;
use store_mongodb::store::MongoStore;

use crate::proxy::{Failure, Proxy};

/// A real server that takes the place of the test server, without TLS: `mongodb://[user:password@]host[:port]/[?options]`.
const ELSEWHERE: &str = "MONGODB_URI";

/// The streams of an archive, in the order in which it should be fed.
pub(crate) const STREAMS: [Stream; 8] = [
    Stream::Reference,
    Stream::Trades,
    Stream::Audit,
    Stream::Klines,
    Stream::HistoricalPositions,
    Stream::MarketSnapshots,
    Stream::Leaderboards,
    Stream::Analytics,
];

/// A server that makes a database for whoever asks.
#[derive(Debug)]
pub(crate) struct Databases {
    /// Absent where it is somebody else's.
    _server: Option<Server>,
    credentials: String,
    options: String,
    address: SocketAddr,
    pub(crate) proxy: Proxy,
}

static MADE: AtomicU64 = AtomicU64::new(0);

impl Databases {
    pub(crate) fn new() -> Arc<Self> {
        let elsewhere = std::env::var(ELSEWHERE).ok();
        let server = elsewhere.is_none().then(|| Server::temporary(Kind::MongoDb).unwrap());
        let url = elsewhere.or_else(|| server.as_ref().map(Server::url)).unwrap();
        let rest = url.strip_prefix("mongodb://").unwrap_or_else(|| panic!("{ELSEWHERE} is not a mongodb:// URL"));
        let (rest, options) = rest.split_once('?').unwrap_or((rest, ""));
        let (credentials, hosts) =
            rest.rsplit_once('@').map_or(("", rest), |(credentials, hosts)| (credentials, hosts));
        let host = hosts.trim_end_matches('/').split(['/', ',']).next().unwrap();
        let host = if host.contains(':') { host.to_owned() } else { format!("{host}:27017") };
        let address = host.to_socket_addrs().unwrap().next().unwrap();
        let kept = options.split('&').filter(|option| !option.is_empty() && !option.starts_with("replicaSet="));
        Arc::new(Self {
            _server: server,
            credentials: if credentials.is_empty() { String::new() } else { format!("{credentials}@") },
            options: kept.fold(String::new(), |all, option| format!("{all}&{option}")),
            address,
            proxy: Proxy::new(address),
        })
    }

    /// Name of a new, empty database.
    #[expect(clippy::unused_self, reason = "a name is one of a server's")]
    pub(crate) fn make(&self) -> String {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos();
        format!("test_{now}_{}_{}", std::process::id(), MADE.fetch_add(1, Ordering::Relaxed))
    }

    /// A database, through what can fail.
    pub(crate) fn config(&self, database: &str) -> MongoConfig {
        MongoConfig::new(&self.url(self.proxy.address(), database), None).unwrap()
    }

    fn url(&self, address: SocketAddr, database: &str) -> String {
        let Self { credentials, options, .. } = self;
        format!("mongodb://{credentials}{address}/{database}?directConnection=true&serverMonitoringMode=poll{options}")
    }

    /// Does something to a database behind the back of whoever writes it.
    pub(crate) fn meddle<T>(&self, database: &str, act: impl AsyncFnOnce(mongodb::Database) -> T) -> T {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let client = mongodb::Client::with_uri_str(self.url(self.address, database)).await.unwrap();
            act(client.database(database)).await
        })
    }

    /// Sends a command that must go.
    pub(crate) fn command(&self, database: &str, command: Document) -> Document {
        self.meddle(database, async |database| database.run_command(command).await.unwrap())
    }

    /// How many documents a collection has.
    pub(crate) fn count(&self, database: &str, collection: &str) -> u64 {
        self.meddle(database, async |database| {
            database.collection::<Document>(collection).count_documents(doc! {}).await.unwrap()
        })
    }
}

/// The writers of all streams of one database.
#[derive(Debug)]
pub(crate) struct Stores(Vec<MongoStore>);

impl Stores {
    pub(crate) fn open(config: &MongoConfig) -> Self {
        Self(STREAMS.map(|stream| MongoStore::open(config.clone(), stream).unwrap()).into())
    }

    pub(crate) fn of(&mut self, stream: Stream) -> &mut MongoStore {
        let index = STREAMS.iter().position(|known| *known == stream).unwrap();
        &mut self.0[index]
    }

    /// Each with its stream.
    pub(crate) fn each(&mut self) -> impl Iterator<Item = (Stream, &mut MongoStore)> {
        STREAMS.into_iter().zip(&mut self.0)
    }

    /// Puts all blocks into all streams.
    pub(crate) fn fill(&mut self, blocks: &[CommittedBlock]) {
        for stream in STREAMS {
            let batch = conformance::batch(stream, blocks, 0, blocks.len());
            assert_eq!(self.of(stream).commit(&batch), Outcome::Committed, "{stream:?}");
        }
    }

    /// All rows of all streams, with the checkpoints.
    pub(crate) fn everything(&mut self) -> Vec<(Stream, Option<Checkpoint>, Vec<StoredRow>)> {
        let read = |stream: Stream| {
            let mut rows = Vec::new();
            let checkpoint = self.of(stream).read_stream(stream, &mut |row| rows.push(row)).unwrap();
            (stream, checkpoint, rows)
        };
        STREAMS.into_iter().map(read).collect()
    }
}

pub(crate) struct MongoSubject {
    databases: Arc<Databases>,
    config: MongoConfig,
    stores: Stores,
    streams: Vec<Stream>,
}

impl MongoSubject {
    /// A few documents to a command, so that a commit can fail between them.
    pub(crate) fn new(databases: &Arc<Databases>, documents_max: usize) -> Self {
        let mut config = databases.config(&databases.make());
        config.documents_max = documents_max;
        store_mongodb::migrate::migrate(&config).unwrap();
        Self { databases: Arc::clone(databases), stores: Stores::open(&config), config, streams: STREAMS.to_vec() }
    }

    /// The same without what is emptied by a rewind.
    pub(crate) fn without_derived(mut self) -> Self {
        self.streams.retain(|stream| !stream.is_derived());
        self
    }
}

impl Store for MongoSubject {
    fn checkpoint(&mut self, stream: Stream) -> Result<Option<Checkpoint>, StoreError> {
        self.stores.of(stream).checkpoint(stream)
    }

    fn commit(&mut self, batch: &Batch) -> Outcome {
        self.stores.of(batch.stream()).commit(batch)
    }

    fn recall(
        &mut self,
        stream: Stream,
        buckets: &[Bucket],
        visit: &mut dyn FnMut(StoredRow),
    ) -> Result<(), StoreError> {
        self.stores.of(stream).recall(stream, buckets, visit)
    }
}

impl ReadStream for MongoSubject {
    fn read_stream(
        &mut self,
        stream: Stream,
        visit: &mut dyn FnMut(StoredRow),
    ) -> Result<Option<Checkpoint>, StoreError> {
        self.stores.of(stream).read_stream(stream, visit)
    }
}

impl Subject for MongoSubject {
    fn streams(&self) -> Vec<Stream> {
        self.streams.clone()
    }

    fn keeps(&self, row: &StoredRow) -> bool {
        keeps(row)
    }

    fn interrupt_after(&mut self, writes: Option<u64>) {
        self.databases.proxy.fail_after(writes.map(|writes| (writes, Failure::Refused)));
    }

    fn reopen(&mut self) {
        self.stores = Stores::open(&self.config);
    }
}

impl Rewinds for MongoSubject {
    fn rewind(&mut self, to: &Checkpoint, state: &State) -> Result<Vec<Stream>, String> {
        let mut moved = Vec::new();
        for stream in self.streams.clone() {
            let past = store_mongodb::rewind::rewind(&self.config, stream, to, state);
            if past.map_err(|fault| fault.to_string())? {
                moved.push(stream);
            }
        }
        Ok(moved)
    }
}
