//! The diagram in `docs/postgresql.md` is drawn from the schema; `UPDATE_GOLDEN=1 cargo test -p store-postgres diagram` draws it anew.

use std::fmt::Write as _;
use std::path::Path;

use sim::commands::Profile;

use crate::subject::{Databases, Stores};
use sim::feed::feed;

const BEGIN: &str = "<!-- drawn from the schema -->\n";
const END: &str = "<!-- end of the drawing -->\n";

/// Tables with their columns: name, type, whether it is in the key, whether it may be absent.
const COLUMNS: &str = "
    SELECT c.relname, a.attname, format_type(a.atttypid, a.atttypmod), coalesce(a.attnum = ANY (k.conkey), false), NOT a.attnotnull
    FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    LEFT JOIN pg_constraint AS k ON k.conrelid = c.oid AND k.contype = 'p'
    WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
      AND c.relname <> 'refinery_schema_history'
    ORDER BY c.relname, a.attnum";

#[derive(Debug)]
struct Column {
    table: String,
    name: String,
    kind: String,
    in_key: bool,
    may_be_absent: bool,
}

/// A column that says which row of another table is meant.
#[derive(Debug)]
struct Relation<'a> {
    column: &'a Column,
    to: &'a Column,
}

fn columns(databases: &Databases, database: &str) -> Vec<Column> {
    let rows = databases.server.query(database, COLUMNS).unwrap();
    let column = |row: &str| {
        let [table, name, kind, in_key, absent] = row.split('|').collect::<Vec<_>>().try_into().unwrap();
        let owned = str::to_owned;
        Column {
            table: owned(table),
            name: owned(name),
            kind: owned(kind),
            in_key: in_key == "t",
            may_be_absent: absent == "t",
        }
    };
    rows.lines().map(column).collect()
}

/// How many columns the key of a table has.
fn key_len(columns: &[Column], table: &str) -> usize {
    columns.iter().filter(|column| column.table == table && column.in_key).count()
}

/// What ends like the key of another table means a row there: `fee_asset_id` an `asset_id`. Of two tables with one key, the one that
/// says what it is has other columns than ids.
fn relations(columns: &[Column]) -> Vec<Relation<'_>> {
    let is_home = |column: &&Column| {
        let mut others = columns.iter().filter(|other| other.table == column.table && other.name != column.name);
        column.in_key
            && key_len(columns, &column.table) == 1
            && column.name.ends_with("_id")
            && others.any(|other| !other.name.ends_with("_id"))
    };
    let homes: Vec<&Column> = columns.iter().filter(is_home).collect();
    let home_of = |column: &Column| {
        let means = |home: &&&Column| column.name == home.name || column.name.ends_with(&format!("_{}", home.name));
        homes.iter().find(means).copied().filter(|home| home.table != column.table)
    };
    columns.iter().filter_map(|column| home_of(column).map(|to| Relation { column, to })).collect()
}

fn draw(columns: &[Column]) -> String {
    let mut drawn = String::from("```mermaid\nerDiagram\n");
    for Relation { column, to } in relations(columns) {
        let one = if column.may_be_absent { "|o" } else { "||" };
        let many = if column.in_key && key_len(columns, &column.table) == 1 { "o|" } else { "o{" };
        writeln!(drawn, "    {} {one}--{many} {} : {}", to.table, column.table, column.name).unwrap();
    }
    for (place, column) in columns.iter().enumerate() {
        if place == 0 || columns[place - 1].table != column.table {
            writeln!(drawn, "    {} {{", column.table).unwrap();
        }
        writeln!(drawn, "        {} {}{}", column.kind, column.name, if column.in_key { " PK" } else { "" }).unwrap();
        if columns.get(place + 1).is_none_or(|next| next.table != column.table) {
            drawn.push_str("    }\n");
        }
    }
    drawn + "```\n"
}

#[test]
fn the_diagram_is_that_of_the_schema() {
    let databases = Databases::quick();
    let database = databases.make();
    store_postgres::migrate::migrate(&databases.config(&database)).unwrap();
    let drawn = draw(&columns(&databases, &database));
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/postgresql.md");
    let text = std::fs::read_to_string(&page).unwrap();
    let (before, rest) = text.split_once(BEGIN).unwrap();
    let (found, after) = rest.split_once(END).unwrap();
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&page, format!("{before}{BEGIN}{drawn}{END}{after}")).unwrap();
        return;
    }
    assert_eq!(found, drawn, "{} (UPDATE_GOLDEN=1 draws it)", page.display());
}

#[test]
fn what_is_drawn_holds() {
    let (blocks, _) = feed(Profile::Flow, 21, 600);
    let databases = Databases::quick();
    let database = databases.make();
    Stores::open(&databases.config(&database)).fill(&blocks);
    let columns = columns(&databases, &database);
    let relations = relations(&columns);
    let names: Vec<_> =
        relations.iter().map(|Relation { column, .. }| format!("{}.{}", column.table, column.name)).collect();
    for expected in [
        "orders.user_id",
        "order_fills.order_id",
        "order_fills.fee_asset_id",
        "open_orders.order_id",
        "symbols.base_asset_id",
        "ledger.asset_id",
    ] {
        assert!(names.iter().any(|name| name == expected), "{expected} in {names:?}");
    }
    for Relation { column, to } in relations {
        let orphans = format!(
            "SELECT count(*) FROM {0} AS c WHERE c.{1} IS NOT NULL AND NOT EXISTS (SELECT FROM {2} AS t WHERE t.{3} = c.{1})",
            column.table, column.name, to.table, to.name
        );
        assert_eq!(databases.server.query(&database, &orphans).unwrap(), "0", "{column:?} means {to:?}");
    }
}
