//! Which address has which number: commands in the journal carry the number, and this table, which can be deleted from, the clear text.
//!
//! A number is durable before a command carries it, and is never given to another address, also when its row was deleted:
//! SQLite's `AUTOINCREMENT` remembers the highest one ever given. Where the whole file is lost, numbers go on behind the journal's
//! sequence, which no number before can have passed unless commands were refused before they were recorded.

use std::collections::HashMap;
use std::fmt;
use std::fs::File;
use std::net::IpAddr;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::Context;
use clap::{Args as ClapArgs, Subcommand};
use domain::ids::AddressId;
use domain::units::Seq;
use gateway::door::Addresses;
use rusqlite::{Connection, OpenFlags, OptionalExtension as _, params};

/// Name of the file in the data directory.
const FILE: &str = "addresses.db";

/// What a program finds at the place where SQLite keeps the number of the application: `BWad`.
const APPLICATION_ID: i32 = 0x4257_6164;

/// Addresses remembered in memory. With one more all are forgotten, and looked up again.
const RECENT_MAX: usize = 65_536;

/// How long a new connection is taken for a known one's without looking: so late is it noticed that a row was deleted.
const RECENT_FOR: Duration = Duration::from_mins(1);

/// How long the one process waits for the other.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

const SCHEMA: &str = "CREATE TABLE addresses (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    address TEXT NOT NULL UNIQUE,
    first_seen_ms INTEGER NOT NULL
) STRICT";

/// The table.
pub(crate) struct AddressTable {
    connection: Mutex<Connection>,
    recent: RwLock<HashMap<IpAddr, (AddressId, Instant)>>,
}

impl fmt::Debug for AddressTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AddressTable").finish_non_exhaustive()
    }
}

impl AddressTable {
    /// Opens the table of a data directory, or makes one whose numbers begin behind `journal`.
    pub(crate) fn open_or_create(data: &Path, journal: Seq) -> anyhow::Result<Self> {
        let path = data.join(FILE);
        if !path.exists() {
            // Clear text of others is nobody's business; the files that SQLite puts beside it get the same mode.
            File::options().write(true).create(true).truncate(false).mode(0o600).open(&path)?;
        }
        let table = Self::open(&path)?;
        table.prepare(journal).with_context(|| format!("cannot prepare {}", path.display()))?;
        Ok(table)
    }

    /// Opens the table of a data directory if there is one.
    fn open_existing(data: &Path) -> anyhow::Result<Self> {
        let path = data.join(FILE);
        anyhow::ensure!(path.exists(), "{} does not exist: the venue was never served", path.display());
        Self::open(&path)
    }

    fn open(path: &Path) -> anyhow::Result<Self> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let open = || {
            let connection = Connection::open_with_flags(path, flags)?;
            connection.busy_timeout(BUSY_TIMEOUT)?;
            // Each commit is on the disk, its directory entry included; what is deleted is overwritten.
            connection.pragma_update(None, "synchronous", "extra")?;
            connection.pragma_update(None, "secure_delete", true)?;
            let found: i32 = connection.pragma_query_value(None, "application_id", |row| row.get(0))?;
            Ok::<_, rusqlite::Error>((connection, found))
        };
        let (connection, found) = open().with_context(|| format!("cannot open {}", path.display()))?;
        anyhow::ensure!(found == 0 || found == APPLICATION_ID, "{} belongs to another program", path.display());
        Ok(Self { connection: Mutex::new(connection), recent: RwLock::default() })
    }

    fn prepare(&self, journal: Seq) -> rusqlite::Result<()> {
        let mut connection = self.lock();
        let transaction = connection.transaction()?;
        let tables: i64 = transaction.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
        if tables == 0 {
            transaction.execute_batch(SCHEMA)?;
            transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
            let first = journal.0.cast_signed();
            transaction.execute("INSERT INTO sqlite_sequence (name, seq) VALUES ('addresses', ?1)", [first])?;
        }
        transaction.commit()
    }

    fn look_up(&self, address: IpAddr) -> anyhow::Result<AddressId> {
        let connection = self.lock();
        let text = address.to_string();
        let found = connection
            .prepare_cached("SELECT id FROM addresses WHERE address = ?1")?
            .query_row([&text], |row| row.get::<_, i64>(0))
            .optional()?;
        let id = match found {
            Some(id) => id,
            None => connection
                .prepare_cached("INSERT INTO addresses (address, first_seen_ms) VALUES (?1, ?2) RETURNING id")?
                .query_row(params![text, now_ms()], |row| row.get(0))?,
        };
        Ok(AddressId(u32::try_from(id).context("no number is left")?))
    }

    /// Every row: number, address, milliseconds when it was first seen.
    fn rows(&self) -> rusqlite::Result<Vec<(i64, String, i64)>> {
        let connection = self.lock();
        let mut statement = connection.prepare("SELECT id, address, first_seen_ms FROM addresses ORDER BY id")?;
        let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
        rows.collect()
    }

    /// Deletes a row by its number or its address; whether there was one.
    fn forget(&self, which: &str) -> rusqlite::Result<bool> {
        let address = which.parse::<IpAddr>().map(|address| address.to_canonical().to_string());
        let connection = self.lock();
        let deleted = match address {
            Ok(address) => connection.execute("DELETE FROM addresses WHERE address = ?1", [address])?,
            Err(_) => connection.execute("DELETE FROM addresses WHERE id = ?1", [which.parse::<i64>().unwrap_or(0)])?,
        };
        Ok(deleted > 0)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Connection> {
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Addresses for AddressTable {
    fn known(&self, address: IpAddr) -> Option<AddressId> {
        let recent = self.recent.read().unwrap_or_else(PoisonError::into_inner);
        let (id, looked_up) = recent.get(&address.to_canonical())?;
        (looked_up.elapsed() < RECENT_FOR).then_some(*id)
    }

    fn number(&self, address: IpAddr) -> AddressId {
        let address = address.to_canonical();
        match self.look_up(address) {
            Ok(id) => {
                let mut recent = self.recent.write().unwrap_or_else(PoisonError::into_inner);
                if recent.len() >= RECENT_MAX {
                    recent.clear();
                }
                recent.insert(address, (id, Instant::now()));
                id
            }
            Err(error) => {
                // Orders and, above all, cancels go on, also with a full disk.
                tracing::warn!(%error, "the table of addresses does not answer; commands are recorded without their address");
                AddressId(0)
            }
        }
    }
}

/// The wall clock, for people who read the table.
fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// What to do with the table.
#[derive(Debug, ClapArgs)]
pub(crate) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Show every number with its address and when it was first seen.
    List {
        /// The venue's data directory.
        #[arg(long, value_name = "DIR")]
        data: PathBuf,
    },
    /// Delete addresses. Their numbers stay in the journal and the audit log, and nobody can say any more whose they were.
    Forget {
        /// The venue's data directory.
        #[arg(long, value_name = "DIR")]
        data: PathBuf,
        /// Numbers or addresses.
        #[arg(required = true, value_name = "NUMBER|ADDRESS")]
        which: Vec<String>,
    },
}

/// May run beside a venue.
pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    match &args.what {
        What::List { data } => {
            for (id, address, first_seen_ms) in AddressTable::open_existing(data)?.rows()? {
                println!("{id} {address} {first_seen_ms}");
            }
        }
        What::Forget { data, which } => {
            let table = AddressTable::open_existing(data)?;
            for which in which {
                anyhow::ensure!(table.forget(which)?, "{which} is not in the table");
                println!("{which} is forgotten");
            }
        }
    }
    Ok(())
}
