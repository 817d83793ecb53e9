//! What is committed leaves here, in order: read model, answer, and on to the event log.

use std::sync::Arc;
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender};
use readmodel::model::ReadModel;

use crate::batch::{AnswerSink, Batch, ReplyTo};
use crate::log::Progress;
use crate::queue::Admission;

/// How long one wait for a commit lasts before the log is asked whether it is lost.
const COMMIT_WAIT: Duration = Duration::from_millis(500);

/// After so long without a batch there is time to drop what the stores have.
const IDLE: Duration = Duration::from_secs(1);

/// Releases committed batches; has no thread of its own.
#[derive(Debug)]
pub struct Release {
    read_model: Arc<ReadModel>,
    sinks: Vec<Arc<dyn AnswerSink>>,
    admission: Arc<Admission>,
    out: Sender<Batch>,
}

impl Release {
    /// A release into `read_model`, to `sinks`, and on into `out`.
    pub fn new(
        read_model: Arc<ReadModel>,
        sinks: Vec<Arc<dyn AnswerSink>>,
        admission: Arc<Admission>,
        out: Sender<Batch>,
    ) -> Self {
        Self { read_model, sinks, admission, out }
    }

    /// Releases a batch. The caller knows that it is committed.
    pub fn release(&mut self, mut batch: Batch) {
        self.read_model.apply_block(&batch.commands, &batch.events, &batch.ends);
        let replies = std::mem::take(&mut batch.replies);
        for (((command, events), end), reply) in batch.iter().zip(&batch.ends).zip(replies) {
            match reply {
                ReplyTo::Nobody => {}
                // A client that went away misses its answer, not its order.
                ReplyTo::Task(task) => {
                    let later = &batch.events[usize::try_from(*end).expect("a pointer has at least 32 bits")..];
                    drop(task.send(self.read_model.answer(command, events, later)));
                }
                ReplyTo::Sink { sink, token } => {
                    if let Some(sink) = self.sinks.get(sink) {
                        sink.answered(token, command.seq, events);
                    }
                }
            }
        }
        self.admission.add_event_backlog(u64::try_from(batch.commands.len()).expect("bounded by BLOCK_COMMANDS_MAX"));
        // Without an event log the backlog grows until the doors close.
        drop(self.out.send(batch));
    }

    /// Releases what comes in as it is committed, until the sequencer is gone or the log is lost.
    pub fn run(&mut self, incoming: &Receiver<Batch>, journal: &Progress) {
        loop {
            let batch = match incoming.recv_timeout(IDLE) {
                Ok(batch) => batch,
                Err(RecvTimeoutError::Timeout) => {
                    self.read_model.drop_stored();
                    continue;
                }
                Err(RecvTimeoutError::Disconnected) => return,
            };
            let last = batch.last_seq();
            while !journal.wait_committed(last, COMMIT_WAIT) {
                if journal.lost().is_some() {
                    return;
                }
            }
            self.release(batch);
        }
    }
}
