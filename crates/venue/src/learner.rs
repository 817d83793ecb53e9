//! When partly filled orders last changed is known to the stores only; one that is away at the start is asked again when it is back.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};

use domain::units::Seq;
use projector::history::{History, ReadError};
use readmodel::model::ReadModel;

/// How long to leave a store alone that did not answer, at first.
const LEARN_PAUSE: Duration = Duration::from_millis(200);
/// And at most: a shard that is not in the configuration never answers.
const LEARN_PAUSE_MAX: Duration = Duration::from_secs(10);

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
    /// `behind` is where the last of the stores is, if that is known of all.
    pub(crate) fn of(
        read_model: &Arc<ReadModel>,
        history: &Arc<dyn History>,
        behind: Option<Seq>,
        stop: &Arc<AtomicBool>,
    ) -> Self {
        let (history, stop) = (Arc::clone(history), Arc::clone(stop));
        let least = behind.map_or(read_model.seq(), |_replayed_from| Seq::ZERO);
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
            let mut pause = LEARN_PAUSE;
            while self.learn().is_err() {
                let begun = Instant::now();
                while begun.elapsed() < pause {
                    if self.stop.load(Ordering::Acquire) {
                        return;
                    }
                    std::thread::sleep(LEARN_PAUSE);
                }
                pause = (pause * 2).min(LEARN_PAUSE_MAX);
            }
        })
    }
}
