//! What was traded, by how many, and what it cost them.

use std::collections::{BTreeMap, BTreeSet};

use domain::event::{OrderFilled, Trade};
use domain::ids::{AssetId, UserId};
use domain::order::Side;
use domain::state::State;
use domain::units::{Amount, Seq, UnixNanos};

use super::Derived;
use super::sums::{Sums, sums};
use crate::batch::{AnalyticsRows, Rows};
use crate::block::CommittedCommand;
use crate::buckets::{Bucket, Scope};
use crate::fold::{Stamp, Unknown};
use crate::rows::derived::{ActiveUserRow, AnalyticsRow};
use crate::settings::ANALYTICS;
use crate::store::StoredRow;

sums! { AnalyticsRow }

#[derive(Debug, Default)]
pub(super) struct AnalyticsFold {
    sums: Sums<(Scope, Bucket), AnalyticsRow>,
    /// Whom the rows of each open bucket have counted.
    active: BTreeMap<Bucket, BTreeSet<(Scope, UserId)>>,
    newly_active: Vec<ActiveUserRow>,
}

impl AnalyticsFold {
    fn trade(&mut self, stamp: Stamp, trade: &Trade, fills: [&OrderFilled; 2]) {
        let fee_of = |side: Side| fills.iter().find(|fill| fill.side == side).map(|fill| (fill.fee_asset, fill.fee));
        let (Some((base, base_fee)), Some((quote, quote_fee))) = (fee_of(Side::Buy), fee_of(Side::Sell)) else {
            unreachable!("a trade has a buyer and a seller")
        };
        for interval in ANALYTICS {
            let bucket = interval.bucket(stamp.time);
            for scope in [Scope::Venue, Scope::Asset(quote), Scope::Symbol(trade.symbol)] {
                let newly_active = self.newly_active(stamp, bucket, scope, [trade.maker_user, trade.taker_user]);
                let Some(row) = self.row(stamp, bucket, scope) else { continue };
                row.trades += 1;
                row.active_users += newly_active;
                match scope {
                    Scope::Venue => {}
                    Scope::Asset(_) => {
                        row.quote_volume = row.quote_volume.bounded_add(trade.quote);
                        row.fees = row.fees.bounded_add(quote_fee);
                    }
                    Scope::Symbol(_) => {
                        row.volume = row.volume.saturating_add(u128::from(trade.quantity.0));
                        row.quote_volume = row.quote_volume.bounded_add(trade.quote);
                        row.fees = row.fees.bounded_add(quote_fee);
                        row.base_fees = row.base_fees.bounded_add(base_fee);
                    }
                }
            }
            self.base_fee(stamp, bucket, base, base_fee);
        }
    }

    /// A fee in the base asset is a fee in that asset, though the trade is not of it.
    fn base_fee(&mut self, stamp: Stamp, bucket: Bucket, base: AssetId, fee: Amount) {
        if fee.is_zero() {
            return;
        }
        if let Some(row) = self.row(stamp, bucket, Scope::Asset(base)) {
            row.fees = row.fees.bounded_add(fee);
        }
    }

    fn row(&mut self, stamp: Stamp, bucket: Bucket, scope: Scope) -> Option<&mut AnalyticsRow> {
        self.sums.row((scope, bucket), stamp.seq, || AnalyticsRow {
            bucket,
            scope,
            trades: 0,
            active_users: 0,
            volume: 0,
            quote_volume: Amount::ZERO,
            base_fees: Amount::ZERO,
            fees: Amount::ZERO,
            last_seq: stamp.seq,
        })
    }

    fn newly_active(&mut self, stamp: Stamp, bucket: Bucket, scope: Scope, users: [UserId; 2]) -> u64 {
        let active = self.active.entry(bucket).or_default();
        let mut count = 0;
        for user in users {
            if active.insert((scope, user)) {
                self.newly_active.push(ActiveUserRow { bucket, scope, user, first: stamp.seq });
                count += 1;
            }
        }
        count
    }
}

impl Derived for AnalyticsFold {
    fn begin_at(&mut self, _state: &State) {}

    fn open_at(&self, time: UnixNanos) -> Vec<Bucket> {
        ANALYTICS.iter().map(|interval| interval.bucket(time)).collect()
    }

    fn remember(&mut self, rows: Vec<StoredRow>, at: Seq) {
        self.active.clear();
        self.newly_active.clear();
        let mut sums = Vec::new();
        for row in rows {
            if let StoredRow::Analytics(row) = row {
                sums.push(((row.scope, row.bucket), row));
            } else if let StoredRow::ActiveUser(row) = row {
                // One that became active later will do so again.
                if row.first <= at {
                    self.active.entry(row.bucket).or_default().insert((row.scope, row.user));
                }
            }
        }
        self.sums.remember(sums);
    }

    fn apply(&mut self, committed: CommittedCommand<'_>) -> Result<(), Unknown> {
        let stamp = Stamp::of(committed);
        self.sums.pass(stamp.time);
        self.active.retain(|bucket, _| bucket.contains(stamp.time));
        for (trade, fills) in super::trades(committed.events) {
            self.trade(stamp, trade, fills);
        }
        Ok(())
    }

    fn has_rows(&self) -> bool {
        self.sums.has_changed()
    }

    fn take(&mut self) -> Rows {
        let mut active_users = std::mem::take(&mut self.newly_active);
        active_users.sort_unstable_by_key(|row| (row.scope, row.bucket, row.user));
        Rows::Analytics(AnalyticsRows { analytics: self.sums.take(), active_users })
    }
}
