//! What the shards say of themselves.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::PathBuf;

use domain::units::Seq;
use tokio_postgres::config::{Host, SslMode};
use tokio_postgres::{Client, Row};

use super::{BuiltShard, RouterError, RouterShard};
use crate::fault::Fault;
use crate::link::connect_reader;
use crate::migrate;

/// A shard that answered.
#[derive(Debug, Clone)]
pub(super) struct Found {
    pub(super) name: String,
    pub(super) id: i32,
    pub(super) collation: Collation,
    /// Options of the foreign server.
    pub(super) connection: Vec<(&'static str, String)>,
    pub(super) is_encrypted: bool,
    pub(super) ca_file: Option<PathBuf>,
    pub(super) user: Option<String>,
    pub(super) password: Option<String>,
    /// Columns, as SQL declares them, of each view in `routed`.
    pub(super) views: BTreeMap<String, Vec<String>>,
    venue: Option<Vec<u8>>,
    /// Shards that something lives, or lived, on.
    owners: BTreeSet<i32>,
    symbols_through: Seq,
    users_through: Seq,
}

/// What text is compared by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Collation {
    locale: String,
    provider: i8,
}

/// Asks every shard, and checks that together they are one venue, whole.
pub(super) async fn all(shards: &[RouterShard]) -> Result<Vec<Found>, RouterError> {
    if shards.is_empty() {
        return Err(RouterError::Shards("there is no shard to route to".into()));
    }
    let mut found: Vec<Found> = Vec::new();
    for shard in shards {
        let one = ask(shard, shards.len() == 1).await;
        found.push(one.map_err(|fault| RouterError::Shard { name: shard.name.clone(), fault })?);
    }
    found.sort_by_key(|shard| shard.id);
    check(&found).map_err(RouterError::Shards)?;
    Ok(found)
}

fn check(found: &[Found]) -> Result<(), String> {
    for pair in found.windows(2) {
        let (a, b) = (&pair[0], &pair[1]);
        if a.id == b.id {
            return Err(format!("{} and {} are both shard {}: one database under two names", a.name, b.name, a.id));
        }
        if a.views != b.views {
            return Err(format!(
                "{} and {} do not have the same views: one of them was changed by hand",
                a.name, b.name
            ));
        }
    }
    let mut venues = found.iter().filter_map(|shard| Some((shard, shard.venue.as_ref()?)));
    if let Some((first, venue)) = venues.next()
        && let Some((other, _)) = venues.find(|(_, other)| *other != venue)
    {
        return Err(format!("{} and {} follow different venues", first.name, other.name));
    }
    let ids: BTreeSet<i32> = found.iter().map(|shard| shard.id).collect();
    for shard in found {
        if let Some(missing) = shard.owners.difference(&ids).next() {
            return Err(format!("{} knows of shard {missing}, which is not among those to route to", shard.name));
        }
    }
    Ok(())
}

/// The server's major version.
pub(super) async fn version(client: &Client) -> Result<i32, Fault> {
    let row = client.query_one("SELECT current_setting('server_version_num')::int / 10000", &[]).await?;
    Ok(row.get(0))
}

/// How the database compares text.
pub(super) async fn collation(client: &Client) -> Result<Collation, Fault> {
    let sql = "SELECT datcollate::text, datlocprovider FROM pg_database WHERE datname = current_database()";
    let row = client.query_one(sql, &[]).await?;
    Ok(Collation { locale: row.get(0), provider: row.get(1) })
}

