//! One range goes, in one transaction.

use domain::units::Seq;
use projector::batch::Stream;
use tokio_postgres::error::SqlState;

use super::survey::{Sums, is_there, judged, not_owned, open};
use super::{Contents, Stays, Writer, claim};
use crate::fault::Fault;
use crate::link::Session;
use crate::store::locked_checkpoint;
use crate::write::int;

/// The partitions are locked against writers, of which there are none unless rows come or go with a move.
const BEGIN: &str = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE; SET LOCAL statement_timeout = 0;
    SET LOCAL enable_seqscan = on; SET LOCAL lock_timeout = '100ms'";
/// A writer of the stream holds its checkpoint as long as a batch takes. Nobody waits for us meanwhile but the copy of a move, which must
/// not be taken for the one that gives way in a deadlock (after a second): so it is we.
const PATIENT: &str = "SET LOCAL lock_timeout = '500ms'";
/// To drop a partition, the table as a whole is locked: whoever comes after us waits as long as we do.
const HASTY: &str = "SET LOCAL lock_timeout = '100ms'";

/// A range that was made again, by a move or a rewind, has fewer rows than the archive has of it.
const NOTE: &str = "INSERT INTO retired_ranges AS r (range_number, orders, fills, last_seq, retired_seq, epoch, additions)
    VALUES ($1, $2, $3, $4, $5, $6, $7)
    ON CONFLICT (range_number) DO UPDATE SET orders = greatest(r.orders, EXCLUDED.orders), fills = greatest(r.fills, EXCLUDED.fills),
        last_seq = greatest(r.last_seq, EXCLUDED.last_seq), retired_seq = EXCLUDED.retired_seq, epoch = EXCLUDED.epoch,
        additions = greatest(r.additions, EXCLUDED.additions)";

pub(super) async fn drop_range(
    session: &Session,
    contents: &Contents,
    additions: u64,
    writer: Writer,
) -> Result<Result<(), Stays>, Fault> {
    match try_drop(session, contents, additions, writer).await {
        // Whatever it was that had the lock, it is tried again.
        Err(Fault::Postgres(error)) if error.code() == Some(&SqlState::LOCK_NOT_AVAILABLE) => Ok(Err(Stays::Busy)),
        dropped => dropped,
    }
}

async fn try_drop(
    session: &Session,
    contents: &Contents,
    additions: u64,
    writer: Writer,
) -> Result<Result<(), Stays>, Fault> {
    let (client, range) = (&session.client, contents.range);
    let (orders, fills) = (range.orders(), range.fills());
    client.batch_execute(BEGIN).await?;
    if !is_there(client, range).await? {
        return Ok(Err(Stays::Gone));
    }
    // What was counted stays so until the end, without holding up the writer of the stream: it does not write here.
    client.batch_execute(&format!("LOCK TABLE {orders}, {fills} IN SHARE MODE")).await?;
    if Sums::of(client, range).await? != contents.sums {
        return Ok(Err(Stays::Changed));
    }
    client.batch_execute(&keep_prices(&fills)).await?;
    client.batch_execute(PATIENT).await?;
    // From here on ownership stands still.
    let at = match judged(locked_checkpoint(client, Stream::Symbols).await?, writer)? {
        Ok(at) if at < contents.checkpoint => return Ok(Err(Stays::Changed)),
        Ok(at) => at,
        Err(stays) => return Ok(Err(stays)),
    };
    if let Some(other) = claim(client, writer, false).await? {
        return Ok(Err(Stays::Fenced(other)));
    }
    if let Some(order) = open(client, range).await? {
        return Ok(Err(Stays::Open(order)));
    }
    if let Some(symbol) = not_owned(client, &contents.sums).await? {
        return Ok(Err(Stays::NotOwned(symbol)));
    }
    note(session, contents, additions, at, writer).await?;
    client.batch_execute(&format!("{HASTY}; DROP TABLE {orders}, {fills}; COMMIT")).await?;
    Ok(Ok(()))
}

/// The newest fill of each symbol outlives its range.
fn keep_prices(fills: &str) -> String {
    format!(
        "INSERT INTO retired_prices AS r (of_symbol, last_order, last_trade, seq, price)
         SELECT DISTINCT ON (symbol_id) symbol_id, order_id, trade_id, seq, price FROM {fills}
         ORDER BY symbol_id, order_id DESC, trade_id DESC
         ON CONFLICT (of_symbol) DO UPDATE
         SET last_order = EXCLUDED.last_order, last_trade = EXCLUDED.last_trade, seq = EXCLUDED.seq, price = EXCLUDED.price
         WHERE (r.last_order, r.last_trade) < (EXCLUDED.last_order, EXCLUDED.last_trade)"
    )
}

async fn note(session: &Session, contents: &Contents, additions: u64, at: Seq, writer: Writer) -> Result<(), Fault> {
    let Contents { range, orders, fills, last_seq, .. } = contents;
    let numbers = [range.number, *orders, *fills, last_seq.0, at.0, writer.epoch.0, additions].map(int);
    let [number, orders, fills, last_seq, at, epoch, additions] = &numbers;
    session.client.execute(NOTE, &[number, orders, fills, last_seq, at, epoch, additions]).await?;
    Ok(())
}
