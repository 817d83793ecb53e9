//! What goes wrong with a file, and what the caller should do about it.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use domain::ids::{AssetId, SymbolId};
use projector::fault::{Remedy, StoreFault};
use rusqlite::ErrorCode;

/// How long to leave a locked file alone.
const LOCKED_RETRY: Duration = Duration::from_millis(20);
/// How long to wait for the `reference` stream of the same file.
const REFERENCE_RETRY: Duration = Duration::from_millis(5);
/// How long to wait for an operator: for room, or for the file.
const OPERATOR_RETRY: Duration = Duration::from_secs(1);

/// What goes away by itself.
const RETRIES: [(ErrorCode, Duration); 3] = [
    (ErrorCode::DatabaseBusy, LOCKED_RETRY),
    (ErrorCode::DatabaseLocked, LOCKED_RETRY),
    (ErrorCode::DiskFull, OPERATOR_RETRY),
];

/// Why a store could not do what was asked.
#[derive(Debug)]
pub enum Fault {
    /// SQLite said no.
    Sqlite(rusqlite::Error),
    /// The file was written by a newer program.
    NewerSchema {
        /// Version of the file.
        found: u32,
        /// Latest version known here.
        known: u32,
    },
    /// The file is not the database it should be.
    WrongFile(String),
    /// The file was removed, or another one is in its place.
    Moved(PathBuf),
    /// A row does not say anything that was ever written.
    Content(String),
    /// Another row is there under the same key.
    Conflict(String),
    /// A row was to be changed that is not there.
    Missing(String),
    /// An asset that the `reference` stream of this file does not have yet.
    UnknownAsset(AssetId),
    /// A symbol that the `reference` stream of this file does not have yet.
    UnknownSymbol(SymbolId),
    /// The question takes longer than this.
    TooLong(Duration),
    /// A stream that this file does not hold, or a checkpoint or state that does not fit.
    Misuse(String),
}

impl StoreFault for Fault {
    fn remedy(&self) -> Remedy {
        match self {
            // Everything else, failed syncs included, is not tried again: what the file then holds is not known.
            Self::Sqlite(error) => match error.sqlite_error_code() {
                Some(ErrorCode::ConstraintViolation) => Remedy::Conflict,
                Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => Remedy::Repair,
                code => {
                    let retry = RETRIES.into_iter().find(|(known, _)| Some(*known) == code);
                    retry.map_or(Remedy::None, |(_, after)| Remedy::Retry(after))
                }
            },
            Self::Conflict(_) => Remedy::Conflict,
            Self::UnknownAsset(_) | Self::UnknownSymbol(_) => Remedy::Retry(REFERENCE_RETRY),
            Self::TooLong(_) => Remedy::Retry(LOCKED_RETRY),
            Self::Moved(_) => Remedy::Retry(OPERATOR_RETRY),
            Self::Content(_) | Self::Missing(_) => Remedy::Repair,
            Self::NewerSchema { .. } | Self::WrongFile(_) | Self::Misuse(_) => Remedy::None,
        }
    }
}

impl Fault {
    /// Why a row cannot be read that is there with its `reference` rows: they were there when it was written.
    pub(crate) fn of_a_stored_row(self) -> Self {
        let unknown = matches!(self, Self::UnknownAsset(_) | Self::UnknownSymbol(_));
        if unknown { Self::Content(self.to_string()) } else { self }
    }

    /// What an operator can mend; absent where nothing is wrong, or nothing helps.
    pub(crate) fn trouble(&self, file: &str) -> Option<String> {
        if let Self::Moved(_) = self {
            return Some(self.to_string());
        }
        let Self::Sqlite(error) = self else { return None };
        let code = error.sqlite_error_code()?;
        if code == ErrorCode::DiskFull {
            return Some(format!("no room on the disk of {file}: make some"));
        }
        let locked = matches!(code, ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked);
        locked.then(|| format!("{file} is locked by another program: end that one"))
    }
}

impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(error) => match error.sqlite_error_code() {
                Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
                    write!(
                        f,
                        "the file is damaged ({error}); bring back a copy, or remove it: it is built again from the logs, \
                     if they reach back to the first command"
                    )
                }
                _ => write!(f, "{error}"),
            },
            Self::NewerSchema { found, known } => {
                write!(f, "the file has schema version {found}, this program knows {known}: use a newer program")
            }
            Self::Moved(path) => write!(
                f,
                "{} was removed or replaced while it was open: put it back, or start the venue again: what is missing is built again from \
                 the logs, if they reach back to the first command",
                path.display()
            ),
            Self::Content(what) => write!(f, "a row that was never written: {what}"),
            Self::Missing(key) => write!(f, "there is no row {key} to change"),
            Self::UnknownAsset(asset) => write!(f, "asset {} is not in this file yet", asset.0),
            Self::UnknownSymbol(symbol) => write!(f, "symbol {} is not in this file yet", symbol.0),
            Self::TooLong(time) => {
                write!(f, "there was no answer within {} s: ask for a shorter time, or later", time.as_secs())
            }
            Self::Conflict(what) | Self::WrongFile(what) | Self::Misuse(what) => f.write_str(what),
        }
    }
}

impl std::error::Error for Fault {}
