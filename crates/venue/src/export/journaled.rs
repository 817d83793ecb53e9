//! What audit records should be, by the venue's own logs.

use std::collections::VecDeque;
use std::sync::Arc;

use anyhow::Context as _;
use domain::units::Seq;
use projector::audit;
use projector::follower::Source as _;
use projector::rows::AuditRow;
use sequencer::log::Progress;

use crate::source::{Joined, Logs, in_words};

/// Records made again from journal and event log, one after the other.
#[derive(Debug)]
pub(crate) struct Journaled {
    logs: Logs,
    source: Joined,
    /// The first that both logs have.
    oldest: Seq,
    /// Those of the block that is being read.
    rows: VecDeque<AuditRow>,
    /// The next that is asked for, if it is the one after the last.
    next: Option<Seq>,
}

impl Journaled {
    /// Of these logs, as they are now.
    pub(crate) fn of(logs: Logs) -> anyhow::Result<Self> {
        let oldest = logs.complete_after()?.next();
        // What is asked for was written to the logs before it was to the archive, so nothing is read beyond their ends.
        let source = Joined::new(logs.clone(), Arc::new(Progress::new(Seq(u64::MAX))));
        Ok(Self { logs, source, oldest, rows: VecDeque::new(), next: None })
    }

    /// The record of a command that the archive has; absent: the logs no longer have it.
    pub(crate) fn record(&mut self, seq: Seq) -> anyhow::Result<Option<AuditRow>> {
        if seq < self.oldest {
            return Ok(None);
        }
        if self.next != Some(seq) {
            self.rows.clear();
            self.source.start_after(seq.previous());
        }
        self.next = Some(seq.next());
        loop {
            match self.rows.pop_front() {
                // The block begins before it.
                Some(row) if row.seq < seq => {}
                Some(row) => return Ok(Some(row)),
                None => {
                    let block = match self.source.next() {
                        Ok(block) => block,
                        Err(error) => {
                            // A venue that runs meanwhile removes what it no longer needs.
                            self.oldest = self.logs.complete_after()?.next();
                            if seq < self.oldest {
                                self.next = None;
                                return Ok(None);
                            }
                            anyhow::bail!("record {} cannot be compared with the journal: {}", seq.0, in_words(error));
                        }
                    };
                    let block = block.with_context(|| format!("record {} is not in the journal", seq.0))?;
                    let hash = block.info().journal;
                    self.rows.extend(block.commands().map(|committed| audit::row(committed, hash)));
                }
            }
        }
    }
}
