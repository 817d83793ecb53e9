//! Orders, open orders, fills, positions.

use domain::order::{MarketSize, OrderKind};
use projector::batch::SymbolsRows;
use projector::changes::OrderChange;
use projector::rows::{FillRow, OrderRow, PositionRow, SymbolTenureRow};
use projector::words::Word;

use super::{Decimals, all_written, int, small};
use crate::copy::Lines;
use crate::fault::Fault;
use crate::link::Session;
use crate::moves;
use crate::ranges::RangeWidth;
use crate::units::{Subject, Units, of_steps};

pub(crate) const COPY_ORDERS: &str = "COPY orders (order_id, placed_seq, placed_time, last_seq, updated_time, user_id, symbol_id, maker_ppm, taker_ppm,
    side, kind, time_in_force, price, placed_quantity, placed_quote, client_order_id, quantity, executed, executed_quote,
    status, close_reason) FROM STDIN";
const COPY_OPEN: &str = "COPY open_orders (order_id, user_id, symbol_id) FROM STDIN";
pub(crate) const COPY_FILLS: &str =
    "COPY order_fills (order_id, trade_id, seq, time, execution, event_index, user_id, symbol_id, fee_asset_id, side,
    liquidity, price, quantity, quote, fee) FROM STDIN";
const DELETE_OPEN: &str = "DELETE FROM open_orders WHERE order_id = ANY ($1::bigint[])";
const COUNT_ORDERS: &str = "SELECT count(*) FROM orders WHERE order_id = ANY ($1::bigint[])";
const PUT_POSITIONS: &str = "INSERT INTO positions AS p (user_id, symbol_id, last_seq, quantity, cost, realised)
    SELECT r.user_id, r.symbol_id, r.last_seq, r.quantity::numeric, r.cost::numeric, r.realised::numeric
    FROM unnest($1::integer[], $2::integer[], $3::bigint[], $4::text[], $5::text[], $6::text[])
        AS r (user_id, symbol_id, last_seq, quantity, cost, realised)
    ON CONFLICT (user_id, symbol_id) DO UPDATE
    SET last_seq = EXCLUDED.last_seq, quantity = EXCLUDED.quantity, cost = EXCLUDED.cost, realised = EXCLUDED.realised
    WHERE p.last_seq < EXCLUDED.last_seq";

const COPY_TENURES: &str = "COPY symbol_tenures (symbol_id, from_seq, shard_id) FROM STDIN";

/// Sets columns of orders in the partition of a range, `c` being what changed.
///
/// The rows are found one by one, by key and then by place: a join of `orders` with the changes would be planned by how many rows the
/// partition had when the plan was made, which is none in a new one, and a plan made then reads all orders for each change. The partition
/// is named, because a kept plan over the partitioned table locks all its partitions each time.
fn update(range: u64, set: &str, changes: &str, further: &str) -> String {
    format!(
        "UPDATE orders_r{range} AS o SET {set} FROM {changes}
         WHERE o.ctid = (SELECT i.ctid FROM orders_r{range} AS i WHERE i.order_id = c.order_id){further}"
    )
}

fn change_status_sql(range: u64) -> String {
    let set = "status = c.status, close_reason = c.close_reason, last_seq = c.last_seq, updated_time = c.updated_time";
    let changes = "unnest($1::bigint[], $2::text[], $3::text[], $4::bigint[], $5::bigint[])
        AS c (order_id, status, close_reason, last_seq, updated_time)";
    update(range, set, changes, " AND o.last_seq < c.last_seq")
}

fn change_executed_sql(range: u64) -> String {
    let set = "status = c.status, close_reason = c.close_reason, last_seq = c.last_seq, updated_time = c.updated_time,
        executed = c.executed::numeric, executed_quote = c.executed_quote::numeric";
    let changes = "unnest($1::bigint[], $2::text[], $3::text[], $4::bigint[], $5::bigint[], $6::text[], $7::text[])
        AS c (order_id, status, close_reason, last_seq, updated_time, executed, executed_quote)";
    update(range, set, changes, " AND o.last_seq < c.last_seq")
}

