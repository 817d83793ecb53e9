//! History out of a database: each answer is read together with the checkpoint of its stream, in one snapshot.

mod orders;
mod fills;
mod ledger;

use std::fmt;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use deadpool_postgres::{Hook, HookError, Manager, ManagerConfig, Pool, RecyclingMethod, Transaction};
use domain::ids::{Checkpoint, OrderId, ShardId};
use domain::units::Seq;
use projector::batch::Stream;
use projector::history::{FillsQuery, LedgerQuery, OrderHistory, OrderKey, OrdersQuery, Page, ReadError, Selection};
use projector::lineage::Lineage;
use projector::rows::{FillRow, LedgerRow, OrderRow};
use projector::words::Word;
use tokio::runtime::{Builder, Runtime};
use tokio_postgres::types::ToSql;
use tokio_postgres::{IsolationLevel, Row};

use crate::config::PostgresConfig;
use crate::decode::Columns;
use crate::fault::Fault;
use crate::migrate;
use crate::shard;
use crate::store::{SELECT_CHECKPOINT, checkpoint_of};
use crate::units::Units;
use crate::write::asked;

/// How long a caller waits for a connection, free or new.
const CONNECTION_WAIT: Duration = Duration::from_secs(5);
/// How long a read may take.
const READ_MAX: Duration = Duration::from_secs(10);

/// Readers of one database, for many threads.
pub struct PostgresOrders {
    /// Drives the connections; callers wait on their own threads.
    runtime: Runtime,
    pool: Pool,
    units: Mutex<Units>,
    /// Absent: whatever the database holds is read.
    lineage: Option<Arc<Lineage>>,
    /// Which shard the database must be, once that is known.
    shard: Arc<OnceLock<ShardId>>,
}

/// One read transaction.
#[derive(Debug)]
struct Snapshot<'a> {
    transaction: Transaction<'a>,
    units: Units,
}

