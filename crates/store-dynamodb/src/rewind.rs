//! Going back to a fork: the journal was restored to an earlier point, and documents from the abandoned branch must go.

use std::collections::HashMap;

use documents::collection::{Collection, Kind};
use documents::document::Document;
use domain::ids::Checkpoint;
use domain::state::State;
use domain::units::Seq;
use projector::batch::Stream;

use crate::config::DynamoConfig;
use crate::fault::Fault;
use crate::item::{Key, encode, string};
use crate::link::Link;
use crate::pack::{DIGEST, Pack, PackPlace};
use crate::session::{Answer, Condition, Put, Range, Session};
use crate::stream::{each_page, few, partitions};
use crate::{checkpoint, migrate};

/// Items that are looked at together, from the last on.
const ITEMS_AT_ONCE: usize = 100;

/// Takes a stream that is past `to` back to it: documents of later commands go, and those that later commands changed are written as they
/// are in `state`, which is the engine's at that sequence. Gives whether it was past it.
///
/// The checkpoint goes first, so that it is never ahead of the documents. Interrupted, it is completed by another call: what is later than
/// the checkpoint goes even where the stream is not past the fork.
pub fn rewind(config: &DynamoConfig, stream: Stream, to: &Checkpoint, state: &State) -> Result<bool, Fault> {
    if state.seq != to.seq {
        let what = format!("the state is of sequence {}, the fork at {}", state.seq.0, to.seq.0);
        return Err(Fault::Misuse(what));
    }
    Link::open(config, "rewind")?.run(async |session| {
        migrate::check(session, config.migrates).await?;
        let stored = checkpoint::read(session, stream).await?;
        if stream.is_derived() {
            return empty(session, stream, stored.as_ref(), to).await;
        }
        let Some(stored) = stored else { return Ok(false) };
        check_venue(&stored, to)?;
        let moves = stored.seq > to.seq;
        if moves {
            checkpoint::set(session, stream, Some(&stored), to).await?;
        }
        let through = stored.seq.min(to.seq);
        let at_fork = documents::fork::documents(stream, state);
        for collection in Collection::of(stream) {
            match collection.kind() {
                Kind::Added => {
                    for partition in partitions(session, *collection).await? {
                        delete_after(session, *collection, partition, through).await?;
                    }
                }
                Kind::State => {
                    let of = at_fork.iter().filter(|(known, _)| known == collection);
                    restore(session, *collection, through, of.map(|(_, document)| document)).await?;
                }
            }
        }
        Ok(moves)
    })
}

fn check_venue(stored: &Checkpoint, to: &Checkpoint) -> Result<(), Fault> {
    if stored.venue == to.venue {
        return Ok(());
    }
    Err(Fault::Misuse("the tables follow another journal: use another prefix".into()))
}

/// Empties a derived stream that is past the fork, or that an earlier call began to empty: what its sums were at the fork is not in them.
/// It is made again from the logs.
async fn empty(session: &Session, stream: Stream, stored: Option<&Checkpoint>, to: &Checkpoint) -> Result<bool, Fault> {
    if let Some(stored) = stored {
        check_venue(stored, to)?;
        if stored.seq <= to.seq {
            return Ok(false);
        }
        checkpoint::remove(session, stream).await?;
    }
    for collection in Collection::of(stream) {
        let table = collection.name();
        each_page(session, *collection, async |items| {
            let keys = items.iter().map(|item| Key::of_item(table, item)).collect::<Result<_, _>>()?;
            session.delete_all(table, keys).await
        })
        .await?;
    }
    Ok(stored.is_some())
}

/// From the last item of each shard back to the first that is not later than the fork: there are none later before that.
async fn delete_after(session: &Session, collection: Collection, partition: u32, through: Seq) -> Result<(), Fault> {
    let table = collection.name();
    let range = Range { backward: true, limit: Some(ITEMS_AT_ONCE), ..Range::default() };
    for shard in PackPlace::shards(partition) {
        let mut after = None;
        'shard: loop {
            let Answer { items, next } = session.query(table, &shard, &range, after.as_ref()).await?;
            let mut gone = Vec::new();
            for item in items {
                let key = Key::of_item(table, &item)?;
                let pack = Pack::of_item(&item)?;
                match pack.count_through(through) {
                    0 => gone.push(key),
                    kept if kept == pack.count() => {
                        session.delete_all(table, std::mem::take(&mut gone)).await?;
                        break 'shard;
                    }
                    kept => cut(session, collection, partition, &key, &pack, kept).await?,
                }
            }
            session.delete_all(table, gone).await?;
            match next {
                Some(next) => after = Some(next),
                None => break,
            }
        }
    }
    Ok(())
}

async fn cut(
    session: &Session,
    collection: Collection,
    partition: u32,
    key: &Key,
    pack: &Pack,
    kept: u64,
) -> Result<(), Fault> {
    let item = key.sk.parse().map_err(|error| Fault::Answer(format!("{key}: {error}")))?;
    let place = PackPlace { collection, partition, item };
    let condition = Condition::of("#a = :a", vec![(DIGEST, string(&pack.digest()))]);
    match session.put(collection.name(), pack.first(kept).item(&place)?, condition).await? {
        Put::Written => Ok(()),
        Put::There(_) => Err(Fault::Overtaken),
    }
}

/// Of the documents written after the fork, those that were there at the fork are as they were then, and the others are gone.
async fn restore(
    session: &Session,
    collection: Collection,
    through: Seq,
    at_fork: impl Iterator<Item = &Document>,
) -> Result<(), Fault> {
    let at_fork: HashMap<&str, &Document> = at_fork.map(|document| (document.id.as_ref(), document)).collect();
    let (mut gone, mut rewritten) = (Vec::new(), Vec::new());
    for document in few(session, collection).await? {
        if document.seq <= through {
            continue;
        }
        match at_fork.get(document.id.as_ref()) {
            None => gone.push(Key::of_document(collection, &document.id)),
            Some(then) => rewritten.push(encode(&Key::of_document(collection, &then.id), then)),
        }
    }
    session.delete_all(collection.name(), gone).await?;
    session.put_all(collection.name(), rewritten).await
}