fn amend_sql(range: u64) -> String {
    let changes = "unnest($1::bigint[], $2::text[], $3::text[]) AS c (order_id, quantity, client_order_id)";
    update(range, "quantity = c.quantity::numeric, client_order_id = c.client_order_id", changes, "")
}

/// What the rows are of.
pub(crate) fn subjects(rows: &SymbolsRows) -> impl Iterator<Item = Subject> {
    let placed = rows.placed.iter().map(|row| row.symbol);
    let changed = rows.changed.iter().map(|row| row.symbol);
    let positions = rows.positions.iter().map(|row| row.symbol);
    let fills = rows.fills.iter().flat_map(|row| [Subject::Symbol(row.symbol), Subject::Asset(row.fee_asset)]);
    placed.chain(changed).chain(positions).map(Subject::Symbol).chain(fills)
}

pub(crate) async fn write(
    session: &mut Session,
    units: &Units,
    width: RangeWidth,
    rows: &SymbolsRows,
) -> Result<(), Fault> {
    let copy_orders = session.statement(COPY_ORDERS).await?;
    let copy_open = session.statement(COPY_OPEN).await?;
    let copy_fills = session.statement(COPY_FILLS).await?;
    order_lines(units, &rows.placed)?.send(&session.client, &copy_orders).await?;
    open_lines(&rows.placed).send(&session.client, &copy_open).await?;
    fill_lines(units, &rows.fills)?.send(&session.client, &copy_fills).await?;
    for changes in rows.changed.chunk_by(|one, next| width.range_of(one.order) == width.range_of(next.order)) {
        change_orders(session, units, width, changes).await?;
    }
    close_orders(session, &rows.changed).await?;
    put_positions(session, units, &rows.positions).await?;
    add_tenures(session, &rows.tenures).await?;
    moves::change_holds(session, &rows.holds).await
}

async fn add_tenures(session: &mut Session, rows: &[SymbolTenureRow]) -> Result<(), Fault> {
    if rows.is_empty() {
        return Ok(());
    }
    let copy = session.statement(COPY_TENURES).await?;
    let mut lines = Lines::with_capacity(rows.len(), 30);
    for row in rows {
        lines.whole(row.symbol.0.into()).whole(row.from.0).whole(row.shard.0.into()).end_row();
    }
    lines.send(&session.client, &copy).await
}

pub(crate) fn order_lines(units: &Units, rows: &[OrderRow]) -> Result<Lines, Fault> {
    let mut lines = Lines::with_capacity(rows.len(), 220);
    for row in rows {
        let of = units.symbol(row.symbol)?;
        let (status, close_reason) = row.status.words();
        lines.whole(row.order.0).whole(row.placed.0).whole(row.placed_time.0).whole(row.last_seq.0);
        lines.whole(row.updated_time.0).whole(row.user.0.into()).whole(row.symbol.0.into());
        lines.whole(row.fees.maker.0.into()).whole(row.fees.taker.0.into()).word(row.side.word());
        match row.kind {
            OrderKind::Limit { price, quantity, time_in_force } => {
                lines.word("limit").word(time_in_force.word()).decimal(of_steps(price.0, of.tick)?, of.tick.scale);
                lines.decimal(of_steps(quantity.0, of.lot)?, of.lot.scale).null();
            }
            OrderKind::Market { size: MarketSize::Quantity(quantity) } => {
                lines.word("market").null().null().decimal(of_steps(quantity.0, of.lot)?, of.lot.scale).null();
            }
            OrderKind::Market { size: MarketSize::Quote(quote) } => {
                lines.word("market").null().null().null().decimal(quote, of.quote);
            }
        }
        lines.text(row.client_order_id.as_str());
        match row.quantity {
            Some(quantity) => lines.decimal(of_steps(quantity.0, of.lot)?, of.lot.scale),
            None => lines.null(),
        };
        lines.decimal(of_steps(row.executed.0, of.lot)?, of.lot.scale).decimal(row.executed_quote, of.quote);
        lines.word(status).word_or_null(close_reason).end_row();
    }
    Ok(lines)
}

