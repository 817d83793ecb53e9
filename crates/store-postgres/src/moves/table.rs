//! Which rows are a subject's.

use domain::shards::Subject;

/// Rows of a subject in one table.
#[derive(Debug, Clone, Copy)]
pub(super) struct Table {
    pub(super) name: &'static str,
    /// The rows, of the subject with the id `$id`: columns in the table's order.
    rows: &'static str,
}

const SYMBOL: [Table; 5] = [
    Table { name: "orders", rows: "SELECT * FROM orders WHERE symbol_id = $id" },
    Table { name: "open_orders", rows: "SELECT * FROM open_orders WHERE symbol_id = $id" },
    Table { name: "order_fills", rows: "SELECT * FROM order_fills WHERE symbol_id = $id" },
    Table { name: "positions", rows: "SELECT * FROM positions WHERE symbol_id = $id" },
    Table { name: "retired_prices", rows: "SELECT * FROM retired_prices WHERE of_symbol = $id" },
];

const USER: [Table; 4] = [
    Table { name: "balances", rows: "SELECT * FROM balances WHERE user_id = $id" },
    Table { name: "credit_limits", rows: "SELECT * FROM credit_limits WHERE user_id = $id" },
    // Of a movement from or to the world outside, both sides.
    Table {
        name: "ledger",
        rows: "SELECT * FROM ledger WHERE user_id = $id
               UNION ALL SELECT o.* FROM ledger AS l JOIN ledger AS o ON o.seq = l.seq AND o.event_index = l.event_index AND o.leg = l.leg # 1
               WHERE l.user_id = $id AND o.user_id IS NULL",
    },
    Table { name: "withdrawals", rows: "SELECT * FROM withdrawals WHERE user_id = $id" },
];

impl Table {
    /// All tables that have rows of a subject.
    pub(super) const fn of(subject: Subject) -> &'static [Self] {
        match subject {
            Subject::Symbol(_) => &SYMBOL,
            Subject::User(_) => &USER,
        }
    }

    pub(super) fn copy_out(self, id: i32) -> String {
        format!("COPY ({}) TO STDOUT", self.rows.replace("$id", &id.to_string()))
    }

    pub(super) fn copy_in(self) -> String {
        format!("COPY {} FROM STDIN", self.name)
    }
}
