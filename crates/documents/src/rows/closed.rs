//! Collections `closed_orders` and `closed_order_fills`: what shards have given up.

use domain::ids::{AssetId, EventId, ExecutionNumber, OrderId, SymbolId, TradeId, UserId};
use domain::instrument::Fees;
use domain::text::ClientOrderId;
use domain::units::{Lots, Ppm, Seq, Ticks, UnixNanos};
use projector::rows::{FillRow, OrderRow, OrderStatus, Placed};
use projector::words::Word;

use super::NoRow;
use crate::document::{Document, Malformed, Value};
use crate::units::{Units, Unknown, amount, amount_of};

/// The id of an order: sorted as text, ids are in the order of the numbers.
pub fn id_of_order(order: OrderId) -> String {
    format!("{:020}", order.0)
}

/// The id of a fill; those of one order begin with its id, and are in the order of the trades.
pub fn id_of_fill(order: OrderId, trade: TradeId) -> String {
    format!("{:020}.{:020}", order.0, trade.0)
}

/// An order that is closed.
pub fn order_document(row: &OrderRow, units: &Units) -> Result<Document, Unknown> {
    let scale = units.symbol(row.symbol)?.quote;
    assert!(!row.status.is_open(), "order {} is open", row.order.0);
    let (status, close_reason) = row.status.words();
    let Placed { price, time_in_force, quantity, quote } = row.kind.into();
    let fields = [
        ("order_id", row.order.0.into()),
        ("user_id", row.user.0.into()),
        ("symbol_id", row.symbol.0.into()),
        ("side", row.side.word().into()),
        ("price", price.map(|price| price.0).into()),
        ("time_in_force", time_in_force.map(Word::word).into()),
        ("placed_quantity", quantity.map(|quantity| quantity.0).into()),
        ("placed_quote", quote.map_or(Value::Absent, |quote| amount(quote, scale))),
        ("client_order_id", row.client_order_id.as_str().to_owned().into()),
        ("maker_ppm", Value::Int(row.fees.maker.0.into())),
        ("taker_ppm", Value::Int(row.fees.taker.0.into())),
        ("placed_seq", row.placed.0.into()),
        ("placed_time", row.placed_time.0.into()),
        ("quantity", row.quantity.map(|quantity| quantity.0).into()),
        ("executed", row.executed.0.into()),
        ("executed_quote", amount(row.executed_quote, scale)),
        ("status", status.into()),
        ("close_reason", close_reason.into()),
        ("updated_time", row.updated_time.0.into()),
    ];
    Ok(Document::new(id_of_order(row.order), row.last_seq, fields))
}

pub(crate) fn order(document: &Document, units: &Units) -> Result<OrderRow, NoRow> {
    let symbol = SymbolId(document.small("symbol_id")?);
    let scale = units.symbol(symbol)?.quote;
    let wrong = |what: &str| Malformed(format!("{}: the {what}", document.id));
    let lots = |name| Ok::<_, Malformed>(document.optional(name, Document::long)?.map(Lots));
    let price = document.optional("price", Document::long)?.map(Ticks);
    let time_in_force = document.optional("time_in_force", Document::word)?;
    let quote = document.optional("placed_quote", |document, name| amount_of(document, name, scale))?;
    let placed = Placed { price, time_in_force, quantity: lots("placed_quantity")?, quote };
    let kind = placed.kind().ok_or_else(|| wrong("kind of the order"))?;
    let status = OrderStatus::of_words(document.text("status")?, document.optional("close_reason", Document::word)?);
    let status = status.filter(|status| !status.is_open()).ok_or_else(|| wrong("status of the order"))?;
    Ok(OrderRow {
        order: OrderId(document.long("order_id")?),
        user: UserId(document.small("user_id")?),
        symbol,
        side: document.word("side")?,
        kind,
        client_order_id: ClientOrderId::new(document.text("client_order_id")?)
            .map_err(|error| wrong(&format!("client order id {error}")))?,
        quantity: lots("quantity")?,
        executed: Lots(document.long("executed")?),
        executed_quote: amount_of(document, "executed_quote", scale)?,
        status,
        fees: Fees { maker: Ppm(document.small("maker_ppm")?), taker: Ppm(document.small("taker_ppm")?) },
        placed: Seq(document.long("placed_seq")?),
        placed_time: UnixNanos(document.long("placed_time")?),
        last_seq: document.seq,
        updated_time: UnixNanos(document.long("updated_time")?),
    })
}

/// A fill of such an order.
pub fn fill_document(row: &FillRow, units: &Units) -> Result<Document, Unknown> {
    let fields = [
        ("event_index", row.id.index.into()),
        ("time", row.time.0.into()),
        ("order_id", row.order.0.into()),
        ("user_id", row.user.0.into()),
        ("execution", row.execution.0.into()),
        ("symbol_id", row.symbol.0.into()),
        ("trade_id", row.trade.0.into()),
        ("side", row.side.word().into()),
        ("liquidity", row.liquidity.word().into()),
        ("price", row.price.0.into()),
        ("quantity", row.quantity.0.into()),
        ("quote", amount(row.quote, units.symbol(row.symbol)?.quote)),
        ("fee", amount(row.fee, units.asset(row.fee_asset)?)),
        ("fee_asset_id", row.fee_asset.0.into()),
    ];
    Ok(Document::new(id_of_fill(row.order, row.trade), row.id.seq, fields))
}

pub(crate) fn fill(document: &Document, units: &Units) -> Result<FillRow, NoRow> {
    let (symbol, fee_asset) = (SymbolId(document.small("symbol_id")?), AssetId(document.small("fee_asset_id")?));
    Ok(FillRow {
        id: EventId { seq: document.seq, index: document.small("event_index")? },
        time: UnixNanos(document.long("time")?),
        order: OrderId(document.long("order_id")?),
        user: UserId(document.small("user_id")?),
        execution: ExecutionNumber(document.long("execution")?),
        symbol,
        trade: TradeId(document.long("trade_id")?),
        side: document.word("side")?,
        liquidity: document.word("liquidity")?,
        price: Ticks(document.long("price")?),
        quantity: Lots(document.long("quantity")?),
        quote: amount_of(document, "quote", units.symbol(symbol)?.quote)?,
        fee: amount_of(document, "fee", units.asset(fee_asset)?)?,
        fee_asset,
    })
}
