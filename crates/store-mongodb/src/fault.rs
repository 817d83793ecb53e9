//! What goes wrong with a database, and what the caller should do about it.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use documents::document::Malformed;
use documents::rows::NoRow;
use documents::units::Unknown;
use mongodb::error::ErrorKind;
use projector::fault::{Remedy, StoreFault};

/// How long to leave another writer alone.
const CONFLICT_RETRY: Duration = Duration::from_millis(10);
/// How long to wait for the `reference` stream of the same database.
const REFERENCE_RETRY: Duration = Duration::from_millis(5);
/// How long to wait for a server that is not there; whoever asks waits longer each time.
const SERVER_RETRY: Duration = Duration::from_millis(100);
/// How long to wait for an operator.
const OPERATOR_RETRY: Duration = Duration::from_secs(1);

/// The document would not be the only one with its id, or with its values of a unique index.
pub(crate) const DUPLICATE_KEY: i64 = 11_000;

/// The command took longer than it was said to.
const OUT_OF_TIME: i64 = 50;

/// The user may not do this, or is not who it says.
const NOT_AUTHORIZED: [i64; 2] = [13, 18];

/// Why a store could not do what was asked.
#[derive(Debug)]
pub enum Fault {
    /// The server said no, or was not there.
    Mongo(Box<mongodb::error::Error>),
    /// The server did not take some documents.
    Refused {
        /// The server's number for the reason; 0: it said none.
        code: i64,
        /// Its words.
        message: String,
    },
    /// Written, but not by enough members yet, or not in their journals.
    NotReplicated(String),
    /// The server did not answer within this time.
    Silent(Duration),
    /// The server did not answer the smallest question within this time.
    Mute(Duration),
    /// A reader looked through everything for this long.
    TooLong(Duration),
    /// The server's answer is not one.
    Answer(String),
    /// The collections are of an older program.
    OlderSchema {
        /// Version of the database; 0: there is none.
        found: i64,
        /// Latest version known here.
        known: i64,
    },
    /// The collections are of a newer program.
    NewerSchema {
        /// Version of the database.
        found: i64,
        /// Latest version known here.
        known: i64,
    },
    /// Collections or indexes are not as they were made.
    Drifted(Vec<String>),
    /// The database is not what it should be.
    WrongDatabase(String),
    /// A document does not say anything that was ever written.
    Content(Malformed),
    /// A stream whose documents a rewind began to delete.
    Emptied,
    /// Indexes that are being built.
    Building(String),
    /// A document was in the way, and is not there any more.
    Gone(String),
    /// A document was to be changed that is not there.
    Missing(String),
    /// Another document is there under the same key.
    Conflict(String),
    /// Another writer came first.
    Overtaken,
    /// What the `reference` stream of this database does not have yet.
    Unknown(Unknown),
    /// A stream that this store does not hold, or a setting, checkpoint or state that does not fit.
    Misuse(String),
}

impl StoreFault for Fault {
    fn remedy(&self) -> Remedy {
        match self {
            Self::Mongo(error) if matches!(*error.kind, ErrorKind::Authentication { .. }) => {
                Remedy::Retry(OPERATOR_RETRY)
            }
            Self::Mongo(error) => code_of(error).map_or(Remedy::Retry(SERVER_RETRY), remedy_of),
            Self::Refused { code, .. } => remedy_of(*code),
            Self::NotReplicated(_) | Self::Silent(_) | Self::Mute(_) => Remedy::Retry(SERVER_RETRY),
            Self::Answer(_)
            | Self::Emptied
            | Self::Building(_)
            | Self::OlderSchema { .. }
            | Self::NewerSchema { .. }
            | Self::Drifted(_)
            | Self::WrongDatabase(_) => Remedy::Retry(OPERATOR_RETRY),
            Self::Overtaken | Self::Gone(_) | Self::TooLong(_) => Remedy::Retry(CONFLICT_RETRY),
            Self::Unknown(_) => Remedy::Retry(REFERENCE_RETRY),
            Self::Conflict(_) => Remedy::Conflict,
            Self::Content(_) | Self::Missing(_) => Remedy::Repair,
            Self::Misuse(_) => Remedy::None,
        }
    }
}

