//! A table under test, with something between it and its writers that can fail.

use std::collections::HashMap;
use std::net::{SocketAddr, ToSocketAddrs as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use archive_cluster::server::{Kind, Server};
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue};
use documents::rows::keeps;
use domain::ids::Checkpoint;
use domain::state::State;
use projector::batch::{Batch, Stream};
use projector::block::CommittedBlock;
use projector::buckets::Bucket;
use projector::conformance::rewind::Rewinds;
use projector::conformance::{self, Subject};
use projector::store::{Outcome, ReadStream, Store, StoreError, StoredRow};
use store_dynamodb::config::DynamoConfig;
use store_dynamodb::store::DynamoStore;

use crate::proxy::{Failure, Proxy};

/// Another service, over plain http: `http://127.0.0.1:8000`.
const ELSEWHERE: &str = "DYNAMODB_ENDPOINT";

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

/// A service that makes a table for whoever asks.
#[derive(Debug)]
pub(crate) struct Tables {
    /// Absent where it is somebody else's.
    _server: Option<Server>,
    address: SocketAddr,
    pub(crate) proxy: Proxy,
}

static MADE: AtomicU64 = AtomicU64::new(0);

impl Tables {
    pub(crate) fn new() -> Arc<Self> {
        let elsewhere = std::env::var(ELSEWHERE).ok();
        let server = elsewhere.is_none().then(|| Server::temporary(Kind::DynamoDb).unwrap());
        let url = elsewhere.or_else(|| server.as_ref().map(Server::url)).unwrap();
        let authority = url.strip_prefix("http://").unwrap_or_else(|| panic!("{ELSEWHERE} is not a http:// URL"));
        let address = authority.trim_end_matches('/').to_socket_addrs().unwrap().next().unwrap();
        Arc::new(Self { _server: server, address, proxy: Proxy::new(address) })
    }

    /// Those of a service of somebody else's.
    pub(crate) fn at(address: SocketAddr) -> Arc<Self> {
        Arc::new(Self { _server: None, address, proxy: Proxy::new(address) })
    }

    /// Name of a table that is not there.
    #[expect(clippy::unused_self, reason = "a name is one of a service's")]
    pub(crate) fn make(&self) -> String {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos();
        format!("test-{now}-{}-{}", std::process::id(), MADE.fetch_add(1, Ordering::Relaxed))
    }

    /// A table, through what can fail.
    pub(crate) fn config(&self, table: &str) -> DynamoConfig {
        let address = self.proxy.address();
        DynamoConfig::new(&format!("dynamodb://eu-central-1/{table}?endpoint=http://{address}")).unwrap()
    }

    /// Does something to the tables behind the back of whoever writes them.
    pub(crate) fn meddle<T>(&self, act: impl AsyncFnOnce(Client) -> T) -> T {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let config = aws_sdk_dynamodb::Config::builder()
                .behavior_version(aws_sdk_dynamodb::config::BehaviorVersion::latest())
                .region(aws_sdk_dynamodb::config::Region::new("eu-central-1"))
                .endpoint_url(format!("http://{}", self.address))
                .credentials_provider(aws_sdk_dynamodb::config::Credentials::new("test", "test", None, None, "test"))
                .http_client(aws_smithy_http_client::Builder::new().build_http());
            act(Client::from_conf(config.build())).await
        })
    }
}

/// Attributes by name.
pub(crate) type Item = HashMap<String, AttributeValue>;

impl Tables {
    /// Takes a packed item out of a table.
    pub(crate) fn take(&self, name: &str, table: &str, partition: u32, item: u64) -> Item {
        let text = |text: String| AttributeValue::S(text);
        let request = async |client: Client| {
            let request = client.delete_item().table_name(format!("{name}.{table}"));
            let request = request.key("pk", text(format!("{partition}#{}", item % 8)));
            let request = request.key("sk", text(format!("{item:020}"))).return_values(ReturnValue::AllOld);
            request.send().await.unwrap().attributes
        };
        self.meddle(request).unwrap()
    }

