//! One symbol's part of a block.

use std::sync::MutexGuard;

use domain::event::{Event, OrderFilled, OrderPlaced};
use domain::order::{Liquidity, OrderKind, Side};
use domain::units::{Lots, Seq, Ticks};

use crate::market::{Market, trade_row};
use crate::money::At;
use crate::part::Reduced;
use crate::sorted::{Item, Sorted};
use crate::tail::Allowance;

/// The events of one symbol, under one lock.
pub(crate) struct Run<'a> {
    pub(crate) market: MutexGuard<'a, Market>,
    /// How far the stores are with trades.
    pub(crate) stored: Seq,
    pub(crate) allow: &'a Allowance,
    /// Of the block, by sequence.
    pub(crate) reduced: &'a [Reduced],
}

/// The order a command placed, while it is not known whether it will rest.
#[derive(Debug, Clone, Copy)]
struct Arriving {
    side: Side,
    price: Ticks,
    left: Lots,
}

impl Run<'_> {
    /// Applies the symbol's events of a block.
    pub(crate) fn apply(&mut self, items: &[Item], block: &Sorted, events: &[Event]) {
        for of_command in items.chunk_by(|one, next| one.command == next.command) {
            let mut arriving = None;
            for item in of_command {
                self.apply_one(item.event(events), block.at(*item), &mut arriving);
            }
            // What was placed and neither filled nor closed rests.
            if let Some(Arriving { side, price, left }) = arriving {
                self.market.book.add(side, price, left);
            }
        }
        if let Some(last) = items.last() {
            self.market.seq = block.at(*last).id.seq;
        }
    }

    fn apply_one(&mut self, event: &Event, at: At, arriving: &mut Option<Arriving>) {
        match event {
            Event::OrderPlaced(placed) => *arriving = arriving_order(placed),
            Event::Trade(trade) => self.market.trade(trade_row(trade, at.id, at.time), self.stored, self.allow),
            Event::OrderFilled(filled) => self.fill(filled, arriving),
            Event::OrderAmended(amended) => {
                let lots = self.reduced_by(at.id.seq);
                self.market.book.remove(amended.side, amended.price, lots);
            }
            Event::OrderClosed(closed) => match closed.rested {
                Some(rested) => self.market.book.remove(closed.side, rested.price, rested.quantity),
                None => *arriving = None,
            },
            Event::Refused(_)
            | Event::OrderRepeated(_)
            | Event::BalanceChanged(_)
            | Event::PositionChanged(_)
            | Event::RequestRepeated(_)
            | Event::Noted(_)
            | Event::Reference(_)
            | Event::Deposited(_)
            | Event::WithdrawalRequested(_)
            | Event::WithdrawalSettled(_)
            | Event::WithdrawalCanceled(_)
            | Event::CreditLimitChanged(_)
            | Event::ShardMap(_) => {}
        }
    }

    fn fill(&mut self, filled: &OrderFilled, arriving: &mut Option<Arriving>) {
        match filled.liquidity {
            Liquidity::Maker => self.market.book.remove(filled.side, filled.price, filled.quantity),
            Liquidity::Taker if filled.filled => *arriving = None,
            Liquidity::Taker => {
                if let Some(order) = arriving {
                    order.left = order.left.checked_sub(filled.quantity).expect("a fill is part of its order");
                }
            }
        }
    }

    fn reduced_by(&self, seq: Seq) -> Lots {
        let index = self.reduced.binary_search_by_key(&seq, |reduced| reduced.seq);
        self.reduced[index.expect("the owner's part of an amendment was applied before")].lots
    }
}

fn arriving_order(placed: &OrderPlaced) -> Option<Arriving> {
    match placed.kind {
        OrderKind::Limit { price, quantity, time_in_force: _ } => {
            Some(Arriving { side: placed.side, price, left: quantity })
        }
        OrderKind::Market { size: _ } => None,
    }
}
