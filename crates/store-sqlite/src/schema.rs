//! Opening a file: who it belongs to, which version it has, how it is written.

use std::path::Path;
use std::time::Duration;

use projector::batch::Stream;
use projector::store::StoredRow;
use rusqlite::hooks::Wal;
use rusqlite::{Connection, ErrorCode, OpenFlags, TransactionBehavior};

use crate::fault::Fault;
use crate::paced;

/// Which of the two files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Orders, fills, positions, balances, ledger, users.
    Hot,
    /// Completed trades, audit logs, derived collections, closed orders that shards have given up. Of the reference data it has only what its numbers mean: no user, no credential.
    Archive,
}

/// What a program finds at the place where SQLite keeps the number of the application: `BWho`, `BWar`.
const APPLICATION_IDS: [(Role, i32); 2] = [(Role::Hot, 0x4257_686f), (Role::Archive, 0x4257_6172)];

/// Migrations, in order; a file has version `n` when it has had the first `n`. Only ever added to.
const HOT: &[&[&str]] = &[&[include_str!("../schema/reference_1.sql"), include_str!("../schema/hot_1.sql")]];
const ARCHIVE: &[&[&str]] = &[
    &[include_str!("../schema/reference_1.sql"), include_str!("../schema/archive_1.sql")],
    &[include_str!("../schema/archive_2.sql")],
    &[include_str!("../schema/archive_3.sql")],
    &[include_str!("../schema/archive_4.sql")],
];

/// Bytes of a page of a new file.
const PAGE_BYTES: u32 = 16_384;
/// Pages in the WAL from which on a commit copies them into the file. Pages that are written again meanwhile are copied once.
const WAL_PAGES: u32 = 16_384;
/// Size to which the WAL is cut once it was copied.
const WAL_BYTES: u32 = PAGE_BYTES * WAL_PAGES;
/// Memory for pages, in KiB.
const CACHE_KIB: u32 = 128 * 1024;
/// Prepared statements kept.
const STATEMENTS: usize = 64;

impl Role {
    /// The streams of the file, in the order in which they should be fed.
    pub const fn streams(self) -> &'static [Stream] {
        match self {
            Self::Hot => &[Stream::Reference, Stream::Symbols, Stream::Users],
            Self::Archive => &[
                Stream::Reference,
                Stream::Trades,
                Stream::Audit,
                Stream::Klines,
                Stream::HistoricalPositions,
                Stream::MarketSnapshots,
                Stream::Leaderboards,
                Stream::Analytics,
            ],
        }
    }

    /// Whether the file has a table for such rows of its streams.
    pub const fn keeps(self, row: &StoredRow) -> bool {
        match row {
            StoredRow::Asset(_) | StoredRow::Symbol(_) => true,
            StoredRow::Trade(_)
            | StoredRow::Audit(_)
            | StoredRow::Kline(_)
            | StoredRow::PositionHistory(_)
            | StoredRow::MarketSnapshot(_)
            | StoredRow::Leaderboard(_)
            | StoredRow::Analytics(_)
            | StoredRow::ActiveUser(_) => matches!(self, Self::Archive),
            StoredRow::Venue(_)
            | StoredRow::User(_)
            | StoredRow::Key(_)
            | StoredRow::Order(_)
            | StoredRow::OpenOrder(_)
            | StoredRow::Fill(_)
            | StoredRow::Position(_)
            | StoredRow::Balance(_)
            | StoredRow::CreditLimit(_)
            | StoredRow::Ledger(_)
            | StoredRow::Withdrawal(_) => matches!(self, Self::Hot),
            StoredRow::SymbolTenure(_) | StoredRow::UserTenure(_) => false,
        }
    }

    const fn migrations(self) -> &'static [&'static [&'static str]] {
        match self {
            Self::Hot => HOT,
            Self::Archive => ARCHIVE,
        }
    }

    fn application_id(self) -> i32 {
        APPLICATION_IDS.into_iter().find(|(role, _)| *role == self).map_or(0, |(_, id)| id)
    }
}