fn open_lines(rows: &[OrderRow]) -> Lines {
    let mut lines = Lines::with_capacity(rows.len(), 30);
    for row in rows.iter().filter(|row| row.status.is_open()) {
        lines.whole(row.order.0).whole(row.user.0.into()).whole(row.symbol.0.into()).end_row();
    }
    lines
}

pub(crate) fn fill_lines(units: &Units, rows: &[FillRow]) -> Result<Lines, Fault> {
    let mut lines = Lines::with_capacity(rows.len(), 140);
    for row in rows {
        let of = units.symbol(row.symbol)?;
        lines.whole(row.order.0).whole(row.trade.0).whole(row.id.seq.0).whole(row.time.0).whole(row.execution.0);
        lines.whole(row.id.index.into()).whole(row.user.0.into()).whole(row.symbol.0.into());
        lines.whole(row.fee_asset.0.into()).word(row.side.word()).word(row.liquidity.word());
        lines.decimal(of_steps(row.price.0, of.tick)?, of.tick.scale);
        lines.decimal(of_steps(row.quantity.0, of.lot)?, of.lot.scale).decimal(row.quote, of.quote);
        lines.decimal(row.fee, units.asset(row.fee_asset)?).end_row();
    }
    Ok(lines)
}

/// Only what changed, of orders in one range.
async fn change_orders(
    session: &mut Session,
    units: &Units,
    width: RangeWidth,
    changes: &[OrderChange],
) -> Result<(), Fault> {
    let Some(first) = changes.first() else { return Ok(()) };
    let range = width.range_of(first.order);
    let executed: Vec<&OrderChange> = changes.iter().filter(|change| change.executed.is_some()).collect();
    let others: Vec<&OrderChange> = changes.iter().filter(|change| change.executed.is_none()).collect();
    change_status(session, range, &others).await?;
    change_executed(session, units, range, &executed).await?;
    amend(session, units, range, changes).await
}

/// The columns that every change has.
#[derive(Debug)]
struct Statuses {
    orders: Vec<i64>,
    words: Vec<&'static str>,
    close_reasons: Vec<Option<&'static str>>,
    last_seqs: Vec<i64>,
    updated_times: Vec<i64>,
}

impl Statuses {
    fn of(changes: &[&OrderChange]) -> Self {
        let (words, close_reasons) = changes.iter().map(|change| change.status.words()).unzip();
        Self {
            orders: changes.iter().map(|change| int(change.order.0)).collect(),
            words,
            close_reasons,
            last_seqs: changes.iter().map(|change| int(change.last_seq.0)).collect(),
            updated_times: changes.iter().map(|change| int(change.updated_time.0)).collect(),
        }
    }
}

async fn change_status(session: &mut Session, range: u64, changes: &[&OrderChange]) -> Result<(), Fault> {
    if changes.is_empty() {
        return Ok(());
    }
    let change = session.statement(&change_status_sql(range)).await?;
    let Statuses { orders, words, close_reasons, last_seqs, updated_times } = Statuses::of(changes);
    let written =
        session.client.execute(&change, &[&orders, &words, &close_reasons, &last_seqs, &updated_times]).await?;
    all_changed(session, written, &orders).await
}

