//! What goes wrong with tables, and what the caller should do about it.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use documents::document::Malformed;
use documents::rows::NoRow;
use documents::units::Unknown;
use projector::fault::{Remedy, StoreFault, chain};

/// How long to leave another writer alone.
const CONFLICT_RETRY: Duration = Duration::from_millis(10);
/// How long to wait for the `reference` stream of the same table.
const REFERENCE_RETRY: Duration = Duration::from_millis(5);
/// How long to wait for a service that is not there; whoever asks waits longer each time.
const SERVICE_RETRY: Duration = Duration::from_millis(200);
/// How long to wait for an operator.
const OPERATOR_RETRY: Duration = Duration::from_secs(1);

/// What a service says that has too much to do.
const THROTTLED: [&str; 6] = [
    "ProvisionedThroughputExceededException",
    "ThrottlingException",
    "RequestLimitExceeded",
    "LimitExceededException",
    "InternalServerError",
    "ServiceUnavailable",
];

/// Why a store could not do what was asked.
#[derive(Debug)]
pub enum Fault {
    /// The service said no.
    Service {
        /// Its word for the reason.
        code: String,
        /// Its words.
        message: String,
    },
    /// There was no way to the service within the time to connect.
    Away(String),
    /// The service took no connection, or one broke.
    Broken(String),
    /// The service did not answer in time.
    Silent(String),
    /// The service went on putting off what was asked.
    PutOff(Duration),
    /// The service's answer is not one.
    Answer(String),
    /// There is no table, or it is being made.
    NoTable(String),
    /// The table is not as it was made.
    Drifted(Vec<String>),
    /// The items are of a newer program.
    NewerSchema {
        /// Version of the table.
        found: u64,
        /// Latest version known here.
        known: u64,
    },
    /// The table is not what it should be.
    WrongTable(String),
    /// An item does not say anything that was ever written.
    Content(Malformed),
    /// A document was to be changed, or added to, that is not there.
    Missing(String),
    /// What belongs to nothing: to a symbol that is not listed.
    Stray(String),
    /// A rewind empties the stream, or was interrupted.
    Emptied,
    /// Another document is there under the same key.
    Conflict(String),
    /// Another writer came first.
    Overtaken,
    /// A reader would have to look through too much.
    TooLong(Duration),
    /// What the `reference` stream of this table does not have yet.
    Unknown(Unknown),
    /// A stream that this store does not hold, or a setting, checkpoint or state that does not fit.
    Misuse(String),
}

impl StoreFault for Fault {
    fn remedy(&self) -> Remedy {
        match self {
            Self::Service { .. } if self.is_throttled() => Remedy::Retry(SERVICE_RETRY),
            Self::Service { .. } if self.is_invalid() => Remedy::None,
            Self::Away(_) | Self::Broken(_) | Self::Silent(_) | Self::PutOff(_) => Remedy::Retry(SERVICE_RETRY),
            Self::Service { .. }
            | Self::Answer(_)
            | Self::NoTable(_)
            | Self::Drifted(_)
            | Self::NewerSchema { .. }
            | Self::WrongTable(_)
            | Self::Emptied => Remedy::Retry(OPERATOR_RETRY),
            Self::Overtaken | Self::TooLong(_) => Remedy::Retry(CONFLICT_RETRY),
            Self::Unknown(_) => Remedy::Retry(REFERENCE_RETRY),
            Self::Conflict(_) => Remedy::Conflict,
            Self::Content(_) | Self::Missing(_) | Self::Stray(_) => Remedy::Repair,
            Self::Misuse(_) => Remedy::None,
        }
    }
}

impl Fault {
    /// Whether the service has too much to do at the moment.
    pub(crate) fn is_throttled(&self) -> bool {
        matches!(self, Self::Service { code, .. } if THROTTLED.contains(&code.as_str()))
    }

    /// Whether the table is not there.
    pub(crate) fn is_no_table(&self) -> bool {
        matches!(self, Self::Service { code, .. } if code == "ResourceNotFoundException")
    }

    /// Whether a table to be made is there.
    pub(crate) fn is_table_there(&self) -> bool {
        matches!(self, Self::Service { code, .. } if code == "ResourceInUseException")
    }

