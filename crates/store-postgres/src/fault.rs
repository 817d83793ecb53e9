//! What goes wrong with a database, and what the caller should do about it.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use domain::ids::{AssetId, SymbolId};
use projector::fault::{Remedy, StoreFault, chain};
use tokio_postgres::error::SqlState;

/// How long to leave two transactions that met alone.
const CONFLICT_RETRY: Duration = Duration::from_millis(10);
/// How long to wait for the `reference` stream of the same database.
const REFERENCE_RETRY: Duration = Duration::from_millis(5);
/// How long to wait for a server that is not there; whoever asks waits longer each time.
const SERVER_RETRY: Duration = Duration::from_millis(100);
/// How long to wait for an operator.
const OPERATOR_RETRY: Duration = Duration::from_secs(1);

/// Why a store could not do what was asked.
#[derive(Debug)]
pub enum Fault {
    /// The server said no, or was not there.
    Postgres(tokio_postgres::Error),
    /// The server did not answer within this time.
    Silent(Duration),
    /// The schema is of an older program.
    OlderSchema {
        /// Version of the database; 0: there is none.
        found: i32,
        /// Latest version known here.
        known: i32,
    },
    /// The schema is of a newer program.
    NewerSchema {
        /// Version of the database.
        found: i32,
        /// Latest version known here.
        known: i32,
    },
    /// The schema could not be brought up to date.
    Migration(String),
    /// The database is not what it should be.
    WrongDatabase(String),
    /// A row does not say anything that was ever written.
    Content(String),
    /// A row was to be changed that is not there.
    Missing(String),
    /// A row is not older than what was to be written over it.
    NotOlder(String),
    /// Another writer came first.
    Overtaken,
    /// An asset that the `reference` stream of this database does not have yet.
    UnknownAsset(AssetId),
    /// A symbol that the `reference` stream of this database does not have yet.
    UnknownSymbol(SymbolId),
    /// A stream that this store does not hold, or a setting, checkpoint or state that does not fit.
    Misuse(String),
}

impl StoreFault for Fault {
    fn remedy(&self) -> Remedy {
        match self {
            Self::Postgres(error) => error.code().map_or(Remedy::Retry(SERVER_RETRY), remedy_of),
            Self::Silent(_) => Remedy::Retry(SERVER_RETRY),
            Self::OlderSchema { .. } | Self::NewerSchema { .. } | Self::Migration(_) | Self::WrongDatabase(_) => {
                Remedy::Retry(OPERATOR_RETRY)
            }
            Self::Overtaken => Remedy::Retry(CONFLICT_RETRY),
            Self::UnknownAsset(_) | Self::UnknownSymbol(_) => Remedy::Retry(REFERENCE_RETRY),
            Self::NotOlder(_) => Remedy::Conflict,
            Self::Content(_) | Self::Missing(_) => Remedy::Repair,
            Self::Misuse(_) => Remedy::None,
        }
    }
}

impl Fault {
    /// Why a row cannot be read that is there with its `reference` rows: they were there when it was written.
    pub(crate) fn of_a_stored_row(self) -> Self {
        let unknown = matches!(self, Self::UnknownAsset(_) | Self::UnknownSymbol(_));
        if unknown { Self::Content(self.to_string()) } else { self }
    }

    /// Whether the next attempt should look for the server anew.
    pub fn wants_another_connection(&self) -> bool {
        match self {
            Self::Postgres(error) => error.code().is_none_or(|code| {
                let class = code.code().get(..2);
                // Server going away or coming up, wrong user or database, or a server that became a standby.
                matches!(class, Some("57" | "08" | "28" | "3D" | "25")) && *code != SqlState::QUERY_CANCELED
            }),
            Self::Silent(_) | Self::OlderSchema { .. } | Self::NewerSchema { .. } => true,
            Self::Migration(_)
            | Self::WrongDatabase(_)
            | Self::Content(_)
            | Self::Missing(_)
            | Self::NotOlder(_)
            | Self::Overtaken
            | Self::UnknownAsset(_)
            | Self::UnknownSymbol(_)
            | Self::Misuse(_) => false,
        }
    }

