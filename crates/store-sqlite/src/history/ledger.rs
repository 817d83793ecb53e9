//! Movements by user.

use projector::history::LedgerQuery;
use projector::rows::LedgerRow;
use rusqlite::params;

use super::orders::limit_of;
use super::walk::{Appended, all, direction};
use crate::decode::{Scales, users};
use crate::fault::Fault;
use crate::write::asked;

pub(super) fn of_user(scales: &mut Scales<'_>, query: &LedgerQuery) -> Result<Vec<LedgerRow>, Fault> {
    let selection = &query.selection;
    let table = Appended::ledger(scales.connection);
    let first = selection.first.map(|first| table.row_of(first.0)).transpose()?;
    let span = table.rows_of(&selection.time)?.from(first);
    let newest_first = selection.newest_first();
    let sql = format!(
        "{} WHERE seq >> 20 = ?1 AND user_id = ?2 AND rowid >= ?3 AND rowid < ?4 ORDER BY rowid {} LIMIT ?5",
        users::LEDGER,
        direction(newest_first)
    );
    table.walk(span, newest_first, selection.limit, |range, limit| {
        let (from, to, limit) = (asked(span.from), asked(span.to), limit_of(limit));
        all(scales, &sql, params![asked(range), query.user.0, from, to, limit], users::ledger)
    })
}
