//! Positions as they were at the end of each stretch of time, at the mark of then.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use domain::event::{Event, PositionChanged};
use domain::ids::{SymbolId, UserId};
use domain::instrument::Instrument;
use domain::state::State;
use domain::units::{Amount, Lots, Seq, Ticks, UnixNanos, mul_div};

use super::Derived;
use crate::batch::Rows;
use crate::block::CommittedCommand;
use crate::buckets::Bucket;
use crate::fold::{Stamp, Unknown};
use crate::rows::derived::PositionHistoryRow;
use crate::settings::Settings;
use crate::store::StoredRow;

type Key = (UserId, SymbolId);

#[derive(Debug)]
pub(super) struct PositionsFold {
    settings: Settings,
    /// Time of the last command; absent before the first.
    now: Option<UnixNanos>,
    positions: BTreeMap<Key, Held>,
    marks: HashMap<SymbolId, Ticks>,
    instruments: HashMap<SymbolId, Instrument>,
    /// The positions that changed in each open bucket: they get a row although they may be closed at its end.
    touched: BTreeMap<Bucket, BTreeSet<Key>>,
    rows: BTreeMap<(Bucket, Key), PositionHistoryRow>,
}

#[derive(Debug, Clone, Copy)]
struct Held {
    quantity: Amount,
    cost: Amount,
    realised: Amount,
}

impl PositionsFold {
    pub(super) fn new(settings: Settings) -> Self {
        Self {
            settings,
            now: None,
            positions: BTreeMap::new(),
            marks: HashMap::new(),
            instruments: HashMap::new(),
            touched: BTreeMap::new(),
            rows: BTreeMap::new(),
        }
    }

    /// Closes the buckets that are over at the time of a command.
    fn pass(&mut self, stamp: Stamp) -> Result<(), Unknown> {
        let Some(before) = self.now.replace(stamp.time) else { return Ok(()) };
        for interval in self.settings.position_intervals() {
            let bucket = interval.bucket(before);
            if !bucket.contains(stamp.time) {
                self.close(bucket, stamp.seq)?;
            }
        }
        Ok(())
    }

    fn close(&mut self, bucket: Bucket, seq: Seq) -> Result<(), Unknown> {
        let touched = self.touched.remove(&bucket).unwrap_or_default();
        for (key, held) in &self.positions {
            if !held.quantity.is_zero() || touched.contains(key) {
                self.rows.insert((bucket, *key), self.row(bucket, *key, *held, true, seq)?);
            }
        }
        Ok(())
    }

    fn changed(&mut self, stamp: Stamp, changed: &PositionChanged) -> Result<(), Unknown> {
        let key = (changed.user, changed.symbol);
        let held = Held { quantity: changed.quantity, cost: changed.cost, realised: changed.realised };
        self.positions.insert(key, held);
        for interval in self.settings.position_intervals() {
            let bucket = interval.bucket(stamp.time);
            self.touched.entry(bucket).or_default().insert(key);
            self.rows.insert((bucket, key), self.row(bucket, key, held, false, stamp.seq)?);
        }
        Ok(())
    }

    fn row(
        &self,
        bucket: Bucket,
        key: Key,
        held: Held,
        closed: bool,
        last_seq: Seq,
    ) -> Result<PositionHistoryRow, Unknown> {
        let (user, symbol) = key;
        let Held { quantity, cost, realised } = held;
        let mark = self.marks.get(&symbol).copied();
        let instrument = self.instruments.get(&symbol).ok_or(Unknown::Symbol(symbol))?;
        let unrealised =
            mark.and_then(|mark| value_at(instrument, quantity, mark)).and_then(|value| value.checked_sub(cost));
        Ok(PositionHistoryRow { bucket, user, symbol, quantity, cost, realised, mark, unrealised, closed, last_seq })
    }
}

/// What a quantity of base is worth at a price, in quote minor units, rounded toward zero.
fn value_at(instrument: &Instrument, quantity: Amount, price: Ticks) -> Option<Amount> {
    let per_lot = instrument.notional(price, Lots(1)).ok()?;
    let one_lot = instrument.base_amount(Lots(1)).ok()?;
    mul_div(quantity.0, per_lot.0, one_lot.0).and_then(Amount::in_range)
}

impl Derived for PositionsFold {
    fn begin_at(&mut self, state: &State) {
        self.now = (state.seq > Seq::ZERO).then_some(state.time);
        for symbol in &state.symbols {
            self.instruments.insert(symbol.instrument.id(), symbol.instrument);
            self.marks.extend(symbol.last_price.map(|price| (symbol.instrument.id(), price)));
        }
        for position in &state.positions {
            let (quantity, cost, realised) = (position.quantity, position.cost, position.realised);
            self.positions.insert((position.user, position.symbol), Held { quantity, cost, realised });
        }
    }

    fn open_at(&self, time: UnixNanos) -> Vec<Bucket> {
        self.settings.position_intervals().map(|interval| interval.bucket(time)).collect()
    }

    /// Which positions changed in an open bucket is all that is not known from the state.
    fn remember(&mut self, rows: Vec<StoredRow>, _at: Seq) {
        self.rows.clear();
        self.touched.clear();
        for row in rows {
            if let StoredRow::PositionHistory(row) = row {
                self.touched.entry(row.bucket).or_default().insert((row.user, row.symbol));
            }
        }
    }

    fn apply(&mut self, committed: CommittedCommand<'_>) -> Result<(), Unknown> {
        let stamp = Stamp::of(committed);
        self.pass(stamp)?;
        for event in committed.events {
            match event {
                Event::Reference(event) => {
                    self.instruments.extend(super::listed(event).map(|listed| (listed.id(), *listed)));
                }
                Event::Trade(trade) => {
                    self.marks.insert(trade.symbol, trade.price);
                }
                Event::PositionChanged(changed) => self.changed(stamp, changed)?,
                Event::Refused(_)
                | Event::OrderPlaced(_)
                | Event::OrderRepeated(_)
                | Event::OrderAmended(_)
                | Event::OrderFilled(_)
                | Event::OrderClosed(_)
                | Event::BalanceChanged(_)
                | Event::RequestRepeated(_)
                | Event::Noted(_)
                | Event::Deposited(_)
                | Event::WithdrawalRequested(_)
                | Event::WithdrawalSettled(_)
                | Event::WithdrawalCanceled(_)
                | Event::CreditLimitChanged(_)
                | Event::ShardMap(_) => {}
            }
        }
        Ok(())
    }

    fn has_rows(&self) -> bool {
        !self.rows.is_empty()
    }

    fn take(&mut self) -> Rows {
        Rows::HistoricalPositions(std::mem::take(&mut self.rows).into_values().collect())
    }
}
