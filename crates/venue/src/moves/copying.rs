//! The copy, on the thread of the follower whose store it comes to.

use std::time::{Duration, Instant};

use projector::store::StoreError;
use store_postgres::moves::Watch;
use store_postgres::moves::copy::Copying;

use super::post::Order;
use crate::stores::member::Kept;

/// How long a follower stands still for a source that is behind it, at a time.
const STAND_MAX: Duration = Duration::from_secs(10);
/// How often it looks.
const LOOK: Duration = Duration::from_millis(20);

/// Makes a copy; why it was not made.
pub(crate) fn copy(
    store: &mut dyn Kept,
    order: &Order,
    watch: &Watch,
    is_stopping: &dyn Fn() -> bool,
) -> Option<String> {
    let deadline = Instant::now() + STAND_MAX;
    loop {
        let failed = match store.copy(order.subject, &order.source, watch) {
            Ok(Copying::Held) => return None,
            // The source comes nearer only while this stream stands still.
            Ok(Copying::SourceBehind { .. }) if Instant::now() < deadline && !is_stopping() => {
                std::thread::sleep(LOOK);
                continue;
            }
            Ok(Copying::SourceBehind { source, here }) => {
                format!("{} is at sequence {}, and the rows must be as of {} at least", order.name, source.0, here.0)
            }
            Ok(Copying::NotBegun) => "its database has nothing yet, and begins first".to_owned(),
            Ok(Copying::LeftOver) => "rows of an earlier stay are still there, and go first".to_owned(),
            Ok(Copying::SourceAway(why)) => format!("{}: {why}", order.name),
            Ok(Copying::NotThere(why)) => format!("{} cannot give the rows: {why}", order.name),
            Ok(Copying::Stopped) => "the venue stops".to_owned(),
            Err(StoreError::Retry(_)) => store.trouble().unwrap_or("the store is busy").to_owned(),
            Err(StoreError::Fatal(why)) => why,
        };
        return Some(failed);
    }
}
