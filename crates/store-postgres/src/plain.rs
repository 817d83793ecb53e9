//! What a program does that has no projector: orders one by one, as arrays, or by COPY, each call a transaction. A yardstick for the
//! projector's own way, on the same table with the same indexes.

use domain::order::OrderKind;
use projector::rows::OrderRow;
use projector::words::Word;
use tokio_postgres::types::ToSql;

use crate::config::PostgresConfig;
use crate::fault::Fault;
use crate::link::{Link, Session};
use crate::ranges::{RangeWidth, Ranges};
use crate::units::{Subject, Units, of_steps};
use crate::write::symbols::{COPY_ORDERS, order_lines};
use crate::write::{int, small};

const INSERT_ONE: &str = "INSERT INTO orders (order_id, placed_seq, placed_time, last_seq, updated_time, user_id, symbol_id, maker_ppm,
    taker_ppm, side, kind, time_in_force, price, placed_quantity, client_order_id, quantity, executed, executed_quote, status)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13::text::numeric, $14::text::numeric, $15, $16::text::numeric,
    $17::text::numeric, $18::text::numeric, $19)";
const INSERT_MANY: &str = "INSERT INTO orders (order_id, placed_seq, placed_time, last_seq, updated_time, user_id, symbol_id, maker_ppm,
    taker_ppm, side, kind, time_in_force, price, placed_quantity, client_order_id, quantity, executed, executed_quote, status)
    SELECT a, b, c, d, e, f, g, h, i, j, k, l, m::numeric, n::numeric, o, p::numeric, q::numeric, r::numeric, s
    FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::integer[], $7::integer[], $8::integer[],
    $9::integer[], $10::text[], $11::text[], $12::text[], $13::text[], $14::text[], $15::text[], $16::text[], $17::text[],
    $18::text[], $19::text[]) AS t (a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s)";

/// How orders are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// One order, one statement, one transaction.
    Single,
    /// Arrays into one statement.
    Batch,
    /// Text COPY.
    Copy,
}

/// A connection of such a program.
#[derive(Debug)]
pub struct PlainWriter {
    link: Link,
    units: Units,
    ranges: Ranges,
    range_width: RangeWidth,
}

impl PlainWriter {
    /// Connects to a database that has the schema, and the assets and symbols of what will be written. `waits`: a commit waits for the
    /// disk, as it must where nothing else has the order.
    pub fn open(config: &PostgresConfig, waits: bool) -> Result<Self, Fault> {
        let mut link = Link::open_migrated(config, "plain")?;
        let mut units = Units::default();
        link.run(async |session| {
            let set = if waits { "SET synchronous_commit = on" } else { "SET synchronous_commit = off" };
            session.client.batch_execute(set).await?;
            units.read(&session.client).await
        })?;
        Ok(Self { link, units, ranges: Ranges::default(), range_width: config.range_width })
    }

    /// Writes limit orders that are not there yet; one where they go one by one.
    pub fn write(&mut self, way: Way, orders: &[OrderRow]) -> Result<(), Fault> {
        let Self { link, units, ranges, range_width } = self;
        link.run(async |session| {
            units.know(&session.client, orders.iter().map(|row| Subject::Symbol(row.symbol))).await?;
            ranges.prepare(session, *range_width, orders.iter().map(|row| row.order)).await?;
            match way {
                Way::Single => one_by_one(session, &Columns::of(units, orders)?).await,
                Way::Batch => at_once(session, &Columns::of(units, orders)?).await,
                Way::Copy => {
                    let copy = session.statement(COPY_ORDERS).await?;
                    order_lines(units, orders)?.send(&session.client, &copy).await
                }
            }
        })
    }
}

type Parameter<'a> = &'a (dyn ToSql + Sync);

async fn one_by_one(session: &mut Session, columns: &Columns) -> Result<(), Fault> {
    let insert = session.statement(INSERT_ONE).await?;
    for row in 0..columns.longs[0].len() {
        let longs = columns.longs.iter().map(|column| &column[row] as Parameter<'_>);
        let ints = columns.ints.iter().map(|column| &column[row] as Parameter<'_>);
        let texts = columns.texts.iter().map(|column| &column[row] as Parameter<'_>);
        session.client.execute(&insert, &longs.chain(ints).chain(texts).collect::<Vec<_>>()).await?;
    }
    Ok(())
}

async fn at_once(session: &mut Session, columns: &Columns) -> Result<(), Fault> {
    let insert = session.statement(INSERT_MANY).await?;
    let longs = columns.longs.iter().map(|column| column as Parameter<'_>);
    let ints = columns.ints.iter().map(|column| column as Parameter<'_>);
    let texts = columns.texts.iter().map(|column| column as Parameter<'_>);
    session.client.execute(&insert, &longs.chain(ints).chain(texts).collect::<Vec<_>>()).await?;
    Ok(())
}

/// Values as parameters, column by column, in the order of the statements.
#[derive(Debug, Default)]
struct Columns {
    longs: [Vec<i64>; 5],
    ints: [Vec<i32>; 4],
    texts: [Vec<String>; 10],
}

impl Columns {
    fn of(units: &Units, orders: &[OrderRow]) -> Result<Self, Fault> {
        let mut columns = Self::default();
        for row in orders {
            columns.push(units, row)?;
        }
        Ok(columns)
    }

    fn push(&mut self, units: &Units, row: &OrderRow) -> Result<(), Fault> {
        let OrderKind::Limit { price, quantity, time_in_force } = row.kind else {
            return Err(Fault::Misuse("only limit orders are written plainly".into()));
        };
        let of = units.symbol(row.symbol)?;
        let decimal = |units, scale| projector::decimal::text(units, scale);
        let whole = row.quantity.unwrap_or(quantity);
        let (status, _) = row.status.words();
        let longs = [row.order.0, row.placed.0, row.placed_time.0, row.last_seq.0, row.updated_time.0];
        let ints = [row.user.0, row.symbol.0, row.fees.maker.0, row.fees.taker.0];
        let texts = [
            row.side.word().to_owned(),
            "limit".to_owned(),
            time_in_force.word().to_owned(),
            decimal(of_steps(price.0, of.tick)?, of.tick.scale),
            decimal(of_steps(quantity.0, of.lot)?, of.lot.scale),
            row.client_order_id.as_str().to_owned(),
            decimal(of_steps(whole.0, of.lot)?, of.lot.scale),
            decimal(of_steps(row.executed.0, of.lot)?, of.lot.scale),
            decimal(row.executed_quote, of.quote),
            status.to_owned(),
        ];
        for (column, value) in self.longs.iter_mut().zip(longs) {
            column.push(int(value));
        }
        for (column, value) in self.ints.iter_mut().zip(ints) {
            column.push(small(value)?);
        }
        for (column, value) in self.texts.iter_mut().zip(texts) {
            column.push(value);
        }
        Ok(())
    }
}