    /// Puts an item into a table, whatever is there.
    pub(crate) fn give_back(&self, name: &str, table: &str, item: Item) {
        self.meddle(async |client| {
            client.put_item().table_name(format!("{name}.{table}")).set_item(Some(item)).send().await.unwrap();
        });
    }

    /// Everything in a table, in the order of keys.
    pub(crate) fn items(&self, name: &str, table: &str) -> Vec<Item> {
        let scanned = self.meddle(async |client| client.scan().table_name(format!("{name}.{table}")).send().await);
        let mut items = scanned.unwrap().items.unwrap();
        let key = |item: &Item| ["pk", "sk"].map(|name| item[name].as_s().unwrap().clone());
        items.sort_by_cached_key(key);
        items
    }
}

/// The writers of all streams of one table.
#[derive(Debug)]
pub(crate) struct Stores(Vec<DynamoStore>);

impl Stores {
    pub(crate) fn open(config: &DynamoConfig) -> Self {
        Self(STREAMS.map(|stream| DynamoStore::open(config.clone(), stream).unwrap()).into())
    }

    pub(crate) fn of(&mut self, stream: Stream) -> &mut DynamoStore {
        let index = STREAMS.iter().position(|known| *known == stream).unwrap();
        &mut self.0[index]
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
            let (checkpoint, rows) = self.read(stream);
            (stream, checkpoint, rows)
        };
        STREAMS.into_iter().map(read).collect()
    }

    /// All rows of a stream.
    pub(crate) fn rows(&mut self, stream: Stream) -> Vec<StoredRow> {
        self.read(stream).1
    }

    fn read(&mut self, stream: Stream) -> (Option<Checkpoint>, Vec<StoredRow>) {
        let mut rows = Vec::new();
        let checkpoint = self.of(stream).read_stream(stream, &mut |row| rows.push(row)).unwrap();
        (checkpoint, rows)
    }
}

pub(crate) struct DynamoSubject {
    tables: Arc<Tables>,
    config: DynamoConfig,
    stores: Stores,
    streams: Vec<Stream>,
}

impl DynamoSubject {
    pub(crate) fn new(tables: &Arc<Tables>) -> Self {
        let config = tables.config(&tables.make());
        store_dynamodb::migrate::migrate(&config).unwrap();
        Self { tables: Arc::clone(tables), stores: Stores::open(&config), config, streams: STREAMS.to_vec() }
    }

    /// The same without what is emptied by a rewind.
    pub(crate) fn without_derived(mut self) -> Self {
        self.streams.retain(|stream| !stream.is_derived());
        self
    }
}

impl Store for DynamoSubject {
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

impl ReadStream for DynamoSubject {
    fn read_stream(
        &mut self,
        stream: Stream,
        visit: &mut dyn FnMut(StoredRow),
    ) -> Result<Option<Checkpoint>, StoreError> {
        self.stores.of(stream).read_stream(stream, visit)
    }
}

impl Subject for DynamoSubject {
    fn streams(&self) -> Vec<Stream> {
        self.streams.clone()
    }

    fn keeps(&self, row: &StoredRow) -> bool {
        keeps(row)
    }

    fn interrupt_after(&mut self, writes: Option<u64>) {
        self.tables.proxy.fail_after(writes.map(|writes| (writes, Failure::Refused)));
    }

    fn reopen(&mut self) {
        self.stores = Stores::open(&self.config);
    }
}

impl Rewinds for DynamoSubject {
    fn rewind(&mut self, to: &Checkpoint, state: &State) -> Result<Vec<Stream>, String> {
        let mut moved = Vec::new();
        for stream in self.streams.clone() {
            let past = store_dynamodb::rewind::rewind(&self.config, stream, to, state);
            if past.map_err(|fault| fault.to_string())? {
                moved.push(stream);
            }
        }
        Ok(moved)
    }
}
