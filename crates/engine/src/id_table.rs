//! Order id → slot. Ids are dense, so this is a list of pages; a page without orders is given back.

use std::collections::VecDeque;

use domain::ids::OrderId;
use prefetch::prefetch;

use crate::slab::Slot;

const PAGE_BITS: u32 = 12;
const PAGE_LEN: usize = 1 << PAGE_BITS;

#[derive(Debug, Default)]
struct Page {
    used: u32,
    /// Absent while none is used.
    slots: Option<Box<[Option<Slot>; PAGE_LEN]>>,
}

/// Slots of orders by their ids.
#[derive(Debug, Default)]
pub(crate) struct IdTable {
    pages: VecDeque<Page>,
    /// Number of the first page.
    first: u64,
}

impl IdTable {
    /// Page (from the first one kept) and place in it; absent for an id before that.
    fn split(&self, order: OrderId) -> Option<(usize, usize)> {
        let page = (order.0 >> PAGE_BITS).checked_sub(self.first)?;
        let place = usize::try_from(order.0).ok()? & (PAGE_LEN.wrapping_sub(1));
        Some((usize::try_from(page).ok()?, place))
    }

    fn place(&self, order: OrderId) -> Option<&Option<Slot>> {
        let (page, place) = self.split(order)?;
        Some(&self.pages.get(page)?.slots.as_ref()?[place])
    }

    pub(crate) fn get(&self, order: OrderId) -> Option<Slot> {
        *self.place(order)?
    }

    /// Fetches an id's entry ahead of use.
    pub(crate) fn prefetch(&self, order: OrderId) {
        if let Some(place) = self.place(order) {
            prefetch(place);
        }
    }

    /// Ids ascend while orders are placed, so a new page is nearly always at the end; a restore brings them in any order.
    pub(crate) fn insert(&mut self, order: OrderId, slot: Slot) {
        if self.pages.is_empty() {
            self.first = order.0 >> PAGE_BITS;
        }
        while order.0 >> PAGE_BITS < self.first {
            self.pages.push_front(Page::default());
            self.first = self.first.saturating_sub(1);
        }
        let (page, place) = self.split(order).expect("the first page is this order's or an earlier one");
        while self.pages.len() <= page {
            self.pages.push_back(Page::default());
        }
        let page = &mut self.pages[page];
        page.slots.get_or_insert_with(|| Box::new([None; PAGE_LEN]))[place] = Some(slot);
        page.used = page.used.saturating_add(1);
    }

    pub(crate) fn remove(&mut self, order: OrderId) {
        let (index, place) = self.split(order).expect("an order in a book is in the table");
        let last = index.saturating_add(1) == self.pages.len();
        let page = &mut self.pages[index];
        page.slots.as_mut().expect("an order in a book has its page")[place] = None;
        page.used = page.used.saturating_sub(1);
        // The last page is where the next ids go: keep it.
        if page.used == 0 && !last {
            page.slots = None;
            while self.pages.front().is_some_and(|page| page.used == 0) {
                self.pages.pop_front();
                self.first = self.first.saturating_add(1);
            }
        }
    }
}