impl Fault {
    /// Whether what was found out about the database should be found out again.
    pub(crate) const fn is_in_doubt(&self) -> bool {
        match self {
            Self::Mongo(_) | Self::Silent(_) | Self::Mute(_) | Self::Answer(_) | Self::Refused { .. } => true,
            Self::NotReplicated(_)
            | Self::TooLong(_)
            | Self::OlderSchema { .. }
            | Self::NewerSchema { .. }
            | Self::Drifted(_)
            | Self::WrongDatabase(_)
            | Self::Emptied
            | Self::Building(_)
            | Self::Gone(_)
            | Self::Content(_)
            | Self::Missing(_)
            | Self::Conflict(_)
            | Self::Overtaken
            | Self::Unknown(_)
            | Self::Misuse(_) => false,
        }
    }

    /// Whether there was no server to ask. One that took too long over a question may answer the next: the question was a large one.
    pub(crate) fn is_away(&self) -> bool {
        let Self::Mongo(error) = self else { return matches!(self, Self::Mute(_)) };
        matches!(
            *error.kind,
            ErrorKind::ServerSelection { .. } | ErrorKind::ConnectionPoolCleared { .. } | ErrorKind::Io(_)
        )
    }

    /// Whether the server gave up because it was told to after so long.
    pub(crate) fn is_out_of_time(&self) -> bool {
        self.code() == Some(OUT_OF_TIME)
    }

    /// Whether a connection broke.
    pub(crate) fn is_broken(&self) -> bool {
        if let Self::Mongo(error) = self { matches!(*error.kind, ErrorKind::Io(_)) } else { false }
    }

    /// Whether it is a part of normal work, and nobody needs to be told.
    pub(crate) const fn is_ordinary(&self) -> bool {
        matches!(self, Self::Unknown(_) | Self::Overtaken | Self::Gone(_))
    }

    /// The server's number for the reason, where it gave one.
    pub(crate) fn code(&self) -> Option<i64> {
        if let Self::Mongo(error) = self {
            return code_of(error);
        }
        if let Self::Refused { code, .. } = self { Some(*code) } else { None }
    }
}

fn code_of(error: &mongodb::error::Error) -> Option<i64> {
    if let ErrorKind::Command(command) = &*error.kind { Some(command.code.into()) } else { None }
}

/// What a server's number says about trying again. What is not listed passes or is mended by an operator: a batch is never skipped, and
/// a server that is restored, repaired or given room takes it.
const fn remedy_of(code: i64) -> Remedy {
    match code {
        // A document that is too large, or a command that this program gets wrong.
        2 | 9 | 14 | 10_334 => Remedy::None,
        // Steps down, shuts down, comes up; interrupted, out of time, asked too much at once.
        6 | 7 | 50 | 89 | 91 | 189 | 262 | 9_001 | 10_107 | 11_600 | 11_602 | 13_435 | 13_436 | 16_500 => {
            Remedy::Retry(SERVER_RETRY)
        }
        // Among them: 13 not authorized, 18 wrong password, 64 write concern, 14031 disk full.
        _ => Remedy::Retry(OPERATOR_RETRY),
    }
}

/// What an operator can do, where the server's words do not say it.
fn advice(error: &mongodb::error::Error) -> Option<&'static str> {
    if matches!(*error.kind, ErrorKind::Authentication { .. }) {
        return Some("mend user and password in the URL, or authSource");
    }
    if matches!(*error.kind, ErrorKind::InvalidTlsConfig { .. }) {
        return Some("mend ca_file");
    }
    let refused = code_of(error).is_some_and(|code| NOT_AUTHORIZED.contains(&code));
    refused.then_some("the user needs the role readWrite, and dbAdmin to make indexes, on this database")
}

impl From<mongodb::error::Error> for Fault {
    fn from(error: mongodb::error::Error) -> Self {
        Self::Mongo(Box::new(error))
    }
}

impl From<Malformed> for Fault {
    fn from(malformed: Malformed) -> Self {
        Self::Content(malformed)
    }
}

impl From<Unknown> for Fault {
    fn from(unknown: Unknown) -> Self {
        Self::Unknown(unknown)
    }
}