    /// Whether the service says that it cannot do what it is asked so.
    pub(crate) fn is_invalid(&self) -> bool {
        matches!(self, Self::Service { code, .. } if code == "ValidationException")
    }

    /// Whether there was no service to ask. One that took too long, or put something off, may answer another question.
    pub(crate) const fn is_away(&self) -> bool {
        matches!(self, Self::Away(_) | Self::Broken(_))
    }

    /// Whether it says only that the service has much to do, and nothing about the tables.
    pub(crate) fn is_of_load(&self) -> bool {
        matches!(self, Self::Silent(_) | Self::PutOff(_)) || self.is_throttled()
    }

    /// Whether a connection broke.
    pub(crate) const fn is_broken(&self) -> bool {
        matches!(self, Self::Broken(_))
    }

    /// Whether it is a part of normal work, and nobody needs to be told.
    pub(crate) const fn is_ordinary(&self) -> bool {
        matches!(self, Self::Unknown(_) | Self::Overtaken)
    }
}

/// What an operator can do, where the service's words do not say it.
fn advice(code: &str) -> Option<&'static str> {
    match code {
        "UnrecognizedClientException" | "InvalidSignatureException" | "ExpiredTokenException" => {
            Some("mend the credentials")
        }
        "AccessDeniedException" => Some(
            "the credentials need GetItem, BatchGetItem, Query, Scan, PutItem, BatchWriteItem, DescribeTable and DescribeTimeToLive on \
             the tables, and CreateTable and UpdateTimeToLive to make them",
        ),
        _ => None,
    }
}

impl<E, R> From<SdkError<E, R>> for Fault
where
    E: ProvideErrorMetadata + Error + 'static,
    R: fmt::Debug + 'static,
{
    #[expect(clippy::wildcard_enum_match_arm, reason = "the driver may add reasons; what is not known is tried again")]
    fn from(error: SdkError<E, R>) -> Self {
        if let Some(code) = error.code() {
            let (code, message) = (code.to_owned(), error.message().unwrap_or_default().to_owned());
            return Self::Service { code, message };
        }
        let words = chain(&error);
        match &error {
            SdkError::TimeoutError(_) => Self::Silent(words),
            // Of a connection that is there, only the whole time of a request is measured.
            SdkError::DispatchFailure(failure) if failure.is_timeout() => Self::Away(words),
            SdkError::ServiceError(_) => Self::Answer(words),
            _ => Self::Broken(words),
        }
    }
}

impl From<aws_sdk_dynamodb::error::BuildError> for Fault {
    fn from(error: aws_sdk_dynamodb::error::BuildError) -> Self {
        Self::Misuse(error.to_string())
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
            Self::Service { code, message } => {
                write!(f, "{code}: {message}")?;
                advice(code).map_or(Ok(()), |advice| write!(f, ": {advice}"))
            }
            Self::Away(what) | Self::Broken(what) => write!(f, "the service does not answer: {what}"),
            Self::Silent(what) => write!(f, "the service does not answer in time: {what}"),
            Self::PutOff(time) => {
                write!(f, "the service put everything off for {} s: give the table room", time.as_secs())
            }
            Self::Answer(what) => write!(f, "the service's answer cannot be understood: {what}"),
            Self::NoTable(what) => write!(f, "{what}: run `buttonwood migrate`"),
            Self::Drifted(differences) => write!(f, "the table was changed by hand: {}", differences.join("; ")),
            Self::NewerSchema { found, known } => {
                write!(f, "the table has version {found}, this program knows {known}: use a newer program")
            }
            Self::Content(malformed) => malformed.fmt(f),
            Self::Missing(what) => write!(f, "{what} is not there"),
            Self::Stray(what) => write!(f, "{what}: run `buttonwood follower rewind`"),
            Self::Emptied => {
                f.write_str("a rewind of this stream was interrupted: run `buttonwood follower rewind` again")
            }
            Self::Conflict(key) => f.write_str(key),
            Self::TooLong(time) => {
                write!(
                    f,
                    "it was not found within {} s of looking through everything: ask for a shorter time",
                    time.as_secs()
                )
            }
            Self::Overtaken => f.write_str("another writer came first"),
            Self::Unknown(unknown) => unknown.fmt(f),
            Self::WrongTable(what) | Self::Misuse(what) => f.write_str(what),
        }
    }
}

impl Error for Fault {}
