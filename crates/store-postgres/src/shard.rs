//! Which shard of the venue a database is, and what was copied to it from others.

use domain::ids::{ShardId, SymbolId, UserId};
use domain::shards::Subject;
use domain::units::Seq;
use projector::batch::Stream;
use projector::share::Incoming;
use tokio_postgres::Client;

use crate::fault::Fault;
use crate::link::Session;
use crate::units::id;

const SELECT_SHARD: &str = "SELECT shard_id FROM shard";
const NAME_SHARD: &str = "INSERT INTO shard (shard_id) VALUES ($1) ON CONFLICT (single) DO NOTHING";
const SELECT_INCOMING: &str = "SELECT subject_id, copied_seq FROM incoming WHERE subject = $1";

/// The shard that the database says it is, if it does.
pub(crate) async fn found(client: &Client) -> Result<Option<ShardId>, Fault> {
    client.query_opt(SELECT_SHARD, &[]).await?.map(|row| shard_id(row.get(0))).transpose()
}

/// Refuses a database that says it is another shard; one that says nothing is left as it is.
pub(crate) async fn check(client: &Client, expected: Option<ShardId>) -> Result<(), Fault> {
    match (expected, found(client).await?) {
        (Some(expected), Some(found)) if found != expected => Err(another(expected, found)),
        (Some(_) | None, _) => Ok(()),
    }
}

/// Says, inside the transaction of a batch, which shard the database is, if nobody has yet.
pub(crate) async fn claim(session: &mut Session, shard: ShardId) -> Result<(), Fault> {
    let name = session.statement(NAME_SHARD).await?;
    session.client.execute(&name, &[&i32::from(shard.0)]).await?;
    check(&session.client, Some(shard)).await
}

/// What was copied to the database of the subjects of a stream.
pub(crate) async fn incoming(client: &Client, stream: Stream) -> Result<Incoming, Fault> {
    let (word, subject): (_, fn(u32) -> Subject) = match stream {
        Stream::Symbols => ("symbol", |id| Subject::Symbol(SymbolId(id))),
        Stream::Users => ("user", |id| Subject::User(UserId(id))),
        Stream::Reference
        | Stream::Trades
        | Stream::Audit
        | Stream::Klines
        | Stream::HistoricalPositions
        | Stream::MarketSnapshots
        | Stream::Leaderboards
        | Stream::Analytics => return Ok(Incoming::new()),
    };
    let rows = client.query(SELECT_INCOMING, &[&word]).await?;
    let copied = |row: &tokio_postgres::Row| Ok((subject(id(row.get(0))?), Seq(row.get::<_, i64>(1).cast_unsigned())));
    rows.iter().map(copied).collect()
}

pub(crate) fn shard_id(value: i32) -> Result<ShardId, Fault> {
    u16::try_from(value).map(ShardId).map_err(|error| Fault::Content(format!("the shard {value}: {error}")))
}

fn another(expected: ShardId, found: ShardId) -> Fault {
    Fault::WrongDatabase(format!(
        "the database is that of shard {} of the venue, not of shard {}: mend the URLs of the shards in the configuration",
        found.0, expected.0
    ))
}
