//! `GET /v1/ledger`.

use domain::units::Seq;
use projector::history::{LedgerQuery, Selection};
use projector::rows::{LedgerRow, Movement};

use crate::decimal::DecimalText;
use crate::error::Error;
use crate::json::Json;
use crate::reply::Reply;
use crate::request::Call;
use crate::venue::{limit_of, range_of, whose};

const ROWS_DEFAULT: usize = 500;
const ROWS_MAX: usize = 1_000;
/// One command moves the same user's money in so many rows at most before a page must be cut inside it.
const CUT_ROWS_MAX: usize = 100_000;

pub(crate) async fn ledger(call: &Call<'_>) -> Result<Reply, Error> {
    let user = whose(call)?;
    let first = call.params.integer("fromSequence")?.map(Seq);
    let time = range_of(call)?;
    let limit = limit_of(call, ROWS_DEFAULT, ROWS_MAX)?;
    call.params.all_read()?;
    let read = move |selection| LedgerQuery { user, selection };
    let rows = call
        .read_history(move |model, history| {
            let rows = model.ledger(history, &read(Selection { first, time, limit }))?;
            let (Some(begin), Some(end)) = (rows.first(), rows.last()) else { return Ok(rows) };
            if rows.len() < limit || begin.id.seq != end.id.seq {
                return Ok(rows);
            }
            // The whole page is one command: a page never ends inside one, or the next page could not begin.
            let all = Selection { first: Some(begin.id.seq), time, limit: CUT_ROWS_MAX };
            let mut all = model.ledger(history, &read(all))?;
            all.retain(|row| row.id.seq == begin.id.seq);
            Ok::<_, readmodel::merged::HistoryError>(all)
        })
        .await?;
    let (rows, next) = whole_commands(rows, limit, first.is_some() || time.from.is_some());
    let reference = call.model().reference();
    Ok(Reply::ok(|json| {
        json.object(|json| {
            json.number("sequence", call.seq.0);
            json.number("userId", u64::from(user.0));
            json.name("rows").array(|json| {
                for row in &rows {
                    let asset = reference.asset(row.asset);
                    let (code, scale) = asset.map_or(("", 0), |asset| (asset.code.as_str(), asset.scale));
                    write_row(json, row, code, scale);
                }
            });
            match next {
                Some(next) => json.number("nextSequence", next.0),
                None => json.raw("nextSequence", b"null"),
            }
        });
    }))
}

/// Drops the rows of a command that a page ends (or, of the newest rows, begins) inside, and says where the next page begins.
fn whole_commands(mut rows: Vec<LedgerRow>, limit: usize, oldest: bool) -> (Vec<LedgerRow>, Option<Seq>) {
    let (Some(first), Some(last)) = (rows.first().map(|row| row.id.seq), rows.last().map(|row| row.id.seq)) else {
        return (rows, None);
    };
    if rows.len() < limit {
        return (rows, None);
    }
    if first == last {
        return (rows, oldest.then_some(last.next()));
    }
    if oldest {
        rows.retain(|row| row.id.seq != last);
        (rows, Some(last))
    } else {
        rows.retain(|row| row.id.seq != first);
        (rows, None)
    }
}

fn write_row(json: &mut Json, row: &LedgerRow, asset: &str, scale: u8) {
    let (kind, id) = match row.movement {
        Movement::Deposit => ("DEPOSIT", None),
        Movement::Withdrawal(withdrawal) => ("WITHDRAWAL", Some(("withdrawalId", withdrawal.0))),
        Movement::Trade(trade) => ("TRADE", Some(("tradeId", trade.0))),
        Movement::Fee(trade) => ("FEE", Some(("tradeId", trade.0))),
    };
    json.object(|json| {
        json.number("sequence", row.id.seq.0);
        json.number("event", u64::from(row.id.index));
        json.number("leg", u64::from(row.leg));
        json.number("time", row.time.millis());
        json.text("asset", asset);
        json.plain("change", DecimalText::new(row.change.0, scale).as_bytes());
        json.plain("type", kind.as_bytes());
        if let Some((name, id)) = id {
            json.number(name, id);
        }
    });
}
