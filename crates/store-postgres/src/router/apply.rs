//! Makes a database what it is to be, in one transaction. What it made before is noted in `router_objects`.

use std::collections::BTreeMap;

use tokio_postgres::{Client, Transaction};

use super::RouterOptions;
use super::probe::Found;
use super::quote::{name, text};
use super::surface::Object;
use crate::fault::Fault;

/// Number of the lock that one builder at a time holds: `btwdrout` in ASCII.
const LOCK: i64 = 0x6274_7764_726f_7574;

const NOTES: &str = "CREATE TABLE IF NOT EXISTS router_objects (
    place integer PRIMARY KEY, kind text NOT NULL, name text NOT NULL, sql text NOT NULL)";

/// How much was to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Changes {
    pub(super) made: usize,
    pub(super) dropped: usize,
    pub(super) kept: usize,
}

pub(super) async fn apply(
    client: &mut Client,
    wanted: &[Object],
    shards: &[Found],
    options: &RouterOptions,
) -> Result<Changes, Fault> {
    let transaction = client.transaction().await?;
    transaction.execute("SELECT pg_advisory_xact_lock($1)", &[&LOCK]).await?;
    // The names in it are those of this schema, whatever the role's settings.
    transaction.batch_execute("SET LOCAL search_path = public").await?;
    let noted = noted(&transaction).await?;
    extension(&transaction).await?;
    let known: BTreeMap<(&str, &str), &str> =
        noted.iter().map(|noted| ((noted.kind.as_str(), noted.name.as_str()), noted.sql.as_str())).collect();
    let mut is_kept: Vec<bool> = Vec::new();
    for object in wanted {
        let same = known.get(&(object.kind, object.name.as_str())).is_some_and(|sql| *sql == object.sql);
        let stays = same && object.needs.iter().all(|need| is_kept[*need]);
        is_kept.push(stays);
    }
    let kept: Vec<_> = wanted.iter().zip(&is_kept).filter_map(|(object, kept)| kept.then_some(object)).collect();
    let mut changes = Changes { kept: kept.len(), ..Changes::default() };
    // Last made, first dropped: so each is dropped before what it is made from.
    for old in noted.iter().rev() {
        if !kept.iter().any(|object| object.kind == old.kind && object.name == old.name) {
            if old.kind == "SERVER" {
                let mapping = format!("DROP USER MAPPING IF EXISTS FOR PUBLIC SERVER {}", old.name);
                transaction.batch_execute(&mapping).await?;
            }
            transaction.batch_execute(&format!("DROP {} {}", old.kind, old.name)).await?;
            changes.dropped += 1;
        }
    }
    for (object, kept) in wanted.iter().zip(&is_kept) {
        if !kept {
            transaction.batch_execute(&object.sql).await?;
            changes.made += 1;
        }
    }
    note(&transaction, wanted).await?;
    name_shards(&transaction, shards).await?;
    map_users(&transaction, shards).await?;
    settle(&transaction, wanted, options).await?;
    transaction.commit().await?;
    Ok(changes)
}

/// What was made earlier.
#[derive(Debug)]
struct Noted {
    kind: String,
    name: String,
    sql: String,
}

async fn noted(transaction: &Transaction<'_>) -> Result<Vec<Noted>, Fault> {
    let sql = "SELECT c.relname::text FROM pg_class AS c WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'v')
               AND to_regclass('public.router_objects') IS NULL ORDER BY 1 LIMIT 1";
    if let Some(row) = transaction.query_opt(sql, &[]).await? {
        let table: &str = row.get(0);
        return Err(Fault::WrongDatabase(format!("the database is in use ({table}): use an empty one for the router")));
    }
    transaction.batch_execute(NOTES).await?;
    let rows = transaction.query("SELECT kind, name, sql FROM router_objects ORDER BY place", &[]).await?;
    Ok(rows.iter().map(|row| Noted { kind: row.get(0), name: row.get(1), sql: row.get(2) }).collect())
}

async fn extension(transaction: &Transaction<'_>) -> Result<(), Fault> {
    let there = transaction.query_opt("SELECT FROM pg_extension WHERE extname = 'postgres_fdw'", &[]).await?;
    if there.is_none() {
        transaction.batch_execute("CREATE EXTENSION postgres_fdw").await.map_err(|error| {
            Fault::Migration(format!(
                "{}; a superuser can do it: CREATE EXTENSION postgres_fdw; GRANT USAGE ON FOREIGN DATA WRAPPER postgres_fdw TO …",
                Fault::from(error)
            ))
        })?;
    }
    Ok(())
}

async fn note(transaction: &Transaction<'_>, wanted: &[Object]) -> Result<(), Fault> {
    transaction.batch_execute("DELETE FROM router_objects").await?;
    let insert = "INSERT INTO router_objects (place, kind, name, sql) VALUES ($1, $2, $3, $4)";
    let insert = transaction.prepare(insert).await?;
    for (place, object) in (0_i32..).zip(wanted) {
        transaction.execute(&insert, &[&place, &object.kind, &object.name, &object.sql]).await?;
    }
    Ok(())
}

async fn name_shards(transaction: &Transaction<'_>, shards: &[Found]) -> Result<(), Fault> {
    transaction.batch_execute("DELETE FROM shard_names").await?;
    for shard in shards {
        let insert = "INSERT INTO shard_names (shard_id, name) VALUES ($1, $2)";
        transaction.execute(insert, &[&shard.id, &shard.name]).await?;
    }
    Ok(())
}

/// As whom each shard is read. Not noted: a password is kept in one place only.
async fn map_users(transaction: &Transaction<'_>, shards: &[Found]) -> Result<(), Fault> {
    for shard in shards {
        let server = name(&shard.name);
        let mut settings = Vec::new();
        settings.extend(shard.user.as_ref().map(|user| format!("user {}", text(user))));
        settings.extend(shard.password.as_ref().map(|password| format!("password {}", text(password))));
        let settings = settings.join(", ");
        let sql = format!(
            "DROP USER MAPPING IF EXISTS FOR PUBLIC SERVER {server}; CREATE USER MAPPING FOR PUBLIC SERVER {server} OPTIONS ({settings})"
        );
        transaction.batch_execute(&sql).await?;
    }
    Ok(())
}

/// Who may read, and how queries are planned.
async fn settle(transaction: &Transaction<'_>, wanted: &[Object], options: &RouterOptions) -> Result<(), Fault> {
    let role = name(&options.role);
    let known = transaction.query_opt("SELECT FROM pg_roles WHERE rolname = $1", &[&options.role]).await?;
    if known.is_none() {
        transaction.batch_execute(&format!("CREATE ROLE {role} NOLOGIN")).await?;
    }
    for object in wanted {
        // What is in the schema `shards` is reached through what is in `public`.
        if matches!(object.kind, "TABLE" | "FOREIGN TABLE" | "VIEW") && !object.name.starts_with("shards.") {
            transaction.batch_execute(&format!("GRANT SELECT ON {} TO {role}", object.name)).await?;
        }
    }
    let database: String = transaction.query_one("SELECT quote_ident(current_database())", &[]).await?.get(0);
    // Without these a shard sends its rows where it could send a sum.
    let settings = ["enable_partitionwise_aggregate", "enable_partitionwise_join"];
    for setting in settings {
        transaction.batch_execute(&format!("ALTER DATABASE {database} SET {setting} = on")).await?;
    }
    Ok(())
}
