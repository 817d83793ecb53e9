//! The head of the journal's chain, noted every hour: in the log, and as a command, which takes it into journal, archive and exports.
//!
//! Whoever keeps one of them can tell later whether the journal up to there is still the same. When the last one was noted is in a file;
//! where there is none, it is looked up in the archive, and as long as that cannot say, the hour is counted from the start.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::Context;
use domain::command::note_head::NoteHead;
use domain::command::{Action, Command, Envelope, Note};
use domain::ids::UserId;
use domain::units::{Seq, UnixNanos};
use journal::read::SegmentSource;
use projector::archive::{ArchiveHistory, AuditQuery};
use projector::history::{Selection, TimeRange};
use sequencer::log::Progress;

use crate::console::Console;
use crate::live::{nanos, wall_clock};

/// From one look to the next: bounds how late a shutdown is heard of.
const PAUSE: Duration = Duration::from_millis(50);

/// How long the archive is left alone that could not say when the last head was noted.
const ASK_AGAIN: Duration = Duration::from_secs(1);

/// Notes heads.
#[derive(Debug)]
pub(crate) struct Heads {
    pub(crate) console: Console,
    pub(crate) journal: SegmentSource,
    pub(crate) committed: Arc<Progress>,
    pub(crate) archive: Arc<dyn ArchiveHistory>,
    /// Has the block time of the last head, in nanoseconds since 1970. To search the archive for it may take long.
    pub(crate) file: PathBuf,
    /// The last command before this start: an archive that is there knows every head noted before it.
    pub(crate) recovered: Seq,
    pub(crate) every: Duration,
    pub(crate) stop: Arc<AtomicBool>,
}

impl Heads {
    /// Starts the thread.
    pub(crate) fn start(self) -> std::io::Result<JoinHandle<()>> {
        Builder::new().name("heads".into()).spawn(move || self.run())
    }

    fn run(&self) {
        let started = (Instant::now(), wall_clock());
        let (mut last, mut ask_at) = (None, started.0);
        let mut was_told = false;
        while !self.stop.load(Ordering::Acquire) {
            std::thread::sleep(PAUSE);
            if last.is_none() && Instant::now() >= ask_at {
                last = self.kept().or_else(|| self.last_noted(started.1));
                ask_at = Instant::now() + ASK_AGAIN;
            }
            // Without an answer by then it is not waited for any longer.
            let since = last.unwrap_or(started.1);
            if wall_clock() < since.plus(nanos(self.every)) {
                continue;
            }
            match self.note() {
                Ok(Some((head, time))) => {
                    let block = hex::encode(head.block.0);
                    tracing::info!(seq = head.seq.0, block, "head of the chain");
                    (last, was_told) = (Some(time), false);
                    self.keep(time);
                }
                Err(error) if !was_told => {
                    tracing::warn!(error = %format!("{error:#}"), "the head of the chain is not noted yet");
                    was_told = true;
                }
                Ok(None) | Err(_) => {}
            }
        }
    }

    fn kept(&self) -> Option<UnixNanos> {
        fs::read_to_string(&self.file).ok()?.trim().parse().ok().map(UnixNanos)
    }

    /// Where that fails, the next start searches for it.
    fn keep(&self, time: UnixNanos) {
        let unfinished = self.file.with_extension("new");
        let written =
            fs::write(&unfinished, format!("{}\n", time.0)).and_then(|()| fs::rename(&unfinished, &self.file));
        if let Err(error) = written {
            tracing::warn!(%error, file = %self.file.display(), "when the head of the chain was noted is not kept");
        }
    }

    /// When the last head was noted, or where there is none the first command; `start` where there is neither. Absent: the archive cannot
    /// say yet.
    fn last_noted(&self, start: UnixNanos) -> Option<UnixNanos> {
        let ask = |action: Option<&str>, first| {
            let selection = Selection { first, time: TimeRange::default(), limit: 1 };
            let query = AuditQuery { user: Some(UserId::VENUE), action: action.map(str::to_owned), selection };
            self.archive.audit(&query).ok().filter(|page| page.through >= self.recovered)
        };
        if let Some(head) = ask(Some("note_head"), None)?.rows.first() {
            return Some(head.time);
        }
        Some(ask(None, Some(Seq(1)))?.rows.first().map_or(start, |first| first.time))
    }

    /// Notes the head as it is now, and says at which block time; absent: there is no command yet.
    fn note(&self) -> anyhow::Result<Option<(NoteHead, UnixNanos)>> {
        let committed = self.committed.committed();
        if committed == Seq::ZERO {
            return Ok(None);
        }
        let mut reader = self.journal.reader(committed);
        let block = reader.next_block(committed).map_err(|error| anyhow::anyhow!("{error:?}"))?;
        let block = block.filter(|block| block.header.last_seq() == committed);
        let block = block.context("the journal does not have its last block")?;
        let head = NoteHead { seq: block.header.last_seq(), block: block.hash };
        let action = Action::Note(Note::Head(head));
        let answer = self.console.ask(&Command { envelope: Envelope::VENUE, action })?;
        Ok(Some((head, answer.time)))
    }
}
