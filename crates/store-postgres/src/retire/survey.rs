//! What a range has.

use domain::ids::{OrderId, SymbolId};
use domain::units::{Seq, UnixNanos};
use projector::batch::Stream;
use tokio_postgres::Client;

use super::{Contents, OrderRange, Stays, Writer};
use crate::fault::Fault;
use crate::link::Session;
use crate::store::checkpoint;
use crate::units::id;

/// Sums over a range by symbol, by which rows that changed are told from those that were found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Sums {
    orders: Vec<Sum>,
    fills: Vec<Sum>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Sum {
    symbol: i32,
    rows: i64,
    /// Of the sequences in the rows.
    sequences: String,
    last_seq: i64,
    updated_time: i64,
}

impl Sums {
    /// Reads both partitions whole.
    pub(super) async fn of(client: &Client, range: OrderRange) -> Result<Self, Fault> {
        let orders = format!(
            "SELECT symbol_id, count(*), sum(last_seq)::text, max(last_seq), max(updated_time) FROM {} GROUP BY symbol_id ORDER BY symbol_id",
            range.orders()
        );
        let fills = format!(
            "SELECT symbol_id, count(*), sum(seq)::text, max(seq), max(time) FROM {} GROUP BY symbol_id ORDER BY symbol_id",
            range.fills()
        );
        let sum = |row: &tokio_postgres::Row| Sum {
            symbol: row.get(0),
            rows: row.get(1),
            sequences: row.get(2),
            last_seq: row.get(3),
            updated_time: row.get(4),
        };
        Ok(Self {
            orders: client.query(&orders, &[]).await?.iter().map(sum).collect(),
            fills: client.query(&fills, &[]).await?.iter().map(sum).collect(),
        })
    }

    fn symbols(&self) -> Vec<i32> {
        self.orders.iter().chain(&self.fills).map(|sum| sum.symbol).collect()
    }
}

pub(super) async fn survey(
    session: &Session,
    range: OrderRange,
    writer: Writer,
) -> Result<Result<Contents, Stays>, Fault> {
    let client = &session.client;
    let settings = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL statement_timeout = 0; SET LOCAL enable_seqscan = on";
    client.batch_execute(settings).await?;
    let checkpoint = match judged(checkpoint(client, Stream::Symbols).await?, writer)? {
        Ok(seq) => seq,
        Err(stays) => return Ok(Err(stays)),
    };
    if !is_there(client, range).await? {
        return Ok(Err(Stays::Gone));
    }
    if let Some(order) = open(client, range).await? {
        return Ok(Err(Stays::Open(order)));
    }
    let sums = Sums::of(client, range).await?;
    if let Some(symbol) = not_owned(client, &sums).await? {
        return Ok(Err(Stays::NotOwned(symbol)));
    }
    let count = |sums: &[Sum]| sums.iter().map(|sum| sum.rows.cast_unsigned()).sum();
    let last = |of: fn(&Sum) -> i64| sums.orders.iter().chain(&sums.fills).map(of).max().unwrap_or(0).cast_unsigned();
    Ok(Ok(Contents {
        range,
        orders: count(&sums.orders),
        fills: count(&sums.fills),
        last_seq: Seq(last(|sum| sum.last_seq)),
        updated_time: UnixNanos(last(|sum| sum.updated_time)),
        checkpoint,
        sums,
    }))
}

/// How far the stream is, where it is ours to drop from.
pub(super) fn judged(stored: Option<domain::ids::Checkpoint>, writer: Writer) -> Result<Result<Seq, Stays>, Fault> {
    let Some(stored) = stored else { return Ok(Err(Stays::Changed)) };
    if stored.venue != writer.venue {
        return Err(Fault::WrongDatabase("the database follows another venue".into()));
    }
    Ok(if stored.epoch > writer.epoch { Err(Stays::Fenced(stored.epoch)) } else { Ok(stored.seq) })
}

pub(super) async fn is_there(client: &Client, range: OrderRange) -> Result<bool, Fault> {
    let there = "SELECT to_regclass($1) IS NOT NULL AND to_regclass($2) IS NOT NULL";
    Ok(client.query_one(there, &[&range.orders(), &range.fills()]).await?.get(0))
}

/// The first of its orders that is open.
pub(super) async fn open(client: &Client, range: OrderRange) -> Result<Option<OrderId>, Fault> {
    let ids = range.width.ids(range.number);
    let open = "SELECT min(order_id) FROM open_orders WHERE order_id >= $1 AND order_id < $2";
    let open: Option<i64> = client.query_one(open, &[&ids.start, &ids.end]).await?.get(0);
    Ok(open.map(|order| OrderId(order.cast_unsigned())))
}

/// A symbol of it that the shard does not own.
pub(super) async fn not_owned(client: &Client, sums: &Sums) -> Result<Option<SymbolId>, Fault> {
    let sql = "SELECT s FROM unnest($1::integer[]) AS s WHERE NOT EXISTS (SELECT FROM owned_symbols AS o WHERE o.symbol_id = s)
               ORDER BY s LIMIT 1";
    let found = client.query_opt(sql, &[&sums.symbols()]).await?;
    found.map(|row| Ok(SymbolId(id(row.get(0))?))).transpose()
}
