//! Candles of each symbol.

use domain::ids::{EventId, SymbolId};
use domain::state::State;
use domain::units::{Seq, UnixNanos};

use super::Derived;
use super::sums::{Sums, sums};
use crate::batch::Rows;
use crate::block::CommittedCommand;
use crate::buckets::Bucket;
use crate::candle::Candle;
use crate::fold::{Stamp, Unknown, archive};
use crate::rows::derived::KlineRow;
use crate::settings::KLINES;
use crate::store::StoredRow;

sums! { KlineRow }

#[derive(Debug, Default)]
pub(super) struct KlinesFold {
    sums: Sums<(SymbolId, Bucket), KlineRow>,
}

impl Derived for KlinesFold {
    fn begin_at(&mut self, _state: &State) {}

    fn open_at(&self, time: UnixNanos) -> Vec<Bucket> {
        KLINES.iter().map(|interval| interval.bucket(time)).collect()
    }

    fn remember(&mut self, rows: Vec<StoredRow>, _at: Seq) {
        self.sums.remember(rows.into_iter().filter_map(|row| {
            if let StoredRow::Kline(row) = row { Some(((row.symbol, row.bucket), row)) } else { None }
        }));
    }

    fn apply(&mut self, committed: CommittedCommand<'_>) -> Result<(), Unknown> {
        let Stamp { seq, time } = Stamp::of(committed);
        self.sums.pass(time);
        for (trade, _) in super::trades(committed.events) {
            // Which of the command's events it is does not show in a candle.
            let trade = archive::row(Stamp { seq, time }, EventId { seq, index: 0 }, trade);
            for interval in KLINES {
                let bucket = interval.bucket(time);
                let candle = Candle::of(bucket.start, &trade);
                let empty = Candle { trades: 0, ..candle };
                let begin = || KlineRow { bucket, symbol: trade.symbol, candle: empty, last_seq: seq };
                let Some(row) = self.sums.row((trade.symbol, bucket), seq, begin) else { continue };
                if row.candle.trades == 0 {
                    row.candle = candle;
                } else {
                    row.candle.add(&candle);
                }
            }
        }
        Ok(())
    }

    fn has_rows(&self) -> bool {
        self.sums.has_changed()
    }

    fn take(&mut self) -> Rows {
        Rows::Klines(self.sums.take())
    }
}