/// Opens a file to write, makes it where there is none, and brings its schema up to date.
pub(crate) fn open_writer(path: &Path, role: Role) -> Result<Connection, Fault> {
    paced::pace_writes();
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(path, flags)?;
    match role {
        Role::Hot => connection.busy_timeout(Duration::ZERO)?,
        // It has two writers in one process: its follower, and what brings closed orders.
        Role::Archive => connection.busy_handler(Some(wait_for_lock))?,
    }
    // Before anything is written: a page size takes effect with the first page, and a wrong file stays as it is.
    connection.pragma_update(None, "page_size", PAGE_BYTES)?;
    check_application(&connection, role, path)?;
    check_version(&connection, role)?;
    connection.pragma_update(None, "journal_mode", "wal")?;
    connection.pragma_update(None, "synchronous", "normal")?;
    connection.wal_hook(Some(copy_when_long))?;
    connection.pragma_update(None, "journal_size_limit", WAL_BYTES)?;
    connection.pragma_update(None, "cache_size", -i64::from(CACHE_KIB))?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    migrate(&mut connection, role)?;
    Ok(connection)
}

/// Opens a file to read. Whoever writes it has brought its schema up to date.
pub(crate) fn open_reader(path: &Path, role: Role) -> Result<Connection, Fault> {
    let (connection, version) = open_to_look(path, role)?;
    if version != role.migrations().len() {
        return Err(Fault::WrongFile(format!("{} has an older schema: open it to write first", path.display())));
    }
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    Ok(connection)
}

/// Opens a file that may be of an earlier version, which it says, to look at it.
pub(crate) fn open_to_look(path: &Path, role: Role) -> Result<(Connection, usize), Fault> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    check_application(&connection, role, path)?;
    let version = check_version(&connection, role)?;
    Ok((connection, version))
}

/// Tries again soon, for two seconds. By itself SQLite sleeps longer each time, and does not come in beside somebody who writes again
/// and again.
fn wait_for_lock(attempts: i32) -> bool {
    std::thread::sleep(Duration::from_millis(1));
    attempts < 2_000
}

/// What SQLite does by itself, but for the error: where the file could not be synced, the commit says so, and nobody tries again
/// before a restart has read the WAL anew.
fn copy_when_long(wal: &mut Wal, pages: i32) -> rusqlite::Result<()> {
    if u32::try_from(pages).is_ok_and(|pages| pages < WAL_PAGES) {
        return Ok(());
    }
    match wal.checkpoint() {
        Err(error) if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) => Ok(()),
        copied => copied,
    }
}

fn check_application(connection: &Connection, role: Role, path: &Path) -> Result<(), Fault> {
    let found: i32 = connection.pragma_query_value(None, "application_id", |row| row.get(0))?;
    let tables: i64 = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    if found == role.application_id() || (found == 0 && tables == 0) {
        return Ok(());
    }
    let what = match APPLICATION_IDS.into_iter().find(|(_, id)| *id == found) {
        Some((Role::Hot, _)) => "is the hot file, not the archive",
        Some((Role::Archive, _)) => "is the archive, not the hot file",
        None => "belongs to another program",
    };
    Err(Fault::WrongFile(format!("{} {what}", path.display())))
}

/// The version of the file, if this program knows it.
fn check_version(connection: &Connection, role: Role) -> Result<usize, Fault> {
    let found: u32 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let known = role.migrations().len();
    match usize::try_from(found) {
        Ok(version) if version <= known => Ok(version),
        Ok(_) | Err(_) => Err(Fault::NewerSchema { found, known: u32::try_from(known).unwrap_or(u32::MAX) }),
    }
}

fn migrate(connection: &mut Connection, role: Role) -> Result<(), Fault> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    // Read again under the lock: another process may have been faster.
    let version = check_version(&transaction, role)?;
    let migrations = role.migrations();
    for migration in &migrations[version..] {
        for script in *migration {
            transaction.execute_batch(script)?;
        }
    }
    if version < migrations.len() {
        transaction.pragma_update(None, "application_id", role.application_id())?;
        transaction.pragma_update(None, "user_version", i64::try_from(migrations.len()).unwrap_or(i64::MAX))?;
    }
    transaction.commit()?;
    if version < migrations.len() {
        tracing::info!(?role, from = version, to = migrations.len(), "schema brought up to date");
    }
    Ok(())
}
