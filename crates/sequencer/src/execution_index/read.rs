//! Reading a user's events by their numbers.

use std::fmt;
use std::io;
use std::sync::{MutexGuard, PoisonError};

use codec::error::DecodeError;
use codec::event::EventReader;
use domain::event::Event;
use domain::ids::{ExecutionNumber, UserId};
use domain::units::{Seq, UnixNanos};
use journal::error::ReadError;
use journal::read::{Reader, SegmentSource};

use super::ExecutionIndex;
use super::entry::{Wanted, numbered};

/// Readers that are kept for the next who asks.
const READERS_KEPT: usize = 8;

/// Why a user's events cannot be read.
#[derive(Debug)]
pub enum ExecutionsError {
    /// The event log no longer has them.
    Purged {
        /// The oldest number of the user that it has; absent if it has none.
        oldest: Option<ExecutionNumber>,
    },
    /// The event log cannot be read.
    Read(ReadError),
    /// An event cannot be read.
    Decode(DecodeError),
    /// A file of the index cannot be read, or contradicts the event log.
    Index(io::Error),
}

impl fmt::Display for ExecutionsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Purged { oldest: Some(oldest) } => write!(f, "the oldest event still kept has number {}", oldest.0),
            Self::Purged { oldest: None } => f.write_str("none of these events is still kept"),
            Self::Read(error) => write!(f, "{error}"),
            Self::Decode(error) => write!(f, "an event cannot be read: {error}"),
            Self::Index(error) => write!(f, "the index of executions: {error}"),
        }
    }
}

impl std::error::Error for ExecutionsError {}

impl From<ReadError> for ExecutionsError {
    fn from(error: ReadError) -> Self {
        Self::Read(error)
    }
}

impl From<io::Error> for ExecutionsError {
    fn from(error: io::Error) -> Self {
        Self::Index(error)
    }
}

impl ExecutionIndex {
    /// A user's events from number `from` on, without a gap, at most `limit`. The source is the same at every call. Empty: the index knows of none; whether the user has
    /// come that far at all is in the read model.
    pub fn read_executions(
        &self,
        source: &SegmentSource,
        user: UserId,
        from: ExecutionNumber,
        limit: usize,
    ) -> Result<Vec<(Seq, UnixNanos, Event)>, ExecutionsError> {
        self.with_reader(source, |reader| self.read_with(reader, source, user, from, limit))
    }

    /// The events of a command with its block time; absent where the event log does not have it yet, or not any more.
    pub fn read_command(
        &self,
        source: &SegmentSource,
        seq: Seq,
    ) -> Result<Option<(UnixNanos, Vec<Event>)>, ExecutionsError> {
        let published = self.published();
        if seq == Seq::ZERO || seq > published {
            return Ok(None);
        }
        self.with_reader(source, |reader| {
            reader.seek(seq);
            let block = match reader.next_block(published) {
                Err(ReadError::Missing(_)) => return Ok(None),
                block => block?.ok_or(ReadError::Missing(seq))?,
            };
            for group in EventReader::new(block.payload) {
                let (of, time, events) = group.map_err(ExecutionsError::Decode)?;
                if of == seq {
                    return Ok(Some((time, events)));
                }
            }
            Err(io::Error::new(io::ErrorKind::InvalidData, format!("no events of command {}", seq.0)).into())
        })
    }

    fn with_reader<T>(&self, source: &SegmentSource, read: impl FnOnce(&mut Reader) -> T) -> T {
        let mut reader = self.lock_readers().pop().unwrap_or_else(|| source.reader(Seq::ZERO));
        let read = read(&mut reader);
        let mut readers = self.lock_readers();
        if readers.len() < READERS_KEPT {
            readers.push(reader);
        }
        drop(readers);
        read
    }

    fn read_with(
        &self,
        reader: &mut Reader,
        source: &SegmentSource,
        user: UserId,
        from: ExecutionNumber,
        limit: usize,
    ) -> Result<Vec<(Seq, UnixNanos, Event)>, ExecutionsError> {
        let published = self.published();
        let (mut all, mut events) = (Vec::new(), Vec::new());
        let mut next = ExecutionNumber(from.0.max(1));
        while all.len() < limit {
            let Some(entry) = self.first(&Wanted { user, execution: next, seq: Seq::ZERO })? else { break };
            if entry.execution != next {
                return Err(self.purged(source, user, next)?);
            }
            if entry.seq > published {
                break;
            }
            reader.seek(entry.seq);
            let block = match reader.next_block(published) {
                Err(ReadError::Missing(_)) => return Err(self.purged(source, user, next)?),
                block => block?.ok_or(ReadError::Missing(entry.seq))?,
            };
            let before = next;
            let mut groups = EventReader::new(block.payload);
            while let Some(group) = groups.next_into(&mut events) {
                let (seq, time) = group.map_err(ExecutionsError::Decode)?;
                for event in events.drain(..) {
                    if all.len() < limit && numbered(&event) == Some((user, next)) {
                        all.push((seq, time, event));
                        next.0 += 1;
                    }
                }
            }
            if next == before {
                let what = format!("command {} does not have number {} of user {}", entry.seq.0, next.0, user.0);
                return Err(io::Error::new(io::ErrorKind::InvalidData, what).into());
            }
        }
        Ok(all)
    }

    fn lock_readers(&self) -> MutexGuard<'_, Vec<Reader>> {
        self.readers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn purged(
        &self,
        source: &SegmentSource,
        user: UserId,
        execution: ExecutionNumber,
    ) -> Result<ExecutionsError, ExecutionsError> {
        let seq = source.oldest()?.unwrap_or(Seq::ZERO);
        let oldest = self.first(&Wanted { user, execution, seq })?;
        Ok(ExecutionsError::Purged { oldest: oldest.map(|entry| entry.execution) })
    }
}
