//! What each user traded and earned.

use std::collections::HashMap;

use domain::event::{Event, OrderFilled, PositionChanged};
use domain::ids::{AssetId, SymbolId, UserId};
use domain::state::State;
use domain::units::{Amount, Seq, UnixNanos};

use super::Derived;
use super::sums::{Sums, sums};
use crate::batch::Rows;
use crate::block::CommittedCommand;
use crate::buckets::{Bucket, Scope};
use crate::fold::{Stamp, Unknown};
use crate::rows::derived::LeaderboardRow;
use crate::settings::LEADERBOARDS;
use crate::store::StoredRow;

sums! { LeaderboardRow }

#[derive(Debug, Default)]
pub(super) struct LeaderboardsFold {
    sums: Sums<(Scope, Bucket, UserId), LeaderboardRow>,
    quotes: HashMap<SymbolId, AssetId>,
    /// What was earned so far: an event says only the new total.
    realised: HashMap<(UserId, SymbolId), Amount>,
}

impl LeaderboardsFold {
    fn filled(&mut self, stamp: Stamp, fill: &OrderFilled) -> Result<(), Unknown> {
        self.on_each_board(stamp, fill.user, fill.symbol, |row| {
            row.volume = row.volume.bounded_add(fill.quote);
            row.fills += 1;
        })
    }

    fn position(&mut self, stamp: Stamp, changed: &PositionChanged) -> Result<(), Unknown> {
        let before = self.realised.insert((changed.user, changed.symbol), changed.realised).unwrap_or_default();
        let earned = Amount(changed.realised.0.saturating_sub(before.0));
        if earned.is_zero() {
            return Ok(());
        }
        self.on_each_board(stamp, changed.user, changed.symbol, |row| {
            row.realised = row.realised.bounded_add(earned);
        })
    }

    fn on_each_board(
        &mut self,
        stamp: Stamp,
        user: UserId,
        symbol: SymbolId,
        add: impl Fn(&mut LeaderboardRow),
    ) -> Result<(), Unknown> {
        let quote = *self.quotes.get(&symbol).ok_or(Unknown::Symbol(symbol))?;
        for scope in [Scope::Asset(quote), Scope::Symbol(symbol)] {
            for interval in LEADERBOARDS {
                let bucket = interval.bucket(stamp.time);
                let begin = || {
                    let (volume, realised) = (Amount::ZERO, Amount::ZERO);
                    LeaderboardRow { bucket, scope, user, volume, realised, fills: 0, last_seq: stamp.seq }
                };
                if let Some(row) = self.sums.row((scope, bucket, user), stamp.seq, begin) {
                    add(row);
                }
            }
        }
        Ok(())
    }
}

impl Derived for LeaderboardsFold {
    fn begin_at(&mut self, state: &State) {
        let quote = |instrument: &domain::instrument::Instrument| (instrument.id(), instrument.quote());
        self.quotes = state.symbols.iter().map(|symbol| quote(&symbol.instrument)).collect();
        let positions = state.positions.iter();
        self.realised = positions.map(|position| ((position.user, position.symbol), position.realised)).collect();
    }

    fn open_at(&self, time: UnixNanos) -> Vec<Bucket> {
        LEADERBOARDS.iter().map(|interval| interval.bucket(time)).collect()
    }

    fn remember(&mut self, rows: Vec<StoredRow>, _at: Seq) {
        self.sums.remember(rows.into_iter().filter_map(|row| {
            if let StoredRow::Leaderboard(row) = row { Some(((row.scope, row.bucket, row.user), row)) } else { None }
        }));
    }

    fn apply(&mut self, committed: CommittedCommand<'_>) -> Result<(), Unknown> {
        let stamp = Stamp::of(committed);
        self.sums.pass(stamp.time);
        for event in committed.events {
            match event {
                Event::Reference(event) => {
                    self.quotes.extend(super::listed(event).map(|listed| (listed.id(), listed.quote())));
                }
                Event::OrderFilled(fill) => self.filled(stamp, fill)?,
                Event::PositionChanged(changed) => self.position(stamp, changed)?,
                Event::Refused(_)
                | Event::OrderPlaced(_)
                | Event::OrderRepeated(_)
                | Event::OrderAmended(_)
                | Event::Trade(_)
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
        self.sums.has_changed()
    }

    fn take(&mut self) -> Rows {
        Rows::Leaderboards(self.sums.take())
    }
}
