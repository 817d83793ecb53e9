//! Standbys of a shard: copies that may be behind, read where they are not too far behind, so that the shard itself has less to do.

use std::sync::{Arc, Mutex};

use domain::ids::{OrderId, UserId};
use domain::units::Seq;
use projector::history::{FillsQuery, LedgerQuery, OrderHistory, OrderKey, OrdersQuery, Page, ReadError};
use projector::rows::{FillRow, LedgerRow, OrderRow};

use crate::model::{ReadModel, Stream};
use crate::sync::lock;

type Answer<T> = Result<Page<T>, ReadError>;

/// A copy of a shard, and what was last heard of it.
#[derive(Debug)]
pub struct Standby {
    orders: Arc<dyn OrderHistory>,
    heard: Mutex<Heard>,
}

/// What is known of a standby.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Heard {
    /// Where the stream of orders and fills is.
    pub symbols: Seq,
    /// Where the stream of money is.
    pub users: Seq,
    /// Why it is not read, if it is not; absent also before anything was heard.
    pub trouble: Option<String>,
    /// Answers taken from it so far.
    pub reads: u64,
}

impl Standby {
    /// A standby that is not read before something was heard of it.
    pub fn new(orders: Arc<dyn OrderHistory>) -> Self {
        Self { orders, heard: Mutex::default() }
    }

    /// What is known of it.
    pub fn heard(&self) -> Heard {
        lock(&self.heard).clone()
    }

    /// It was asked where its streams are: of orders and fills, of money.
    pub fn hear(&self, found: Result<(Seq, Seq), ReadError>) {
        let mut heard = lock(&self.heard);
        match found {
            Ok((symbols, users)) => *heard = Heard { symbols, users, trouble: None, reads: heard.reads },
            Err(error) => heard.trouble = Some(error.to_string()),
        }
    }

    fn reaches(&self, stream: Stream, least: Seq) -> bool {
        let heard = lock(&self.heard);
        let at = if stream == Stream::Ledger { heard.users } else { heard.symbols };
        heard.trouble.is_none() && at >= least && at > Seq::ZERO
    }
}

/// A shard with its standbys. An answer is a standby's only if memory has everything that it lacks, and everything that changed who
/// owns what is in it; in all other cases it is the shard's own.
#[derive(Debug)]
pub struct Replicated {
    model: Arc<ReadModel>,
    primary: Arc<dyn OrderHistory>,
    standbys: Vec<Arc<Standby>>,
}

impl Replicated {
    /// A shard and the standbys to read, those first that are to be asked first.
    pub fn new(model: Arc<ReadModel>, primary: Arc<dyn OrderHistory>, standbys: Vec<Arc<Standby>>) -> Self {
        Self { model, primary, standbys }
    }

    fn read<T>(&self, stream: Stream, user: Option<UserId>, ask: impl Fn(&dyn OrderHistory) -> Answer<T>) -> Answer<T> {
        for standby in &self.standbys {
            if !standby.reaches(stream, self.least(stream, user)) {
                continue;
            }
            match ask(standby.orders.as_ref()) {
                // Memory may have let go of something meanwhile; and a standby that was restored may be further back than it was.
                Ok(page) if page.through >= self.least(stream, user) => {
                    lock(&standby.heard).reads += 1;
                    return Ok(page);
                }
                Ok(_) => {}
                Err(error) => standby.hear(Err(error)),
            }
        }
        ask(self.primary.as_ref())
    }

    /// What a copy must have to be read.
    fn least(&self, stream: Stream, user: Option<UserId>) -> Seq {
        self.model.floor(stream, user).max(self.model.shard_map().changed())
    }
}

impl OrderHistory for Replicated {
    fn order(&self, key: OrderKey) -> Answer<OrderRow> {
        let user = match key {
            OrderKey::Id(_) => None,
            OrderKey::Client(user, _) => Some(user),
        };
        self.read(Stream::Orders, user, |orders| orders.order(key))
    }

    fn orders(&self, query: &OrdersQuery) -> Answer<OrderRow> {
        self.read(Stream::Orders, Some(query.user), |orders| orders.orders(query))
    }

    fn fills(&self, query: &FillsQuery) -> Answer<FillRow> {
        self.read(Stream::Orders, Some(query.user), |orders| orders.fills(query))
    }

    fn fills_of_order(&self, order: OrderId) -> Answer<FillRow> {
        self.read(Stream::Orders, None, |orders| orders.fills_of_order(order))
    }

    fn ledger(&self, query: &LedgerQuery) -> Answer<LedgerRow> {
        self.read(Stream::Ledger, Some(query.user), |orders| orders.ledger(query))
    }
}
