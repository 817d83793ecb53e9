//! Rows that shards gave up. A shard's rows are those that it has and those that it gave up, each once, and where both places have one
//! they are equal: so nothing that went may be missing, and nothing may be there that no log knows. Of rows from before the logs begin it can
//! be told how far they go: as far as the archive notes, and no less than the shards noted when they let them go.

use std::cmp::Ordering;
use std::fmt::Display;
use std::io;
use std::sync::Arc;

use anyhow::Context as _;
use domain::ids::VenueId;
use domain::shard_map::ShardMap;
use domain::shards::Subject;
use domain::units::Seq;
use projector::batch::Stream;
use projector::retired::{Extent, GivenUp, RetiredHistory, RetiredRow};
use projector::store::StoredRow;

use super::holdings::{Holdings, Whose};
use super::key::{self, RowKey};
use super::spool::{Print, Printer, Sorted, Spool};
use super::{Kin, Of, Stored, Verdict};

/// What all shards gave up.
#[derive(Debug)]
pub(super) struct Retired {
    rows: Spool,
    history: Arc<dyn RetiredHistory>,
    /// What is noted of them.
    pub(super) extent: Extent,
}

impl Retired {
    /// Reads all of it, nothing where there is nothing; to be called when the shards were read: what goes meanwhile is then in both.
    /// `given_up` is what all of them noted. `notes_exactly`: the place notes how far rows go with the rows, not before.
    pub(super) fn read(
        history: Arc<dyn RetiredHistory>,
        venue: VenueId,
        given_up: GivenUp,
        notes_exactly: bool,
        verdict: &mut Verdict,
    ) -> anyhow::Result<Option<Self>> {
        let Some(before) = history.extent()? else { return Ok(None) };
        anyhow::ensure!(before.venue == venue, "they are another venue's");
        let (mut rows, mut printer, mut printed) = (Spool::default(), Printer::default(), Ok(()));
        let (mut there, mut open) = (Extent::none(venue), None);
        history.visit(&mut |row| {
            match row {
                RetiredRow::Order(row) if row.status.is_open() => open = open.or(Some(row.order)),
                RetiredRow::Order(row) => there = there.with(&[row], &[]),
                RetiredRow::Fill(row) => there = there.with(&[], &[row]),
            }
            if printed.is_ok() {
                printed = printer.take(&stored(row), &mut |print| rows.push(print));
            }
        })?;
        printed.context("no room for what is compared; TMPDIR says where it goes")?;
        if let Some(order) = open {
            verdict.wrong(format_args!("closed orders in the archive: order {} is open", order.0));
        }
        let extent = history.extent()?.unwrap_or(before);
        // Rows that came since may be among them, so each end is compared with the note from its side.
        if beyond(there, extent) {
            verdict.wrong(format_args!(
                "closed orders in the archive: they go {}, and it is noted that they go {}",
                Reach(there),
                Reach(extent)
            ));
        }
        if beyond(before, there) {
            let is_missing =
                notes_exactly || before.additions <= given_up.additions || there.last_seq < given_up.last_seq;
            if is_missing {
                verdict.wrong(format_args!(
                    "closed orders in the archive: rows are missing: they go {}, and it is noted that they go {}",
                    Reach(there),
                    Reach(before)
                ));
            } else {
                verdict.note(
                    "closed orders in the archive go less far than is noted: a copy is under way, or was interrupted and is done again",
                );
            }
        }
        Ok(Some(Self { rows, history, extent }))
    }

    /// Rows in words.
    pub(super) fn tell(&self, visit: &mut dyn FnMut(StoredRow)) -> anyhow::Result<()> {
        Ok(self.history.visit(&mut |row| visit(stored(row)))?)
    }

    /// Each row must be of a shard that was compared with what it should have.
    pub(super) fn check_owners(
        &self,
        shards: &[(Option<Holdings>, Seq)],
        map: &ShardMap,
        end: Seq,
        verdict: &mut Verdict,
    ) -> io::Result<()> {
        let (mut later, mut nobodys, mut unread, mut first) = (0_u64, 0_u64, 0_u64, None);
        let mut prints = self.rows.sorted(Vec::new())?;
        while let Some(print) = prints.next()? {
            if shards.iter().any(|(holdings, at)| is_of(&print, holdings.as_ref(), *at)) {
                continue;
            }
            if print.last_seq > Some(end) {
                later += 1;
                first.get_or_insert(print.key);
            } else if print.subject.and_then(|subject: Subject| map.owner(subject)).is_none() {
                nobodys += 1;
                first.get_or_insert(print.key);
            } else {
                unread += 1;
            }
        }
        if self.extent.last_seq > end {
            verdict.wrong(format_args!(
                "closed orders in the archive: it is noted that they go to sequence {}, past the end of the logs at {}",
                self.extent.last_seq.0, end.0
            ));
        }
        if let Some(first) = first {
            verdict.wrong(format_args!(
                "closed orders in the archive: {later} rows are from after the end of the logs, {nobodys} of no symbol that there \
                 is; the first: {}",
                key::name(first)
            ));
        }
        if unread > 0 {
            verdict.note(format_args!(
                "closed orders in the archive: {unread} rows are of shards that are not as far, and cannot be compared yet"
            ));
        }
        Ok(())
    }
}

