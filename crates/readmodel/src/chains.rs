//! Finds orders by a hash: chains through the orders themselves, so that looking one up touches the head of a chain and then
//! the order, which is wanted anyway. Grows by one chain at a time (linear hashing), so that no order waits for all the others.

use std::marker::PhantomData;

use prefetch::prefetch;

use crate::kept::{Kept, KeptOrders, Slot};

/// By what orders are chained, and where in an order the link is.
pub(crate) trait Link {
    fn hash(kept: &Kept) -> u32;
    fn next(kept: &Kept) -> Option<Slot>;
    fn set_next(kept: &mut Kept, next: Option<Slot>);
}

#[derive(Debug)]
pub(crate) struct Chains<L> {
    /// First of each chain: until the chain is cut, the newest.
    heads: Vec<Option<Slot>>,
    len: usize,
    link: PhantomData<L>,
}

const HEADS_MIN: usize = 64;

impl<L: Link> Default for Chains<L> {
    fn default() -> Self {
        Self { heads: vec![None; HEADS_MIN], len: 0, link: PhantomData }
    }
}

impl<L: Link> Chains<L> {
    /// The orders whose hash may be this.
    pub(crate) fn candidates<'a>(&self, orders: &'a KeptOrders, hash: u32) -> impl Iterator<Item = Slot> + use<'a, L> {
        std::iter::successors(self.heads[self.chain(hash)], |slot| L::next(orders.get(*slot)))
    }

    pub(crate) fn insert(&mut self, orders: &mut KeptOrders, slot: Slot) {
        if self.len == self.heads.len() {
            self.grow(orders);
        }
        self.push(orders, slot);
        self.len += 1;
    }

    pub(crate) fn remove(&mut self, orders: &mut KeptOrders, slot: Slot) {
        let kept = orders.get(slot);
        let (chain, next) = (self.chain(L::hash(kept)), L::next(kept));
        if self.heads[chain] == Some(slot) {
            self.heads[chain] = next;
        } else {
            let mut newer = std::iter::successors(self.heads[chain], |newer| L::next(orders.get(*newer)));
            let newer = newer.find(|newer| L::next(orders.get(*newer)) == Some(slot));
            L::set_next(orders.get_mut(newer.expect("an order kept is in its chain")), next);
        }
        self.len -= 1;
    }

    /// Fetches the head of a chain ahead of use.
    pub(crate) fn prefetch(&self, hash: u32) {
        prefetch(&self.heads[self.chain(hash)]);
    }

    /// Fetches the first order of a chain ahead of use.
    pub(crate) fn prefetch_first(&self, orders: &KeptOrders, hash: u32) {
        if let Some(slot) = self.heads[self.chain(hash)] {
            orders.prefetch(slot);
        }
    }

    /// By as many bits of the hash as there are chains for; chains that are not there yet are still in those they will be cut
    /// from, whose number is one bit shorter.
    fn chain(&self, hash: u32) -> usize {
        let all = self.heads.len().next_power_of_two();
        let chain = usize::try_from(hash).expect("an index has at least 32 bits") & (all - 1);
        if chain < self.heads.len() { chain } else { chain & (all / 2 - 1) }
    }

    fn push(&mut self, orders: &mut KeptOrders, slot: Slot) {
        let kept = orders.get_mut(slot);
        let chain = self.chain(L::hash(kept));
        L::set_next(kept, self.heads[chain].replace(slot));
    }

    /// Cuts one chain in two.
    fn grow(&mut self, orders: &mut KeptOrders) {
        let whole = self.whole();
        self.heads.push(None);
        let mut next = self.heads[whole].take();
        while let Some(slot) = next {
            next = L::next(orders.get(slot));
            self.push(orders, slot);
        }
        if let Some(slot) = self.heads[self.whole()] {
            orders.prefetch(slot);
        }
    }

    /// The chain that is cut next.
    fn whole(&self) -> usize {
        let chains = self.heads.len() + 1;
        chains - 1 - chains.next_power_of_two() / 2
    }
}