async fn ask(shard: &RouterShard, alone: bool) -> Result<Found, Fault> {
    let client = connect_reader(&shard.place).await?;
    migrate::check_known(&client).await?;
    if let Some(through) = &shard.through {
        let reader = connect_reader(through).await?;
        reader.query("SELECT FROM routed.checkpoints", &[]).await?;
    }
    let server = shard.through().server();
    let said = client.query_opt("SELECT shard_id FROM shard", &[]).await?;
    let id = match said {
        Some(row) => row.get(0),
        None if alone => 0,
        None => {
            return Err(Fault::WrongDatabase(
                "the database does not say which shard it is: let the venue write to it first".into(),
            ));
        }
    };
    let owners = client
        .query("SELECT shard_id FROM symbol_tenures UNION SELECT shard_id FROM user_tenures", &[])
        .await?
        .iter()
        .map(|row| row.get(0))
        .collect();
    let venue = client.query_opt("SELECT DISTINCT venue FROM checkpoints", &[]).await?.map(|row| row.get(0));
    Ok(Found {
        name: shard.name.clone(),
        id,
        collation: collation(&client).await?,
        connection: connection(shard)?,
        ca_file: shard.ca_file.clone(),
        is_encrypted: server.get_ssl_mode() != SslMode::Disable,
        user: server.get_user().map(str::to_owned),
        password: password(shard)?,
        views: views(&client).await?,
        venue,
        owners,
        symbols_through: through(&client, "symbols").await?,
        users_through: through(&client, "users").await?,
    })
}

async fn through(client: &Client, stream: &str) -> Result<Seq, Fault> {
    let row = client.query_one("SELECT coalesce(checkpoint_of($1), 0)", &[&stream]).await?;
    let seq: i64 = row.get(0);
    u64::try_from(seq).map(Seq).map_err(|error| Fault::Content(format!("checkpoint {seq}: {error}")))
}

async fn views(client: &Client) -> Result<BTreeMap<String, Vec<String>>, Fault> {
    let sql = "SELECT c.relname::text, quote_ident(a.attname) || ' ' || format_type(a.atttypid, a.atttypmod)
               FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0
               WHERE c.relnamespace = 'routed'::regnamespace AND c.relkind = 'v' ORDER BY c.relname, a.attnum";
    let mut views: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let add = |row: &Row| views.entry(row.get(0)).or_default().push(row.get(1));
    client.query(sql, &[]).await?.iter().for_each(add);
    Ok(views)
}

/// Where the shard is, as libpq wants to hear it.
fn connection(shard: &RouterShard) -> Result<Vec<(&'static str, String)>, Fault> {
    let server = shard.through().server();
    let mut options = Vec::new();
    let hosts = server.get_hosts().iter().map(|host| match host {
        Host::Tcp(name) => name.clone(),
        Host::Unix(path) => path.display().to_string(),
    });
    let mut add = |name, values: Vec<String>| {
        if !values.is_empty() {
            options.push((name, values.join(",")));
        }
    };
    add("host", hosts.collect());
    add("hostaddr", server.get_hostaddrs().iter().map(ToString::to_string).collect());
    add("port", server.get_ports().iter().map(ToString::to_string).collect());
    let database = server.get_dbname().or(server.get_user());
    add("dbname", vec![database.ok_or_else(|| Fault::Misuse("the URL names no database".into()))?.to_owned()]);
    Ok(options)
}

fn password(shard: &RouterShard) -> Result<Option<String>, Fault> {
    let Some(bytes) = shard.through().server().get_password() else { return Ok(None) };
    let text =
        std::str::from_utf8(bytes).map_err(|error| Fault::Misuse(format!("the password is not text: {error}")))?;
    Ok(Some(text.to_owned()))
}

impl Found {
    pub(super) fn built(&self) -> BuiltShard {
        BuiltShard {
            name: self.name.clone(),
            id: self.id,
            symbols_through: self.symbols_through,
            users_through: self.users_through,
        }
    }
}

impl Collation {
    pub(super) fn locale(&self) -> &str {
        &self.locale
    }
}

impl fmt::Display for Collation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let provider = u8::try_from(self.provider).map_or('?', char::from);
        write!(f, "{}{}", self.locale, if provider == 'c' { "" } else { " of another provider" })
    }
}
