//! A connection that is driven by whoever waits for it: a store is called from a thread of its own, so it needs no other.

use std::collections::HashMap;
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};
use tokio_postgres::{Client, Statement};

use crate::config::PostgresConfig;
use crate::fault::Fault;
use crate::{migrate, shard};

/// A commit is several statements; past so many times the time of one, the server counts as gone.
const PATIENCE_STATEMENTS: u32 = 4;

/// A connection, and what drives it.
#[derive(Debug)]
pub(crate) struct Link {
    runtime: Runtime,
    session: Session,
    patience: Duration,
}

/// What is said over it.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) client: Client,
    statements: HashMap<String, Statement>,
}

impl Link {
    /// Connects to a server that takes writes.
    pub(crate) fn open(config: &PostgresConfig, name: &str) -> Result<Self, Fault> {
        let runtime = Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| Fault::Misuse(format!("no runtime: {error}")))?;
        let patience = config.statement_timeout * PATIENCE_STATEMENTS;
        let session = runtime.block_on(async {
            let connecting = Session::connect(config, name);
            tokio::time::timeout(patience, connecting).await.unwrap_or(Err(Fault::Silent(patience)))
        })?;
        Ok(Self { runtime, session, patience })
    }

    /// The same, to a database whose schema is the one known here.
    pub(crate) fn open_migrated(config: &PostgresConfig, name: &str) -> Result<Self, Fault> {
        let mut link = Self::open(config, name)?;
        link.run(async |session| {
            migrate::check(&mut session.client, config.migrates).await?;
            shard::check(&session.client, config.shard).await
        })?;
        Ok(link)
    }

    /// Does something and waits for it, but not for ever.
    pub(crate) fn run<T>(&mut self, work: impl AsyncFnOnce(&mut Session) -> Result<T, Fault>) -> Result<T, Fault> {
        let Self { runtime, session, patience } = self;
        runtime.block_on(async {
            tokio::time::timeout(*patience, work(session)).await.unwrap_or(Err(Fault::Silent(*patience)))
        })
    }

    /// The same without a limit: for work that takes as long as there are rows.
    pub(crate) fn run_long<T>(&mut self, work: impl AsyncFnOnce(&mut Session) -> Result<T, Fault>) -> Result<T, Fault> {
        let Self { runtime, session, .. } = self;
        runtime.block_on(work(session))
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.session.client.is_closed()
    }
}

/// A connection for work beside the streams: opened when it is first needed, to a schema that it leaves as it is. Whatever failed may
/// have left a transaction open, which ends with the connection; the next work has another.
#[derive(Debug)]
pub(crate) struct Errands {
    config: PostgresConfig,
    name: &'static str,
    link: Option<Link>,
}

impl Errands {
    pub(crate) const fn new(mut config: PostgresConfig, name: &'static str) -> Self {
        config.migrates = false;
        Self { config, name, link: None }
    }

    pub(crate) fn run<T>(&mut self, work: impl FnOnce(&mut Link) -> Result<T, Fault>) -> Result<T, Fault> {
        let done = self.open().and_then(work);
        if done.is_err() {
            self.link = None;
        }
        done
    }

    /// Whether there is a connection that may still serve.
    pub(crate) fn is_open(&self) -> bool {
        self.link.as_ref().is_some_and(|link| !link.is_closed())
    }

    fn open(&mut self) -> Result<&mut Link, Fault> {
        if !self.is_open() {
            self.link = Some(Link::open_migrated(&self.config, self.name)?);
        }
        self.link.as_mut().ok_or_else(|| Fault::Misuse("no connection".into()))
    }
}

impl Session {
    /// Connects to a server that takes writes, inside the runtime that drives the connection.
    pub(crate) async fn connect(config: &PostgresConfig, name: &str) -> Result<Self, Fault> {
        let (client, connection) = config.writer(name).connect(config.tls()).await?;
        // Ends with the connection; what went wrong is told to whoever waits for an answer.
        tokio::spawn(async move { drop(connection.await) });
        let session = Self { client, statements: HashMap::new() };
        session.set_up(config).await?;
        Ok(session)
    }

    async fn set_up(&self, config: &PostgresConfig) -> Result<(), Fault> {
        let timeout_ms = config.statement_timeout.as_millis().to_string();
        let sql = "SELECT set_config('statement_timeout', $1, false), set_config('lock_timeout', $1, false),
                          set_config('idle_in_transaction_session_timeout', $1, false)";
        self.client.execute(sql, &[&timeout_ms]).await?;
        // A commit that is lost takes its checkpoint with it. Every statement finds its rows by key; plans are made once and kept, and
        // one made while a table was small must not read all of it when it is large. A join can do that without a sequential scan: see
        // `update` in `write/symbols.rs`.
        let settings = "SET synchronous_commit = off; SET plan_cache_mode = force_generic_plan; SET jit = off;
                        SET enable_seqscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off;
                        SET enable_bitmapscan = off";
        Ok(self.client.batch_execute(settings).await?)
    }

    /// The statement, prepared once for the connection.
    pub(crate) async fn statement(&mut self, sql: &str) -> Result<Statement, Fault> {
        if let Some(statement) = self.statements.get(sql) {
            return Ok(statement.clone());
        }
        let statement = self.client.prepare(sql).await?;
        self.statements.insert(sql.to_owned(), statement.clone());
        Ok(statement)
    }
}

/// Connects as a reader does: to whatever server the URL allows.
pub(crate) async fn connect_reader(place: &PostgresConfig) -> Result<Client, Fault> {
    let (client, connection) = place.reader().connect(place.tls()).await?;
    // Ends with the connection; what went wrong is told to whoever waits for an answer.
    tokio::spawn(async move { drop(connection.await) });
    let timeout_ms = place.statement_timeout.as_millis().to_string();
    let sql = "SELECT set_config('statement_timeout', $1, false), set_config('lock_timeout', $1, false)";
    client.execute(sql, &[&timeout_ms]).await?;
    Ok(client)
}
