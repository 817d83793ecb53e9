//! The schema of a database: which version it has, and how it gets the latest.

use tokio_postgres::Client;

use crate::config::PostgresConfig;
use crate::fault::Fault;
use crate::link::Link;

refinery::embed_migrations!("migrations");

/// Where the library notes what was applied.
const APPLIED: &str = "refinery_schema_history";
/// Number of the lock that one migration at a time holds: `buttonwo` in ASCII.
const LOCK: i64 = 0x6275_7474_6f6e_776f;

/// What [`migrate`] did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Migrated {
    /// Version before; 0: the database was empty.
    pub from: i32,
    /// Version now.
    pub to: i32,
}

/// Brings the schema of a database up to date. Harmless where it is; nobody else may migrate at the same time, so this waits.
pub fn migrate(config: &PostgresConfig) -> Result<Migrated, Fault> {
    let mut link = Link::open(config, "migrate")?;
    link.run(async |session| migrate_session(&mut session.client).await)
}

/// Latest version known here.
pub(crate) fn known() -> i32 {
    migrations::runner().get_migrations().iter().map(refinery::Migration::version).max().unwrap_or(0)
}

/// Checks that the schema is the one this program knows, or makes it so.
pub(crate) async fn check(client: &mut Client, migrates: bool) -> Result<(), Fault> {
    match check_known(client).await {
        Err(Fault::OlderSchema { .. }) if migrates => {
            let migrated = migrate_session(client).await?;
            tracing::info!(from = migrated.from, to = migrated.to, "schema brought up to date");
            Ok(())
        }
        checked => checked,
    }
}

/// Checks that the schema is the one this program knows; a reader leaves it as it is.
pub(crate) async fn check_known(client: &Client) -> Result<(), Fault> {
    let (found, known) = (version(client).await?, known());
    match found.cmp(&known) {
        std::cmp::Ordering::Equal => Ok(()),
        std::cmp::Ordering::Less => Err(Fault::OlderSchema { found, known }),
        std::cmp::Ordering::Greater => Err(Fault::NewerSchema { found, known }),
    }
}

async fn migrate_session(client: &mut Client) -> Result<Migrated, Fault> {
    client.execute("SELECT pg_advisory_lock($1)", &[&LOCK]).await?;
    let migrated = migrate_locked(client).await;
    client.execute("SELECT pg_advisory_unlock($1)", &[&LOCK]).await?;
    migrated
}

async fn migrate_locked(client: &mut Client) -> Result<Migrated, Fault> {
    // Read again under the lock: another session may have been faster.
    let (from, to) = (version(client).await?, known());
    if from > to {
        return Err(Fault::NewerSchema { found: from, known: to });
    }
    if from == 0 {
        check_empty(client).await?;
    }
    // All of them or none: a database between two versions belongs to nobody.
    let runner = migrations::runner().set_grouped(true);
    runner.run_async(client).await.map_err(|error| Fault::Migration(projector::fault::chain(&error)))?;
    Ok(Migrated { from, to })
}

/// The version of the database; 0: it has none.
async fn version(client: &Client) -> Result<i32, Fault> {
    let known = client.query_one("SELECT to_regclass($1) IS NOT NULL", &[&APPLIED]).await?;
    if !known.get::<_, bool>(0) {
        return Ok(0);
    }
    let latest = client.query_one("SELECT coalesce(max(version), 0)::int FROM refinery_schema_history", &[]).await?;
    Ok(latest.get(0))
}

/// A database of somebody else is left alone.
async fn check_empty(client: &Client) -> Result<(), Fault> {
    let sql = "SELECT table_name::text FROM information_schema.tables WHERE table_schema = current_schema() AND table_name <> $1
               ORDER BY 1 LIMIT 1";
    match client.query_opt(sql, &[&APPLIED]).await? {
        None => Ok(()),
        Some(row) => {
            let table: &str = row.get(0);
            Err(Fault::WrongDatabase(format!("the database has tables of another program ({table}): use an empty one")))
        }
    }
}