const fn stored(row: RetiredRow) -> StoredRow {
    match row {
        RetiredRow::Order(row) => StoredRow::Order(row),
        RetiredRow::Fill(row) => StoredRow::Fill(row),
    }
}

/// Whether the one goes further than the other in anything.
fn beyond(one: Extent, other: Extent) -> bool {
    other.max(Extent { additions: other.additions, ..one }) != other
}

/// How far rows go.
struct Reach(Extent);

impl Display for Reach {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Extent { order, trade, last_seq, time, .. } = self.0;
        write!(f, "to order {}, trade {}, sequence {} at {}", order.0, trade.0, last_seq.0, time.0)
    }
}

/// Whether a shard with these holdings gave up the row, or would have it still at this checkpoint.
fn is_of(print: &Print, holdings: Option<&Holdings>, at: Seq) -> bool {
    // A shard that lost its tail may be before it.
    print.last_seq <= Some(at) && holdings.is_none_or(|holdings| holdings.whose(print.subject) == Whose::Own)
}

/// The rows of a shard, those that it gave up among them.
#[derive(Debug)]
pub(super) struct Whole<'a> {
    here: Kin<'a>,
    /// Absent: nothing was given up, or not by this store.
    there: Option<Sorted>,
    next_here: Option<Print>,
    next_there: Option<Print>,
    in_both: u64,
    only_there: u64,
    unequal: u64,
    first_unequal: Option<RowKey>,
}

impl<'a> Whole<'a> {
    pub(super) fn of(here: Kin<'a>, retired: Option<&Retired>) -> io::Result<Self> {
        let Stored { of, is_shard, .. } = here.stored;
        let gives_up = *is_shard && of.stream == Stream::Symbols;
        let there = retired.filter(|_| gives_up).map(|retired| retired.rows.sorted(Vec::new())).transpose()?;
        let mut whole = Self {
            here,
            there,
            next_here: None,
            next_there: None,
            in_both: 0,
            only_there: 0,
            unequal: 0,
            first_unequal: None,
        };
        whole.next_here = whole.here.next()?;
        whole.next_there = whole.read_there()?;
        Ok(whole)
    }

    fn read_there(&mut self) -> io::Result<Option<Print>> {
        let Some(prints) = &mut self.there else { return Ok(None) };
        while let Some(print) = prints.next()? {
            if is_of(&print, self.here.holdings.as_ref(), self.here.stored.checkpoint.seq) {
                return Ok(Some(print));
            }
        }
        Ok(None)
    }

    pub(super) fn next(&mut self) -> io::Result<Option<Print>> {
        let order = match (&self.next_here, &self.next_there) {
            (None, None) => return Ok(None),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some(here), Some(there)) => here.key.cmp(&there.key),
        };
        if order.is_gt() {
            self.only_there += 1;
            let next = self.read_there()?;
            return Ok(std::mem::replace(&mut self.next_there, next));
        }
        let next = self.here.next()?;
        let here = std::mem::replace(&mut self.next_here, next);
        if order.is_eq() {
            let next = self.read_there()?;
            let there = std::mem::replace(&mut self.next_there, next);
            self.in_both += 1;
            if let (Some(here), Some(there)) = (&here, &there)
                && here.whole != there.whole
            {
                self.unequal += 1;
                self.first_unequal.get_or_insert(here.key);
            }
        }
        Ok(here)
    }

    pub(super) fn report(&self, verdict: &mut Verdict) {
        self.here.report(verdict);
        let of: &Of = &self.here.stored.of;
        let Self { in_both, only_there, unequal, first_unequal, .. } = self;
        if in_both + only_there > 0 {
            verdict.note(format_args!(
                "{of}: {only_there} of its rows are among the closed orders in the archive only, {in_both} there as well"
            ));
        }
        if let Some(first) = first_unequal {
            verdict.wrong(format_args!(
                "{of}: {unequal} rows are others than among the closed orders in the archive; the first: {}",
                key::name(*first)
            ));
        }
    }
}
