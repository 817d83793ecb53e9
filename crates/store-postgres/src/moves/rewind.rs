//! What a database has of whom, taken back to a fork together with its rows.

use domain::shard_map::ShardMap;
use domain::units::Seq;
use projector::batch::Stream;
use projector::share::stream_of;

use super::{FORGET, KEEP, Key, LEAVE, leftovers};
use crate::fault::Fault;
use crate::link::Session;
use crate::shard;
use crate::write::int;

const RETURN: &str = "DELETE FROM leftovers WHERE subject = $1 AND subject_id = $2";
const LEFT_AT: &str = "UPDATE leftovers SET left_seq = $3 WHERE subject = $1 AND subject_id = $2";
const COPIED_AT: &str = "UPDATE incoming SET copied_seq = least(copied_seq, $3) WHERE subject = $1 AND subject_id = $2";

/// After the rows of a stream were taken back to the fork, at which the map was this: what the shard owns there, or is to own, is
/// followed on, and what it does not own is left over. Rows are complete through the fork where they were complete past it.
///
/// What is to be the shard's, and was copied past the fork, is left over as well, and copied again: the source may have given up orders
/// before the copy, with their range, that are open at the fork.
pub(crate) async fn rewind(session: &mut Session, stream: Stream, map: &ShardMap, at: Seq) -> Result<(), Fault> {
    let Some(here) = shard::found(&session.client).await? else { return Ok(()) };
    let owns = |subject| map.owner(subject) == Some(here);
    let comes = |subject| owns(subject) || map.move_of(subject).is_some_and(|open| open.to == here);
    for (subject, copied) in shard::incoming(&session.client, stream).await? {
        let Key { word, id } = Key::of(subject)?;
        if owns(subject) || (comes(subject) && copied <= at) {
            session.client.execute(COPIED_AT, &[&word, &id, &int(at.0)]).await?;
        } else {
            session.client.execute(FORGET, &[&word, &id]).await?;
            session.client.execute(LEAVE, &[&word, &id, &int(at.0)]).await?;
        }
    }
    for leftover in leftovers(&session.client).await? {
        let subject = leftover.subject;
        if stream_of(subject) != stream || leftover.left <= at {
            continue;
        }
        let Key { word, id } = Key::of(subject)?;
        if !comes(subject) {
            session.client.execute(LEFT_AT, &[&word, &id, &int(at.0)]).await?;
        } else if leftover.removing {
            return Err(Fault::Misuse(format!(
                "the {word} {id} moved away after the fork, and its rows have been removed since: empty this database, and it is \
                 built again from the logs"
            )));
        } else {
            session.client.execute(RETURN, &[&word, &id]).await?;
            session.client.execute(KEEP, &[&word, &id, &int(at.0), &[0_u8; 32].as_slice()]).await?;
        }
    }
    Ok(())
}
