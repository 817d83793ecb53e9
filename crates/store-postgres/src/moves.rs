//! Rows of one symbol or one user on their way from the shard that has them to another; see `docs/moves.md`.

pub mod copy;
pub mod remove;
pub(crate) mod rewind;
mod table;
mod digest;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use domain::ids::{SymbolId, UserId};
use domain::shards::Subject;
use domain::units::Seq;
use projector::share::HoldChange;
use tokio_postgres::{Client, Row};

use crate::decode::Columns;
use crate::fault::Fault;
use crate::link::Session;
use crate::units::{Units, id};
use crate::write::{int, small};

/// Looks on at work that takes as long as there are rows, and can end it.
#[derive(Debug, Default)]
pub struct Watch {
    /// Rows done so far.
    rows: AtomicU64,
    stop: Arc<AtomicBool>,
}

impl Watch {
    /// Ends the work when this is set.
    pub fn stopped_by(stop: Arc<AtomicBool>) -> Self {
        Self { rows: AtomicU64::new(0), stop }
    }

    /// Rows done so far.
    pub fn rows(&self) -> u64 {
        self.rows.load(Ordering::Relaxed)
    }

    /// Ends the work soon, undone.
    pub fn stop(&self) {
        self.stop.store(true, Ordering::Release);
    }

    fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::Acquire)
    }

    fn is_at(&self, rows: u64) {
        self.rows.store(rows, Ordering::Relaxed);
    }
}

/// A subject as the tables name it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Key {
    pub(crate) word: &'static str,
    pub(crate) id: i32,
}

impl Key {
    pub(crate) fn of(subject: Subject) -> Result<Self, Fault> {
        Ok(match subject {
            Subject::Symbol(symbol) => Self { word: "symbol", id: small(symbol.0)? },
            Subject::User(user) => Self { word: "user", id: small(user.0)? },
        })
    }
}

/// Rows of a subject that has left this database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Leftover {
    /// The subject.
    pub subject: Subject,
    /// Its rows are complete through this sequence.
    pub left: Seq,
    /// Some of them may be gone already.
    pub removing: bool,
}

/// What has left and is still there.
async fn leftovers(client: &Client) -> Result<Vec<Leftover>, Fault> {
    let sql = "SELECT subject, subject_id, left_seq, removing FROM leftovers ORDER BY left_seq";
    client.query(sql, &[]).await?.iter().map(leftover).collect()
}

fn leftover(row: &Row) -> Result<Leftover, Fault> {
    let units = Units::default();
    let mut columns = Columns::of(row, &units);
    let subject = subject(&mut columns)?;
    Ok(Leftover { subject, left: Seq(columns.long()?), removing: columns.get()? })
}

/// What `subject` and `subject_id` say.
fn subject(columns: &mut Columns<'_>) -> Result<Subject, Fault> {
    let word = columns.str()?;
    let id = id(columns.get()?)?;
    match word {
        "symbol" => Ok(Subject::Symbol(SymbolId(id))),
        "user" => Ok(Subject::User(UserId(id))),
        word => Err(Fault::Content(format!("the kind of subject {word:?}"))),
    }
}

/// Notes, inside the transaction of a batch, what the shard lets go or goes on with.
pub(crate) async fn change_holds(session: &mut Session, changes: &[HoldChange]) -> Result<(), Fault> {
    for change in changes {
        match *change {
            HoldChange::Left { subject, at } => {
                let Key { word, id } = Key::of(subject)?;
                session.client.execute(FORGET, &[&word, &id]).await?;
                session.client.execute(LEAVE, &[&word, &id, &int(at.0)]).await?;
            }
            HoldChange::Kept { subject, from } => {
                let Key { word, id } = Key::of(subject)?;
                session.client.execute(KEEP, &[&word, &id, &int(from.0), &[0_u8; 32].as_slice()]).await?;
            }
        }
    }
    Ok(())
}

const FORGET: &str = "DELETE FROM incoming WHERE subject = $1 AND subject_id = $2";
const LEAVE: &str = "INSERT INTO leftovers (subject, subject_id, left_seq) VALUES ($1, $2, $3)";
/// A copy of nothing: what came before is here already.
const KEEP: &str = "INSERT INTO incoming (subject, subject_id, copied_seq, rows, digest) VALUES ($1, $2, $3, 0, $4)";

/// What a database has of a subject, in the snapshot of the session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Having {
    /// All rows, through the checkpoint.
    Complete,
    /// All rows, through this sequence.
    Through(Seq),
    /// Some rows, or none; why.
    Incomplete(&'static str),
}

pub(crate) async fn having(client: &Client, subject: Subject) -> Result<Having, Fault> {
    let Key { word, id } = Key::of(subject)?;
    let left = "SELECT left_seq, removing FROM leftovers WHERE subject = $1 AND subject_id = $2";
    if let Some(row) = client.query_opt(left, &[&word, &id]).await? {
        let (left, removing): (i64, bool) = (row.get(0), row.get(1));
        return Ok(if removing {
            Having::Incomplete("its rows there are being removed")
        } else {
            Having::Through(Seq(left.cast_unsigned()))
        });
    }
    let held = "SELECT FROM incoming WHERE subject = $1 AND subject_id = $2";
    if client.query_opt(held, &[&word, &id]).await?.is_some() {
        return Ok(Having::Complete);
    }
    let (table, column) = match subject {
        Subject::Symbol(_) => ("symbol_tenures", "symbol_id"),
        Subject::User(_) => ("user_tenures", "user_id"),
    };
    let tenures = format!("SELECT shard_id FROM {table} WHERE {column} = $1 LIMIT 2");
    let tenures = client.query(&tenures, &[&id]).await?;
    let first = match tenures.as_slice() {
        [first] => Some(first.get::<_, i32>(0)),
        _ => None,
    };
    let here = client.query_opt("SELECT shard_id FROM shard", &[]).await?.map(|row| row.get::<_, i32>(0));
    Ok(if first.is_some() && first == here { Having::Complete } else { Having::Incomplete("its rows are not there") })
}
