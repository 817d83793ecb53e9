//! Going back to a fork: the journal was restored to an earlier point, and documents from the abandoned branch must go.

use std::collections::HashMap;

use documents::checkpoint::Noted;
use documents::collection::{Collection, Kind};
use documents::document::Document;
use domain::ids::{Checkpoint, VenueId};
use domain::state::State;
use domain::units::Seq;
use projector::batch::Stream;

use crate::config::DynamoConfig;
use crate::fault::Fault;
use crate::item::{Key, encode, string};
use crate::link::Link;
use crate::pack::{DIGEST, Pack, PackPlace};
use crate::session::{Answer, Condition, Put, Range, Scan, Session};
use crate::stream::{each_page, few, partitions};
use crate::{checkpoint, migrate};

/// Items that are looked at together, from the last on.
const ITEMS_AT_ONCE: usize = 100;

/// Takes a stream that is past `to` back to it: documents of later commands go, and those that later commands changed are written as they
/// are in `state`, which is the engine's at that sequence. What is later than the checkpoint goes even where the stream is not past the
/// fork: a commit of a branch that was abandoned since may have been interrupted. Gives whether the stream is elsewhere now.
///
/// A derived stream that is past the fork, or has such documents, is emptied: what its sums were at the fork is not in them. It is made
/// again from the logs.
///
/// The checkpoint goes first, so that it is never ahead of the documents. Interrupted, it is completed by another call; until then a
/// derived stream is neither written nor read.
pub fn rewind(config: &DynamoConfig, stream: Stream, to: &Checkpoint, state: &State) -> Result<bool, Fault> {
    if state.seq != to.seq {
        let what = format!("the state is of sequence {}, the fork at {}", state.seq.0, to.seq.0);
        return Err(Fault::Misuse(what));
    }
    Link::open(config, "rewind")?.run(async |session| {
        migrate::check(session, config.migrates).await?;
        if stream.is_derived() {
            return empty(session, stream, to).await;
        }
        let stored = checkpoint::read(session, stream).await?;
        if let Some(stored) = &stored {
            check_venue(stored.venue, to)?;
        }
        let reached = stored.map_or(Seq::ZERO, |stored| stored.seq);
        let moves = reached > to.seq;
        if moves {
            checkpoint::set(session, stream, stored.as_ref(), to).await?;
        }
        let through = reached.min(to.seq);
        // A stream without a checkpoint begins with the first command.
        let at_fork = if stored.is_some() { documents::fork::documents(stream, state) } else { Vec::new() };
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

fn check_venue(stored: VenueId, to: &Checkpoint) -> Result<(), Fault> {
    if stored == to.venue {
        return Ok(());
    }
    Err(Fault::Misuse("the tables follow another journal: use another prefix".into()))
}

/// Empties a derived stream, unless it is a part of what was true at the fork. What was noted first is removed last, so that nobody goes
/// on from what is left of an interrupted call.
async fn empty(session: &Session, stream: Stream, to: &Checkpoint) -> Result<bool, Fault> {
    let stored = match checkpoint::noted(session, stream).await? {
        Some(Noted::Emptied(venue)) => {
            check_venue(venue, to)?;
            return delete_everything(session, stream).await.map(|()| true);
        }
        Some(Noted::At(stored)) => {
            check_venue(stored.venue, to)?;
            Some(stored)
        }
        None => None,
    };
    let reached = stored.map_or(Seq::ZERO, |stored| stored.seq);
    if reached <= to.seq && !has_later(session, stream, reached).await? {
        return Ok(false);
    }
    checkpoint::begin_emptying(session, stream, stored.as_ref(), to.venue).await?;
    delete_everything(session, stream).await?;
    Ok(true)
}

/// Whether a stream has documents that later commands wrote.
async fn has_later(session: &Session, stream: Stream, through: Seq) -> Result<bool, Fault> {
    let scan = Scan::KeysLater(through);
    for collection in Collection::of(stream) {
        let mut after = None;
        loop {
            let Answer { items, next } = session.scan(collection.name(), &scan, after.as_ref()).await?;
            if !items.is_empty() {
                return Ok(true);
            }
            match next {
                Some(next) => after = Some(next),
                None => break,
            }
        }
    }
    Ok(false)
}

async fn delete_everything(session: &Session, stream: Stream) -> Result<(), Fault> {
    for collection in Collection::of(stream) {
        let table = collection.name();
        each_page(session, table, &Scan::Keys, async |items| {
            let keys = items.iter().map(|item| Key::of_item(table, item)).collect::<Result<_, _>>()?;
            session.delete_all(table, keys).await
        })
        .await?;
    }
    checkpoint::end_emptying(session, stream).await
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
                    kept => cut(session, collection, &key, &pack, kept).await?,
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

async fn cut(session: &Session, collection: Collection, key: &Key, pack: &Pack, kept: u64) -> Result<(), Fault> {
    let place = PackPlace::of_key(collection, key)?;
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
