//! Where rows of ranges go, in memory: every row once, and the same whenever it comes again.

use std::collections::BTreeMap;
use std::time::Duration;

use domain::ids::{OrderId, TradeId};
use domain::units::Seq;
use projector::history::{FillsQuery, OrderKey, OrdersQuery, ReadError};
use projector::retired::{Extent, RetireError, RetiredHistory, RetiredRow, RetiredStore};
use projector::rows::{FillRow, OrderRow};

/// Where rows go, in memory.
#[derive(Debug, Default, Clone)]
pub(crate) struct Elsewhere {
    pub(crate) orders: BTreeMap<OrderId, OrderRow>,
    pub(crate) fills: BTreeMap<(OrderId, TradeId), FillRow>,
    /// Takes so many rows and no more.
    pub(crate) room: Option<usize>,
}

impl RetiredStore for Elsewhere {
    fn add(&mut self, orders: &[OrderRow], fills: &[FillRow]) -> Result<(), RetireError> {
        for row in orders {
            assert!(!row.status.is_open(), "{row:?}");
            let there = *self.orders.entry(row.order).or_insert(*row);
            assert_eq!(there, *row, "a row that is there already is the same");
            self.take_room()?;
        }
        for row in fills {
            let there = *self.fills.entry((row.order, row.trade)).or_insert(*row);
            assert_eq!(there, *row, "a row that is there already is the same");
            self.take_room()?;
        }
        Ok(())
    }

    fn forget_after(&mut self, fork: Seq) -> Result<(), RetireError> {
        self.orders.retain(|_, row| row.last_seq <= fork);
        self.fills.retain(|_, row| row.id.seq <= fork);
        Ok(())
    }
}

impl Elsewhere {
    fn take_room(&mut self) -> Result<(), RetireError> {
        match &mut self.room {
            None => Ok(()),
            Some(0) => Err(RetireError::Retry("no room".into(), Duration::ZERO)),
            Some(room) => {
                *room -= 1;
                Ok(())
            }
        }
    }
}

impl RetiredHistory for Elsewhere {
    fn extent(&self) -> Result<Option<Extent>, ReadError> {
        Ok(None)
    }

    fn order(&self, key: OrderKey) -> Result<Option<OrderRow>, ReadError> {
        let OrderKey::Id(order) = key else { panic!("{key:?} is not asked for here") };
        Ok(self.orders.get(&order).copied())
    }

    fn orders(&self, query: &OrdersQuery) -> Result<Vec<OrderRow>, ReadError> {
        panic!("{query:?} is not asked for here")
    }

    fn fills(&self, query: &FillsQuery) -> Result<Vec<FillRow>, ReadError> {
        panic!("{query:?} is not asked for here")
    }

    fn fills_of_order(&self, order: OrderId) -> Result<Vec<FillRow>, ReadError> {
        Ok(self.fills.range((order, TradeId(0))..=(order, TradeId(u64::MAX))).map(|(_, row)| *row).collect())
    }

    fn visit(&self, _visit: &mut dyn FnMut(RetiredRow)) -> Result<(), ReadError> {
        panic!("not visited here")
    }
}
