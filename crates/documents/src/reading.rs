//! What readers of any document database do alike.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use domain::units::Seq;
use projector::history::{Page, ReadError};

/// How long a commit that is under way is waited for.
const SETTLE_MAX: Duration = Duration::from_millis(200);
/// How long between two looks.
const SETTLE_PAUSE: Duration = Duration::from_millis(10);

/// How long a database that was not there is not asked again: an answer that waits in vain is worth less than none, and what can be
/// answered without the archive must not wait for it each time. One that took too long over a question is there: the next may be smaller.
const AWAY: Duration = Duration::from_secs(1);

/// How long a database may take over the smallest question, before any other: one that needs longer is as good as away.
pub const ANSWER_MAX: Duration = Duration::from_secs(2);

/// When a database was last missed, and how that showed; at first it is there.
#[derive(Debug, Default)]
pub struct Absence(Mutex<Option<(Instant, String)>>);

impl Absence {
    /// Why it is not to be asked now. Whoever is told nothing asks, and until that is answered or has lasted as long again nobody else does.
    pub fn why(&self) -> Option<String> {
        let mut missed = self.lock();
        let (when, why) = missed.as_mut()?;
        if when.elapsed() < AWAY {
            return Some(why.clone());
        }
        *when = Instant::now();
        None
    }

    /// It was asked: how it showed that it is away; absent: it is there.
    pub fn note(&self, missed: Option<String>) {
        *self.lock() = missed.map(|why| (Instant::now(), why));
    }

    fn lock(&self) -> MutexGuard<'_, Option<(Instant, String)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Reads documents that are written over when none of them is being written; after a while, as they are. `last_seq` is the command that
/// wrote a row.
pub fn settled<T>(
    read: impl Fn() -> Result<Page<T>, ReadError>,
    last_seq: impl Fn(&T) -> Seq,
) -> Result<Page<T>, ReadError> {
    let begun = Instant::now();
    loop {
        let page = read()?;
        let is_later = page.rows.iter().any(|row| last_seq(row) > page.through);
        if !is_later || begun.elapsed() > SETTLE_MAX {
            return Ok(page);
        }
        std::thread::sleep(SETTLE_PAUSE);
    }
}