/// Parameters of a statement.
type Parameters<'a> = &'a [&'a (dyn ToSql + Sync)];

impl PostgresOrders {
    /// Readers of a database, which need not be there yet: at most `readers` calls read at the same time. With a lineage, only what is of
    /// it is answered.
    pub fn open(config: &PostgresConfig, readers: usize, lineage: Option<Arc<Lineage>>) -> Result<Self, Fault> {
        assert!(readers > 0, "somebody must read");
        let broken = |error: &dyn fmt::Display| Fault::Misuse(format!("no readers: {error}"));
        let runtime = Builder::new_multi_thread().worker_threads(1).thread_name("postgres-reads").enable_all().build();
        let runtime = runtime.map_err(|error| broken(&error))?;
        let shard: Arc<OnceLock<ShardId>> = Arc::new(config.shard.map_or_else(OnceLock::new, OnceLock::from));
        let expected = Arc::clone(&shard);
        let settings = ManagerConfig { recycling_method: RecyclingMethod::Fast };
        let manager = Manager::from_config(config.reader(), config.tls(), settings);
        let pool = Pool::builder(manager)
            .max_size(readers)
            .wait_timeout(Some(CONNECTION_WAIT))
            .create_timeout(Some(CONNECTION_WAIT))
            .runtime(deadpool_postgres::Runtime::Tokio1)
            .post_create(Hook::async_fn(move |client, _| {
                let expected = expected.get().copied();
                Box::pin(async move { set_up(client, expected).await.map_err(hook_error) })
            }))
            .build()
            .map_err(|error| broken(&error))?;
        Ok(Self { runtime, pool, units: Mutex::default(), lineage, shard })
    }

    /// From now on only a database that is this shard is connected to; said once.
    pub fn set_shard(&self, shard: ShardId) {
        self.shard.get_or_init(|| shard);
    }

    /// How far a stream is.
    pub fn reached(&self, stream: Stream) -> Result<Seq, ReadError> {
        Ok(self.read(stream, async |_| Ok(Vec::<()>::new()))?.through)
    }

    /// Reads rows of a stream and its checkpoint from one snapshot.
    fn read<T>(
        &self,
        stream: Stream,
        rows: impl AsyncFnOnce(&mut Snapshot<'_>) -> Result<Vec<T>, Fault>,
    ) -> Result<Page<T>, ReadError> {
        let reading = async {
            let mut client =
                self.pool.get().await.map_err(|error| ReadError::Failed(projector::fault::chain(&error)))?;
            let read = self.read_with(&mut client, stream, rows).await;
            if read.as_ref().is_err_and(Fault::wants_another_connection) {
                drop(deadpool_postgres::Object::take(client));
            }
            let (checkpoint, rows) = read?;
            if let Some(lineage) = &self.lineage {
                lineage.check(stream, checkpoint.as_ref())?;
            }
            Ok(Page { through: checkpoint.map_or(Seq::ZERO, |checkpoint| checkpoint.seq), rows })
        };
        let silent = Err(ReadError::Failed(format!("no answer within {} s", READ_MAX.as_secs())));
        self.runtime.block_on(async { tokio::time::timeout(READ_MAX, reading).await.unwrap_or(silent) })
    }

    async fn read_with<T>(
        &self,
        client: &mut deadpool_postgres::Object,
        stream: Stream,
        rows: impl AsyncFnOnce(&mut Snapshot<'_>) -> Result<Vec<T>, Fault>,
    ) -> Result<(Option<Checkpoint>, Vec<T>), Fault> {
        let begin = client.build_transaction().isolation_level(IsolationLevel::RepeatableRead).read_only(true);
        let transaction = begin.start().await?;
        // The first read of a transaction fixes what all others see.
        let select = transaction.prepare_cached(SELECT_CHECKPOINT).await?;
        let found = transaction.query_opt(&select, &[&stream.word()]).await?;
        let checkpoint = found.as_ref().map(checkpoint_of).transpose()?;
        let units = self.units.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let mut snapshot = Snapshot { transaction, units };
        let rows = rows(&mut snapshot).await?;
        *self.units.lock().unwrap_or_else(PoisonError::into_inner) = snapshot.units;
        Ok((checkpoint, rows))
    }
}

impl Snapshot<'_> {
    async fn all<T>(
        &mut self,
        sql: &str,
        parameters: Parameters<'_>,
        decode: impl Fn(&mut Columns<'_>) -> Result<T, Fault>,
    ) -> Result<Vec<T>, Fault> {
        let statement = self.transaction.prepare_cached(sql).await?;
        let rows = self.transaction.query(&statement, parameters).await?;
        let decoded = decode_all(&rows, &self.units, &decode);
        if matches!(decoded, Err(Fault::UnknownAsset(_) | Fault::UnknownSymbol(_))) {
            // Listed since they were last read.
            self.units.read(self.transaction.client()).await?;
            return decode_all(&rows, &self.units, &decode);
        }
        decoded
    }

    /// What a look-up function says of a time; the default where no time is asked for.
    async fn first_at(&self, sql: &str, time: Option<u64>, default: i64) -> Result<i64, Fault> {
        let Some(time) = time else { return Ok(default) };
        let statement = self.transaction.prepare_cached(sql).await?;
        Ok(self.transaction.query_one(&statement, &[&asked(time)]).await?.get(0))
    }

    /// Ids of the times and from the first one asked for on: from, and below which.
    async fn span(&self, sql: &str, selection: &Selection<u64>) -> Result<(i64, i64), Fault> {
        let from = self.first_at(sql, selection.time.from.map(|from| from.0), 0).await?;
        let to = self.first_at(sql, selection.time.to.map(|to| to.0.saturating_add(1)), i64::MAX).await?;
        Ok((from.max(selection.first.map_or(0, asked)), to))
    }
}

fn decode_all<T>(
    rows: &[Row],
    units: &Units,
    decode: &impl Fn(&mut Columns<'_>) -> Result<T, Fault>,
) -> Result<Vec<T>, Fault> {
    rows.iter().map(|row| decode(&mut Columns::of(row, units))).collect()
}

fn limit_of(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}

/// As they are given back: oldest first.
fn oldest_first<T>(mut rows: Vec<T>, newest_first: bool) -> Vec<T> {
    if newest_first {
        rows.reverse();
    }
    rows
}

async fn set_up(client: &tokio_postgres::Client, shard: Option<ShardId>) -> Result<(), Fault> {
    let sql = "SELECT set_config('statement_timeout', $1, false), set_config('idle_in_transaction_session_timeout', $1, false),
                      set_config('jit', 'off', false)";
    client.execute(sql, &[&READ_MAX.as_millis().to_string()]).await?;
    migrate::check_known(client).await?;
    shard::check(client, shard).await
}

fn hook_error(fault: Fault) -> HookError {
    if let Fault::Postgres(error) = fault {
        return HookError::Backend(error);
    }
    HookError::message(fault.to_string())
}

impl OrderHistory for PostgresOrders {
    fn order(&self, key: OrderKey) -> Result<Page<OrderRow>, ReadError> {
        self.read(Stream::Symbols, async |snapshot| match key {
            OrderKey::Id(order) => orders::by_id(snapshot, order).await,
            OrderKey::Client(user, name) => orders::by_client(snapshot, user, &name).await,
        })
    }

    fn orders(&self, query: &OrdersQuery) -> Result<Page<OrderRow>, ReadError> {
        self.read(Stream::Symbols, async |snapshot| orders::of_user(snapshot, query).await)
    }

    fn fills(&self, query: &FillsQuery) -> Result<Page<FillRow>, ReadError> {
        self.read(Stream::Symbols, async |snapshot| fills::of_user(snapshot, query).await)
    }

    fn fills_of_order(&self, order: OrderId) -> Result<Page<FillRow>, ReadError> {
        self.read(Stream::Symbols, async |snapshot| fills::of_order(snapshot, order).await)
    }

    fn ledger(&self, query: &LedgerQuery) -> Result<Page<LedgerRow>, ReadError> {
        self.read(Stream::Users, async |snapshot| ledger::of_user(snapshot, query).await)
    }
}

impl fmt::Debug for PostgresOrders {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresOrders").field("pool", &self.pool.status()).finish_non_exhaustive()
    }
}
