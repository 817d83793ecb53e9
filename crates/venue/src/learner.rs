//! When partly filled orders last changed is known to the stores only; one that is away at the start is asked again when it is back.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use domain::units::Seq;
use projector::history::{History, ReadError};
use readmodel::model::ReadModel;

use crate::stores::Stores;

/// How long to leave a store alone that did not answer.
const LEARN_PAUSE: Duration = Duration::from_millis(200);

/// Asks until there is an answer.
#[derive(Debug)]
pub(crate) struct Learner {
    read_model: Arc<ReadModel>,
    history: Arc<dyn History>,
    /// What a store must have to be asked: nothing after it is replayed into the memory.
    least: Seq,
    stop: Arc<AtomicBool>,
}

impl Learner {
    pub(crate) fn of(read_model: &Arc<ReadModel>, stores: &Stores, stop: &Arc<AtomicBool>) -> Self {
        let (history, stop) = (Arc::clone(&stores.history), Arc::clone(stop));
        let least = stores.behind().map_or(read_model.seq(), |_replayed_from| Seq::ZERO);
        Self { read_model: Arc::clone(read_model), history, least, stop }
    }

    fn learn(&self) -> Result<(), ReadError> {
        self.read_model.learn_changes(self.history.as_ref(), self.least)
    }

    /// Itself, where the stores do not answer now.
    pub(crate) fn needed(self) -> Option<Self> {
        let error = self.learn().err()?;
        tracing::warn!(%error, "a store cannot say when open orders last changed; it is asked again");
        Some(self)
    }

    pub(crate) fn start(self) -> std::io::Result<JoinHandle<()>> {
        Builder::new().name("learner".into()).spawn(move || {
            while !self.stop.load(Ordering::Acquire) && self.learn().is_err() {
                std::thread::sleep(LEARN_PAUSE);
            }
        })
    }
}
