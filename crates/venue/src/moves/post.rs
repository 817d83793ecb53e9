//! What the follower of a shard and the mover tell each other. The follower copies, for it knows when no batch is on its way.

use std::sync::{Mutex, MutexGuard, PoisonError};

use domain::shards::Subject;
use domain::text::ShardName;
use projector::share::Incoming;
use store_postgres::config::PostgresConfig;
use store_postgres::moves::Watch;

/// Between one follower and the mover.
#[derive(Debug, Default)]
pub(crate) struct Post {
    letters: Mutex<Letters>,
    /// Looks on at the copy that is being made.
    pub(crate) watch: Watch,
}

#[derive(Debug, Default)]
struct Letters {
    /// What was copied to the store and is followed; absent: the follower has not asked yet.
    held: Option<Incoming>,
    /// What keeps the follower from going on.
    missing: Option<Subject>,
    order: Option<Order>,
    copying: Option<Subject>,
    /// What came of the last copy that was not made.
    failed: Option<(Subject, String)>,
}

/// A copy that is to be made.
#[derive(Debug, Clone)]
pub(crate) struct Order {
    pub(crate) subject: Subject,
    /// The shard that has the rows.
    pub(crate) name: ShardName,
    pub(crate) source: PostgresConfig,
}

impl Post {
    /// The follower says how things are.
    pub(crate) fn report(&self, held: Option<&Incoming>, missing: Option<Subject>) {
        let mut letters = self.letters();
        if letters.held.as_ref() != held {
            letters.held = held.cloned();
        }
        letters.missing = missing;
    }

    /// The follower takes what it is to do.
    pub(crate) fn take(&self) -> Option<Order> {
        let mut letters = self.letters();
        let order = letters.order.take()?;
        letters.copying = Some(order.subject);
        Some(order)
    }

    /// The follower has done it, or says why not.
    pub(crate) fn done(&self, subject: Subject, failed: Option<String>) {
        let mut letters = self.letters();
        letters.copying = None;
        letters.failed = failed.map(|why| (subject, why));
    }

    /// The mover wants a copy, unless another one is wanted or made.
    pub(crate) fn order(&self, order: Order) {
        let mut letters = self.letters();
        if letters.copying.is_none() && letters.order.is_none() {
            letters.order = Some(order);
        }
    }

    /// Whether the rows of a subject are held; absent: nobody knows yet.
    pub(crate) fn holds(&self, subject: Subject) -> Option<bool> {
        self.letters().held.as_ref().map(|held| held.contains_key(&subject))
    }

    /// What keeps the follower from going on.
    pub(crate) fn missing(&self) -> Option<Subject> {
        self.letters().missing
    }

    /// The subject that is being copied.
    pub(crate) fn copying(&self) -> Option<Subject> {
        self.letters().copying
    }

    /// Why the last copy of a subject was not made.
    pub(crate) fn failed(&self, subject: Subject) -> Option<String> {
        self.letters().failed.as_ref().filter(|(of, _)| *of == subject).map(|(_, why)| why.clone())
    }

    fn letters(&self) -> MutexGuard<'_, Letters> {
        self.letters.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
