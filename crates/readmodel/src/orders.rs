//! The orders of one shard of users: open ones, and closed ones that a store may not have yet.

use std::hash::{BuildHasher, Hasher};

use domain::ids::{OrderId, UserId};
use domain::text::ClientOrderId;
use foldhash::fast::RandomState;
use projector::rows::OrderRow;

use crate::chains::{Chains, Link};
use crate::kept::{Kept, KeptOrders, Slot};

/// Chains of orders by their ids.
#[derive(Debug)]
struct ById;

impl Link for ById {
    fn hash(kept: &Kept) -> u32 {
        id_hash(kept.row.order)
    }

    fn next(kept: &Kept) -> Option<Slot> {
        kept.next_by_id
    }

    fn set_next(kept: &mut Kept, next: Option<Slot>) {
        kept.next_by_id = next;
    }
}

/// Chains of orders by owner and client order id. More than one order may have had the same.
#[derive(Debug)]
struct ByClient;

impl Link for ByClient {
    fn hash(kept: &Kept) -> u32 {
        kept.client_hash
    }

    fn next(kept: &Kept) -> Option<Slot> {
        kept.next_by_client
    }

    fn set_next(kept: &mut Kept, next: Option<Slot>) {
        kept.next_by_client = next;
    }
}

/// What a client order id is looked up by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ClientHash(u32);

#[derive(Debug, Default)]
pub(crate) struct Orders {
    kept: KeptOrders,
    by_id: Chains<ById>,
    by_client: Chains<ByClient>,
    /// Seeded: client order ids come from outside.
    client_hash: RandomState,
}

impl Orders {
    pub(crate) fn row(&self, slot: Slot) -> &OrderRow {
        &self.kept.get(slot).row
    }

    /// To change anything but the order's ids.
    pub(crate) fn row_mut(&mut self, slot: Slot) -> &mut OrderRow {
        &mut self.kept.get_mut(slot).row
    }

    /// Where the order's owner lists it, or behind that.
    pub(crate) fn listed(&self, slot: Slot) -> u32 {
        self.kept.get(slot).listed
    }

    pub(crate) fn find(&self, order: OrderId) -> Option<Slot> {
        self.by_id.candidates(&self.kept, id_hash(order)).find(|slot| self.row(*slot).order == order)
    }

    /// Of those that have this client order id now, the one that had it last.
    pub(crate) fn find_by_client(&self, user: UserId, client_order_id: &ClientOrderId) -> Option<Slot> {
        let ClientHash(hash) = self.hash(user, client_order_id);
        self.by_client
            .candidates(&self.kept, hash)
            .filter(|slot| self.kept.get(*slot).client_hash == hash)
            .filter(|slot| self.row(*slot).user == user && self.row(*slot).client_order_id == *client_order_id)
            .max_by_key(|slot| self.row(*slot).held_name())
    }

    /// `hash` is that of the row's owner and client order id; `listed` is where its owner lists it, if it is open.
    pub(crate) fn insert(&mut self, row: OrderRow, ClientHash(client_hash): ClientHash, listed: u32) -> Slot {
        let slot = self.kept.place(Kept { client_hash, next_by_id: None, next_by_client: None, listed, row });
        self.by_id.insert(&mut self.kept, slot);
        self.by_client.insert(&mut self.kept, slot);
        slot
    }

    pub(crate) fn remove(&mut self, slot: Slot) {
        self.by_client.remove(&mut self.kept, slot);
        self.by_id.remove(&mut self.kept, slot);
        self.kept.free(slot);
    }

    pub(crate) fn rename(&mut self, slot: Slot, client_order_id: ClientOrderId) {
        let row = self.row(slot);
        if row.client_order_id == client_order_id {
            return;
        }
        let ClientHash(hash) = self.hash(row.user, &client_order_id);
        self.by_client.remove(&mut self.kept, slot);
        let kept = self.kept.get_mut(slot);
        (kept.row.client_order_id, kept.client_hash) = (client_order_id, hash);
        self.by_client.insert(&mut self.kept, slot);
    }

    /// Hashes the id's own bytes, not the padding behind them.
    pub(crate) fn hash(&self, user: UserId, client_order_id: &ClientOrderId) -> ClientHash {
        let mut hasher = self.client_hash.build_hasher();
        hasher.write_u32(user.0);
        hasher.write(client_order_id.as_bytes());
        let high = hasher.finish() >> 32;
        ClientHash(u32::try_from(high).expect("half of 64 bits"))
    }

    /// Fetches what placing the `nth` of the next orders will write.
    pub(crate) fn prefetch_new(&self, nth: usize, order: OrderId, ClientHash(hash): ClientHash) {
        self.kept.prefetch_free(nth);
        self.by_id.prefetch(id_hash(order));
        self.by_client.prefetch(hash);
    }

    /// Fetches where an order is noted.
    pub(crate) fn prefetch_id(&self, order: OrderId) {
        self.by_id.prefetch(id_hash(order));
    }

    /// Fetches what nearly always is the order, once [`Orders::prefetch_id`] has come.
    pub(crate) fn prefetch_likely(&self, order: OrderId) {
        self.by_id.prefetch_first(&self.kept, id_hash(order));
    }

    /// Fetches an order that will be changed or removed.
    pub(crate) fn prefetch(&self, slot: Slot) {
        self.kept.prefetch(slot);
    }

    /// Fetches where an order is noted that will be removed, once [`Orders::prefetch`] has come.
    pub(crate) fn prefetch_names(&self, slot: Slot) {
        let kept = self.kept.get(slot);
        self.by_id.prefetch(ById::hash(kept));
        self.by_client.prefetch(ByClient::hash(kept));
    }
}

/// Order ids are dense and ours: nobody can make them collide, and their low bits are spread as evenly as can be.
fn id_hash(order: OrderId) -> u32 {
    u32::try_from(order.0 & u64::from(u32::MAX)).expect("half of 64 bits")
}