impl From<NoRow> for Fault {
    fn from(no_row: NoRow) -> Self {
        match no_row {
            NoRow::Malformed(malformed) => malformed.into(),
            NoRow::Unknown(unknown) => unknown.into(),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Mongo(error) => {
                // The kind alone: labels, the raw answer and the attempt before are for the driver's authors.
                if let ErrorKind::ServerSelection { message, .. } = error.kind.as_ref() {
                    f.write_str(&unselected(message))?;
                } else {
                    error.kind.fmt(f)?;
                }
                advice(error).map_or(Ok(()), |advice| write!(f, ": {advice}"))
            }
            Self::Refused { code, message } => write!(f, "the server refused documents: {message} (code {code})"),
            Self::NotReplicated(what) => write!(f, "not enough members have the documents yet: {what}"),
            Self::Silent(time) => write!(f, "the server did not answer within {} s", time.as_secs_f32()),
            Self::Mute(time) => {
                write!(f, "the server says nothing, not even its checkpoint within {} s", time.as_secs_f32())
            }
            Self::TooLong(time) => {
                write!(f, "it was not found within {} s: ask for a shorter time", time.as_secs_f32())
            }
            Self::Answer(what) => write!(f, "the server's answer cannot be understood: {what}"),
            Self::OlderSchema { found, known } => {
                write!(f, "the database has version {found}, this program needs {known}: run `buttonwood migrate`")
            }
            Self::NewerSchema { found, known } => {
                write!(f, "the database has version {found}, this program knows {known}: use a newer program")
            }
            Self::Drifted(differences) => write!(f, "the database was changed by hand: {}", differences.join("; ")),
            Self::Emptied => {
                f.write_str("a rewind of this stream was interrupted: run `buttonwood follower rewind` again")
            }
            Self::Building(what) => write!(f, "being built, which takes long on a large collection: {what}"),
            Self::Gone(id) => write!(f, "{id} was deleted while it was looked at"),
            Self::Content(malformed) => malformed.fmt(f),
            Self::Missing(id) => write!(f, "there is no document {id} to change"),
            Self::Conflict(id) => f.write_str(id),
            Self::Overtaken => f.write_str("another writer came first"),
            Self::Unknown(unknown) => unknown.fmt(f),
            Self::WrongDatabase(what) | Self::Misuse(what) => f.write_str(what),
        }
    }
}

/// Why no server was found: what is known of each, without what is for the driver's authors and comes in another order each time.
fn unselected(message: &str) -> String {
    fn of_server(server: &str) -> Option<(&str, String)> {
        let (address, rest) = server.split_once(", Type: ")?;
        let error = rest.split_once("Error: Kind: ").and_then(|(_, error)| error.split(", labels: ").next());
        let kind = rest.split([',', ' ']).next()?;
        let what = error.unwrap_or(if kind == "Unknown" { "says nothing" } else { kind });
        Some((kind, format!("{address}: {what}")))
    }
    let mut servers: Vec<_> = message.split("Address: ").skip(1).filter_map(of_server).collect();
    servers.sort_by(|(_, one), (_, other)| one.cmp(other));
    // Writes and checkpoints go to one that takes writes.
    let lacks = if servers.iter().all(|(kind, _)| *kind == "Unknown") { "answers" } else { "takes writes" };
    let each = servers.iter().map(|(_, said)| said.as_str()).collect::<Vec<_>>().join("; ");
    if each.is_empty() { message.to_owned() } else { format!("no server {lacks}: {each}") }
}

impl Error for Fault {}

#[cfg(test)]
mod tests {
    use super::unselected;

    /// As the driver's `ServerInfo` shows itself.
    #[test]
    fn a_set_without_a_primary_is_named_with_what_its_members_are() {
        let message = "Server selection timeout: No available servers. Topology: { Type: ReplicaSetNoPrimary, Servers: [ { Address: b:1, \
                       Type: RsSecondary, Average RTT: 3ms, Last Update Time: 2026-11-29 1:02:03.0 +00:00:00 }, { Address: a:1, Type: \
                       Unknown, Error: Kind: I/O error: refused, labels: {} } ] }";
        assert_eq!(unselected(message), "no server takes writes: a:1: I/O error: refused; b:1: RsSecondary");
    }
}