async fn change_executed(
    session: &mut Session,
    units: &Units,
    range: u64,
    changes: &[&OrderChange],
) -> Result<(), Fault> {
    if changes.is_empty() {
        return Ok(());
    }
    let change = session.statement(&change_executed_sql(range)).await?;
    let mut quantities = Decimals::with_capacity(changes.len());
    let mut quotes = Decimals::with_capacity(changes.len());
    for (change, executed) in changes.iter().filter_map(|change| change.executed.map(|executed| (change, executed))) {
        let of = units.symbol(change.symbol)?;
        quantities.push(of_steps(executed.quantity.0, of.lot)?, of.lot.scale);
        quotes.push(executed.quote, of.quote);
    }
    let Statuses { orders, words, close_reasons, last_seqs, updated_times } = Statuses::of(changes);
    let (quantities, quotes) = (quantities.texts(), quotes.texts());
    let written = session
        .client
        .execute(&change, &[&orders, &words, &close_reasons, &last_seqs, &updated_times, &quantities, &quotes])
        .await?;
    all_changed(session, written, &orders).await
}

/// Says which it is where a change found no row that is older: there is none at all, or another history is here.
async fn all_changed(session: &mut Session, written: u64, orders: &[i64]) -> Result<(), Fault> {
    let written = all_written(written, orders.len(), "orders");
    if written.is_err() {
        let count = session.statement(COUNT_ORDERS).await?;
        let found: i64 = session.client.query_one(&count, &[&orders]).await?.get(0);
        if usize::try_from(found) != Ok(orders.len()) {
            return Err(Fault::Missing(format!("for some of {} orders ({found} are there)", orders.len())));
        }
    }
    written
}

/// Amendments are rare; the client order id has an index, so an order that is not amended must not pass here.
async fn amend(session: &mut Session, units: &Units, range: u64, changes: &[OrderChange]) -> Result<(), Fault> {
    let mut orders = Vec::new();
    let mut quantities = Decimals::default();
    let mut names = Vec::new();
    for (change, amended) in changes.iter().filter_map(|change| change.amended.map(|amended| (change, amended))) {
        let of = units.symbol(change.symbol)?;
        orders.push(int(change.order.0));
        quantities.push(of_steps(amended.quantity.0, of.lot)?, of.lot.scale);
        names.push(amended.client_order_id.as_str().to_owned());
    }
    if orders.is_empty() {
        return Ok(());
    }
    let amend = session.statement(&amend_sql(range)).await?;
    let quantities = quantities.texts();
    let written = session.client.execute(&amend, &[&orders, &quantities, &names]).await?;
    all_written(written, orders.len(), "orders")
}

async fn close_orders(session: &mut Session, changes: &[OrderChange]) -> Result<(), Fault> {
    let closed = changes.iter().filter(|change| !change.status.is_open());
    let orders: Vec<i64> = closed.map(|change| int(change.order.0)).collect();
    if orders.is_empty() {
        return Ok(());
    }
    let delete = session.statement(DELETE_OPEN).await?;
    let deleted = session.client.execute(&delete, &[&orders]).await?;
    if u64::try_from(orders.len()) == Ok(deleted) {
        return Ok(());
    }
    Err(Fault::Missing(format!("of {} open orders, only {deleted}", orders.len())))
}

pub(crate) async fn put_positions(session: &mut Session, units: &Units, rows: &[PositionRow]) -> Result<(), Fault> {
    if rows.is_empty() {
        return Ok(());
    }
    let put = session.statement(PUT_POSITIONS).await?;
    let count = rows.len();
    let (mut users, mut symbols, mut last_seqs) =
        (Vec::with_capacity(count), Vec::with_capacity(count), Vec::with_capacity(count));
    let (mut quantities, mut costs, mut realised) =
        (Decimals::with_capacity(count), Decimals::with_capacity(count), Decimals::with_capacity(count));
    for row in rows {
        let of = units.symbol(row.symbol)?;
        users.push(small(row.user.0)?);
        symbols.push(small(row.symbol.0)?);
        last_seqs.push(int(row.last_seq.0));
        quantities.push(row.quantity, of.base);
        costs.push(row.cost, of.quote);
        realised.push(row.realised, of.quote);
    }
    let (quantities, costs, realised) = (quantities.texts(), costs.texts(), realised.texts());
    let written = session.client.execute(&put, &[&users, &symbols, &last_seqs, &quantities, &costs, &realised]).await?;
    all_written(written, count, "positions")
}
