//! The history that the hot store has given up together with what it still has.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use domain::ids::{OrderId, VenueId};
use domain::text::ShardName;
use projector::history::{
    FillsQuery, LedgerQuery, OrderHistory, OrderKey, OrdersQuery, Page, ReadError, Selection, last_holders,
};
use projector::retired::{Extent, RetiredHistory};
use projector::rows::{FillRow, LedgerRow, OrderRow};

use crate::merged::select;
use crate::sync::lock;

type Answer<T> = Result<Page<T>, ReadError>;

/// A hot store and the rows that it has given up. A row is in either or, equal, in both; it is answered once. The hot store is asked
/// first, and the retired rows only if one of them can belong to the answer; if they then cannot be read, the answer fails.
///
/// Whoever drops rows of the hot store calls [`Self::refresh`] between copying and dropping them: a read that does not find them in the
/// hot store then knows where they are.
#[derive(Debug)]
pub struct WithRetired {
    hot: Arc<dyn OrderHistory>,
    retired: Arc<dyn RetiredHistory>,
    venue: VenueId,
    reach: Mutex<Reach>,
    /// By shard, why the retired rows may not be all that it gave up.
    closed: Mutex<BTreeMap<ShardName, ReadError>>,
}

/// How far the retired rows reach, as far as it is known. It is never less than what the hot store lacks.
#[derive(Debug, Clone, Copy)]
enum Reach {
    /// Nobody could say yet.
    Unknown,
    /// Nothing was retired.
    Nothing,
    To(Extent),
}

impl WithRetired {
    /// A hot store and what it has given up, both of this venue.
    pub fn new(hot: Arc<dyn OrderHistory>, retired: Arc<dyn RetiredHistory>, venue: VenueId) -> Self {
        Self { hot, retired, venue, reach: Mutex::new(Reach::Unknown), closed: Mutex::default() }
    }

    /// Whether the retired rows are all that a shard gave up; as long as they may not be, no answer is given that may need them, but why.
    pub fn set_closed(&self, shard: ShardName, why: Option<ReadError>) {
        let mut closed = lock(&self.closed);
        match why {
            Some(why) => closed.insert(shard, why),
            None => closed.remove(&shard),
        };
    }

    /// Asks how far the retired rows reach now, which is answered; a place that was taken back may say less than before. Until that was
    /// answered once, reads that may need any of them ask it themselves.
    pub fn refresh(&self) -> Result<Option<Extent>, ReadError> {
        let found = self.retired.extent()?;
        if found.is_some_and(|extent| extent.venue != self.venue) {
            return Err(ReadError::Foreign("the closed orders in the archive are another venue's".into()));
        }
        let mut reach = lock(&self.reach);
        // An answer that was long on its way must not take back a later one.
        *reach = match (*reach, found) {
            (Reach::To(known), Some(found)) => Reach::To(known.max(found)),
            (Reach::To(known), None) => Reach::To(known),
            (Reach::Unknown | Reach::Nothing, found) => found.map_or(Reach::Nothing, Reach::To),
        };
        Ok(found)
    }

    /// How far the retired rows reach; absent: there are none.
    fn extent(&self) -> Result<Option<Extent>, ReadError> {
        let reach = *lock(&self.reach);
        match reach {
            Reach::Unknown => self.refresh(),
            Reach::Nothing => Ok(None),
            Reach::To(extent) => Ok(Some(extent)),
        }
    }

    /// Whether rows of before `extent` can belong to an answer; to be asked after the hot store has answered.
    fn may_need(&self, reaches: impl FnOnce(&Extent) -> bool) -> Result<bool, ReadError> {
        if let Some(why) = lock(&self.closed).values().next() {
            return Err(why.clone());
        }
        Ok(self.extent()?.is_some_and(|extent| reaches(&extent)))
    }
}

impl OrderHistory for WithRetired {
    fn order(&self, key: OrderKey) -> Answer<OrderRow> {
        let mut page = self.hot.order(key)?;
        let needed = match key {
            OrderKey::Id(_) if !page.rows.is_empty() => false,
            OrderKey::Id(order) => self.may_need(|extent| order <= extent.order)?,
            // One that closed later than all that were retired has had the name last.
            OrderKey::Client(..) => {
                let closed = page.rows.iter().filter(|row| !row.status.is_open()).map(|row| row.last_seq).max();
                self.may_need(|extent| closed.is_none_or(|closed| closed <= extent.last_seq))?
            }
        };
        if needed
            && let Some(row) = self.retired.order(key)?
            && page.rows.iter().all(|known| known.order != row.order)
        {
            page.rows.push(row);
            page.rows = last_holders(page.rows);
        }
        Ok(page)
    }

    fn orders(&self, query: &OrdersQuery) -> Answer<OrderRow> {
        let page = self.hot.orders(query)?;
        let selection = &query.selection;
        let needed = self.may_need(|extent| {
            can_reach(selection, extent)
                && selection.first.is_none_or(|first| first <= extent.order)
                && newest_of(selection, &page.rows).is_none_or(|oldest| oldest.order <= extent.order)
        })?;
        let retired = if needed { self.retired.orders(query)? } else { Vec::new() };
        Ok(merged(page, retired, selection, |row| row.order))
    }

    fn fills(&self, query: &FillsQuery) -> Answer<FillRow> {
        let page = self.hot.fills(query)?;
        let selection = &query.selection;
        let needed = self.may_need(|extent| {
            can_reach(selection, extent)
                && selection.first.is_none_or(|first| first <= extent.trade)
                && query.order.is_none_or(|order| order <= extent.order)
                // Trades of a symbol are numbered in the order of commands.
                && newest_of(selection, &page.rows).is_none_or(|oldest| oldest.id.seq <= extent.last_seq)
        })?;
        let retired = if needed { self.retired.fills(query)? } else { Vec::new() };
        Ok(merged(page, retired, selection, |row| (row.trade, row.id)))
    }

    fn fills_of_order(&self, order: OrderId) -> Answer<FillRow> {
        let mut page = self.hot.fills_of_order(order)?;
        // The fills of an order are given up together.
        if page.rows.is_empty() && self.may_need(|extent| order <= extent.order)? {
            page.rows = self.retired.fills_of_order(order)?;
        }
        Ok(page)
    }

    fn ledger(&self, query: &LedgerQuery) -> Answer<LedgerRow> {
        self.hot.ledger(query)
    }
}

/// Whether the times asked for reach back so far.
fn can_reach<Id>(selection: &Selection<Id>, extent: &Extent) -> bool {
    selection.time.from.is_none_or(|from| from <= extent.time)
}

/// The oldest row of a full answer to a question for the newest: what is older does not belong to it.
fn newest_of<'a, T, Id>(selection: &Selection<Id>, rows: &'a [T]) -> Option<&'a T> {
    rows.first().filter(|_| selection.newest_first() && rows.len() >= selection.limit)
}

/// Each row once. Where both have one, the hot store's is as of the page's sequence.
fn merged<T, Id, K: Ord>(page: Page<T>, retired: Vec<T>, selection: &Selection<Id>, key: impl Fn(&T) -> K) -> Page<T> {
    if retired.is_empty() {
        return page;
    }
    let mut rows = page.rows;
    rows.extend(retired);
    // Stable, so that of two rows with the same key the hot store's is first.
    rows.sort_by_key(&key);
    rows.dedup_by(|later, earlier| key(later) == key(earlier));
    Page { through: page.through, rows: select(rows, selection) }
}
