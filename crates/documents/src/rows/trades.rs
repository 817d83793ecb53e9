//! Collection `completed_trades`.

use domain::ids::{EventId, OrderId, SymbolId, TradeId, UserId};
use domain::units::{Lots, Ticks, UnixNanos};
use projector::rows::TradeRow;
use projector::words::Word as _;

use super::{NoRow, id_of_event};
use crate::document::Document;
use crate::units::{Units, Unknown, amount, amount_of};

pub(crate) fn document(row: &TradeRow, units: &Units) -> Result<Document, Unknown> {
    let scale = units.symbol(row.symbol)?.quote;
    let fields = [
        ("event_index", row.id.index.into()),
        ("time", row.time.0.into()),
        ("symbol_id", row.symbol.0.into()),
        ("trade_id", row.trade.0.into()),
        ("price", row.price.0.into()),
        ("quantity", row.quantity.0.into()),
        ("quote", amount(row.quote, scale)),
        ("taker_side", row.taker_side.word().into()),
        ("maker_order_id", row.maker_order.0.into()),
        ("maker_user_id", row.maker_user.0.into()),
        ("taker_order_id", row.taker_order.0.into()),
        ("taker_user_id", row.taker_user.0.into()),
    ];
    Ok(Document::new(id_of_event(row.id), row.id.seq, fields))
}

pub(crate) fn row(document: &Document, units: &Units) -> Result<TradeRow, NoRow> {
    let symbol = SymbolId(document.small("symbol_id")?);
    Ok(TradeRow {
        id: EventId { seq: document.seq, index: document.small("event_index")? },
        time: UnixNanos(document.long("time")?),
        symbol,
        trade: TradeId(document.long("trade_id")?),
        price: Ticks(document.long("price")?),
        quantity: Lots(document.long("quantity")?),
        quote: amount_of(document, "quote", units.symbol(symbol)?.quote)?,
        taker_side: document.word("taker_side")?,
        maker_order: OrderId(document.long("maker_order_id")?),
        maker_user: UserId(document.small("maker_user_id")?),
        taker_order: OrderId(document.long("taker_order_id")?),
        taker_user: UserId(document.small("taker_user_id")?),
    })
}
