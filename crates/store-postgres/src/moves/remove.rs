//! The removal of rows that have left, some at a time: nobody waits for it, and what is interrupted goes on.

use domain::shards::Subject;
use projector::store::StoreError;

use super::{Key, Leftover, Watch, leftovers};
use crate::config::PostgresConfig;
use crate::fault::Fault;
use crate::link::{Errands, Link, Session};
use crate::store::PostgresStore;

/// Rows that are looked at in one transaction.
const CHUNK_ROWS: i64 = 5_000;

const NEXT_ORDERS: &str =
    "SELECT max(order_id) FROM (SELECT order_id FROM orders WHERE order_id > $1 ORDER BY order_id LIMIT $2) AS next";
const DELETE_ORDERS: [&str; 3] = [
    "DELETE FROM order_fills WHERE order_id > $1 AND order_id <= $2 AND symbol_id = $3",
    "DELETE FROM open_orders WHERE order_id > $1 AND order_id <= $2 AND symbol_id = $3",
    "DELETE FROM orders WHERE order_id > $1 AND order_id <= $2 AND symbol_id = $3",
];
const NEXT_POSITIONS: &str = "SELECT max(user_id)::bigint FROM (SELECT user_id FROM positions WHERE user_id > $1::bigint ORDER BY user_id LIMIT $2) AS next";
const DELETE_POSITIONS: [&str; 1] =
    ["DELETE FROM positions WHERE user_id > $1::bigint AND user_id <= $2::bigint AND symbol_id = $3"];
// The side of the world outside goes with the user's.
const DELETE_LEDGER: &str = "DELETE FROM ledger AS l
    USING (SELECT seq, event_index, leg FROM ledger WHERE user_id = $1 ORDER BY seq LIMIT $2) AS own
    WHERE l.seq = own.seq AND l.event_index = own.event_index
      AND (l.leg = own.leg OR (l.leg = own.leg # 1 AND l.user_id IS NULL))";
const DELETE_WITHDRAWALS: &str = "DELETE FROM withdrawals
    WHERE withdrawal_id IN (SELECT withdrawal_id FROM withdrawals WHERE user_id = $1 LIMIT $2)";
const DELETE_RETIRED_PRICES: &str = "DELETE FROM retired_prices WHERE of_symbol = $1";
const DELETE_BALANCES: &str = "DELETE FROM balances WHERE user_id = $1";
const DELETE_CREDIT_LIMITS: &str = "DELETE FROM credit_limits WHERE user_id = $1";

impl PostgresStore {
    /// What has left the database and is still there, of whatever stream.
    pub fn leftovers(&mut self) -> Result<Vec<Leftover>, StoreError> {
        let found = self.link().and_then(|link| link.run(async |session| leftovers(&session.client).await));
        Ok(self.conclude(found)?)
    }
}

/// Removes what has left a database, over a connection of its own.
#[derive(Debug)]
pub struct Remover {
    errands: Errands,
}

impl Remover {
    /// One that connects when it is first asked. It leaves the schema as it is.
    pub fn new(config: PostgresConfig) -> Self {
        Self { errands: Errands::new(config, "moves") }
    }

    /// What has left and is still there.
    pub fn leftovers(&mut self) -> Result<Vec<Leftover>, StoreError> {
        Ok(self.errands.run(|link| link.run(async |session| leftovers(&session.client).await))?)
    }

    /// Removes the rows of a subject that is in `leftovers`; of another one, nothing. True: nothing that had left is there any more.
    /// False: it was ended before.
    pub fn remove(&mut self, subject: Subject, watch: &Watch) -> Result<bool, StoreError> {
        watch.is_at(0);
        Ok(self.errands.run(|link| remove(link, subject, watch))?)
    }
}

fn remove(link: &mut Link, subject: Subject, watch: &Watch) -> Result<bool, Fault> {
    let key = Key::of(subject)?;
    let begun = link.run(async |session| {
        let begin = "UPDATE leftovers SET removing = true WHERE subject = $1 AND subject_id = $2";
        Ok(session.client.execute(begin, &[&key.word, &key.id]).await?)
    })?;
    if begun == 0 {
        return Ok(true);
    }
    let mut walk = Walk { link, id: key.id, watch, removed: 0 };
    let finished = match subject {
        Subject::Symbol(_) => {
            let many = walk.by_key(NEXT_ORDERS, &DELETE_ORDERS)? && walk.by_key(NEXT_POSITIONS, &DELETE_POSITIONS)?;
            if many {
                walk.whole(DELETE_RETIRED_PRICES)?;
            }
            many
        }
        Subject::User(_) => {
            let many = walk.some_at_a_time(DELETE_LEDGER)? && walk.some_at_a_time(DELETE_WITHDRAWALS)?;
            if many {
                walk.whole(DELETE_BALANCES)?;
                walk.whole(DELETE_CREDIT_LIMITS)?;
            }
            many
        }
    };
    if finished {
        walk.link.run(async |session| {
            let end = "DELETE FROM leftovers WHERE subject = $1 AND subject_id = $2";
            Ok(session.client.execute(end, &[&key.word, &key.id]).await?)
        })?;
    }
    Ok(finished)
}

/// Deletes, a transaction at a time.
struct Walk<'a> {
    link: &'a mut Link,
    id: i32,
    watch: &'a Watch,
    removed: u64,
}

impl Walk<'_> {
    /// Goes through a table by its key and deletes what is the subject's. False: ended before.
    fn by_key(&mut self, next: &'static str, deletes: &[&'static str]) -> Result<bool, Fault> {
        let (id, mut after) = (self.id, -1_i64);
        while !self.watch.is_stopped() {
            let step = self.link.run(async |session| {
                let next = session.statement(next).await?;
                let upto: Option<i64> = session.client.query_one(&next, &[&after, &CHUNK_ROWS]).await?.get(0);
                let Some(upto) = upto else { return Ok(None) };
                let mut removed = 0;
                begin(session).await?;
                for delete in deletes {
                    let delete = session.statement(delete).await?;
                    removed += session.client.execute(&delete, &[&after, &upto, &id]).await?;
                }
                session.client.batch_execute("COMMIT").await?;
                Ok(Some((upto, removed)))
            })?;
            let Some((upto, removed)) = step else { return Ok(true) };
            after = upto;
            self.count(removed);
        }
        Ok(false)
    }

    /// Deletes the first rows of the subject until there are none. False: ended before.
    fn some_at_a_time(&mut self, delete: &'static str) -> Result<bool, Fault> {
        let id = self.id;
        while !self.watch.is_stopped() {
            let removed = self.link.run(async |session| {
                let delete = session.statement(delete).await?;
                Ok(session.client.execute(&delete, &[&id, &CHUNK_ROWS]).await?)
            })?;
            if removed == 0 {
                return Ok(true);
            }
            self.count(removed);
        }
        Ok(false)
    }

    /// Deletes what can only be little.
    fn whole(&mut self, delete: &'static str) -> Result<(), Fault> {
        let id = self.id;
        let removed = self.link.run(async |session| Ok(session.client.execute(delete, &[&id]).await?))?;
        self.count(removed);
        Ok(())
    }

    fn count(&mut self, removed: u64) {
        self.removed += removed;
        self.watch.is_at(self.removed);
    }
}

async fn begin(session: &Session) -> Result<(), Fault> {
    Ok(session.client.batch_execute("BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE").await?)
}