    /// Whether it is a part of normal work, and nobody needs to be told.
    pub(crate) const fn is_ordinary(&self) -> bool {
        matches!(self, Self::UnknownAsset(_) | Self::UnknownSymbol(_) | Self::Overtaken)
    }
}

/// What SQLSTATE says about trying again. What is not listed passes or is mended by an operator: a batch is never skipped, and a
/// server that is restored, repaired or given room takes it.
fn remedy_of(code: &SqlState) -> Remedy {
    let (class, _) = code.code().split_at_checked(2).unwrap_or(("", ""));
    match class {
        // Integrity constraint violation.
        "23" => Remedy::Conflict,
        // Data exception, feature not supported: the statement is wrong.
        "22" | "0A" => Remedy::None,
        // Transaction rollback: serialization failure, deadlock.
        "40" => Remedy::Retry(CONFLICT_RETRY),
        // Connection exception, operator intervention (shutdown, starting up, statement timeout), lock not available.
        "08" | "57" | "55" => Remedy::Retry(SERVER_RETRY),
        // Among them: 28 wrong password, 3D no such database, 42 permission or schema, 25 read-only, 53 disk full, 58 system error.
        _ => Remedy::Retry(OPERATOR_RETRY),
    }
}

/// What an operator can do, where the server's words do not say it.
fn advice(code: &SqlState) -> Option<&'static str> {
    let known = [
        (SqlState::INVALID_PASSWORD, "mend the password in the URL, or the server's"),
        (SqlState::INVALID_AUTHORIZATION_SPECIFICATION, "mend the user in the URL, or the server's pg_hba.conf"),
        (SqlState::INVALID_CATALOG_NAME, "create the database, or mend the URL"),
        (SqlState::INSUFFICIENT_PRIVILEGE, "the user must own the tables of this database"),
        (
            SqlState::READ_ONLY_SQL_TRANSACTION,
            "the server takes no writes: a standby, or default_transaction_read_only",
        ),
        (SqlState::DISK_FULL, "give the server room; nothing is lost meanwhile"),
        (SqlState::UNDEFINED_TABLE, "the schema was changed by hand: restore it, or build the database anew"),
        (SqlState::UNDEFINED_COLUMN, "the schema was changed by hand: restore it, or build the database anew"),
        (SqlState::TOO_MANY_CONNECTIONS, "raise max_connections; a venue takes about ten"),
        (SqlState::QUERY_CANCELED, "a statement took longer than the venue allows, or an administrator canceled it"),
    ];
    known.into_iter().find(|(known, _)| known == code).map(|(_, advice)| advice)
}

impl From<tokio_postgres::Error> for Fault {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Postgres(error)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Postgres(error) => match error.as_db_error() {
                Some(said) => {
                    write!(f, "{}: {}", said.severity(), said.message())?;
                    if let Some(detail) = said.detail() {
                        write!(f, " ({detail})")?;
                    }
                    advice(said.code()).map_or(Ok(()), |advice| write!(f, ": {advice}"))
                }
                None => f.write_str(&chain(error)),
            },
            Self::Silent(time) => write!(f, "the server did not answer within {} s", time.as_secs()),
            Self::OlderSchema { found, known } => {
                write!(
                    f,
                    "the database has schema version {found}, this program needs {known}: run `buttonwood migrate`"
                )
            }
            Self::NewerSchema { found, known } => {
                write!(f, "the database has schema version {found}, this program knows {known}: use a newer program")
            }
            Self::Migration(what) => write!(f, "the schema could not be brought up to date: {what}"),
            Self::Content(what) => write!(f, "a row that was never written: {what}"),
            Self::Missing(key) => write!(f, "there is no row {key} to change"),
            Self::NotOlder(key) => write!(f, "{key}: a row is not older than what follows it"),
            Self::Overtaken => f.write_str("another writer came first"),
            Self::UnknownAsset(asset) => write!(f, "asset {} is not in this database yet", asset.0),
            Self::UnknownSymbol(symbol) => write!(f, "symbol {} is not in this database yet", symbol.0),
            Self::WrongDatabase(what) | Self::Misuse(what) => f.write_str(what),
        }
    }
}

impl Error for Fault {}
