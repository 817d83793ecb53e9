//! What a router is made of, in the order in which it is made.

use super::probe::Found;
use super::quote::{name, text};
use super::{RouterError, RouterOptions};

/// Views of `routed` that every shard has a part of: in the router, tables cut by shard.
const SHARED: [&str; 18] = [
    "checkpoints",
    "symbol_tenures",
    "user_tenures",
    "orders",
    "open_orders",
    "order_fills",
    "positions",
    "balances",
    "credit_limits",
    "ledger",
    "withdrawals",
    "v_orders",
    "v_open_orders",
    "v_order_fills",
    "v_positions",
    "v_balances",
    "v_ledger",
    "v_turnover_by_symbol",
];
/// The same, but nobody else's business: what the views are added up from.
const PARTS: [&str; 2] = ["pnl_by_user", "turnover_by_user"];
/// Views of `routed` that are the same on every shard: read from the first.
const COPIED: [&str; 4] = ["venue", "assets", "symbols", "users"];

/// A server that does not answer holds up a query for so long.
const CONNECT_TIMEOUT_S: u32 = 5;
/// From this version on libpq knows the authorities of the system.
const SYSTEM_AUTHORITIES: i32 = 16;

/// Something in the router's database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Object {
    /// As DROP names it.
    pub(super) kind: &'static str,
    /// Quoted, with its schema.
    pub(super) name: String,
    /// Makes it.
    pub(super) sql: String,
    /// Places of what it is made from: where one of them is made anew, so is this.
    pub(super) needs: Vec<usize>,
}

/// All objects of the router of these shards.
pub(super) fn of(shards: &[Found], options: &RouterOptions, version: i32) -> Result<Vec<Object>, RouterError> {
    let mut surface = Surface::default();
    surface.add("SCHEMA", "shards", "CREATE SCHEMA shards".into(), &[]);
    surface.add("FUNCTION", "at(bigint)", AT.into(), &[]);
    let names = surface.add("TABLE", "shard_names", NAMES.into(), &[]);
    let mut servers = Vec::new();
    for shard in shards {
        servers.push(surface.server(shard, options, version)?);
    }
    let mut tables = Vec::new();
    for (view, schema) in SHARED.map(|view| (view, "public")).into_iter().chain(PARTS.map(|view| (view, "shards"))) {
        tables.push(surface.shared(view, schema, shards, &servers));
    }
    for view in COPIED {
        let columns = columns(&shards[0], view);
        let table = name(view);
        let sql = format!("CREATE FOREIGN TABLE {table} ({columns}) SERVER {} {}", name(&shards[0].name), from(view));
        tables.push(surface.add("FOREIGN TABLE", &table, sql, &servers[..1]));
    }
    tables.push(names);
    for (view, sql) in VIEWS {
        tables.push(surface.add("VIEW", view, format!("CREATE VIEW {view} AS {sql}"), &tables));
    }
    Ok(surface.0)
}

#[derive(Debug, Default)]
struct Surface(Vec<Object>);

impl Surface {
    fn add(&mut self, kind: &'static str, name: &str, sql: String, needs: &[usize]) -> usize {
        self.0.push(Object { kind, name: name.to_owned(), sql, needs: needs.to_vec() });
        self.0.len() - 1
    }

    fn server(&mut self, shard: &Found, options: &RouterOptions, version: i32) -> Result<usize, RouterError> {
        let mut settings = shard.connection.clone();
        settings.push(("application_name", "buttonwood router".into()));
        settings.push(("connect_timeout", CONNECT_TIMEOUT_S.to_string()));
        if shard.is_encrypted {
            let authorities = match &shard.ca_file {
                Some(path) => path.display().to_string(),
                None if version >= SYSTEM_AUTHORITIES => "system".into(),
                None => {
                    return Err(RouterError::Shards(format!(
                        "{}: PostgreSQL {version} knows no public authorities: name a ca_file, which must be on the machine of the \
                         router's server",
                        shard.name
                    )));
                }
            };
            settings.push(("sslmode", "verify-full".into()));
            settings.push(("sslrootcert", authorities));
        } else {
            settings.push(("sslmode", "disable".into()));
        }
        settings.push(("updatable", "false".into()));
        settings.push(("async_capable", "true".into()));
        settings.push(("use_remote_estimate", "false".into()));
        settings.push(("fetch_size", options.fetch_rows.to_string()));
        let settings: Vec<_> = settings.iter().map(|(key, value)| format!("{key} {}", text(value))).collect();
        let server = name(&shard.name);
        let wrapper = "FOREIGN DATA WRAPPER postgres_fdw";
        let sql = format!("CREATE SERVER {server} {wrapper} OPTIONS ({})", settings.join(", "));
        Ok(self.add("SERVER", &server, sql, &[]))
    }

    fn shared(&mut self, view: &str, schema: &str, shards: &[Found], servers: &[usize]) -> usize {
        let columns = columns(&shards[0], view);
        let table = format!("{schema}.{}", name(view));
        let sql = format!("CREATE TABLE {table} ({columns}) PARTITION BY LIST (shard_id)");
        let parent = self.add("TABLE", &table, sql, &[]);
        for (shard, server) in shards.iter().zip(servers) {
            let part = format!("shards.{}", name(&format!("{view}_{}", shard.id)));
            let sql = format!(
                "CREATE FOREIGN TABLE {part} PARTITION OF {table} FOR VALUES IN ({}) SERVER {} {}",
                shard.id,
                name(&shard.name),
                from(view)
            );
            self.add("FOREIGN TABLE", &part, sql, &[parent, *server]);
        }
        parent
    }
}

fn columns(shard: &Found, view: &str) -> String {
    shard.views.get(view).map(|columns| columns.join(", ")).unwrap_or_default()
}

fn from(view: &str) -> String {
    format!("OPTIONS (schema_name 'routed', table_name {})", text(view))
}

/// Its rows are written at each build.
const NAMES: &str = "CREATE TABLE shard_names (shard_id integer PRIMARY KEY, name text NOT NULL)";

const AT: &str =
    "CREATE FUNCTION at(nanoseconds bigint) RETURNS timestamptz LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN timestamptz 'epoch' + (nanoseconds / 1000) * interval '1 microsecond'";

/// Added up from the shards' own sums. Balances are grouped so that the planner knows there is one at most, and leaves them out where nobody
/// asks for them.
const VIEWS: [(&str, &str); 4] = [
    (
        "v_shards",
        "SELECT n.shard_id, n.name,
       max(c.seq) FILTER (WHERE c.stream = 'reference') AS reference_through,
       max(c.seq) FILTER (WHERE c.stream = 'symbols') AS symbols_through,
       max(c.seq) FILTER (WHERE c.stream = 'users') AS users_through
FROM shard_names AS n LEFT JOIN checkpoints AS c USING (shard_id) GROUP BY n.shard_id, n.name",
    ),
    (
        "v_moving",
        "SELECT DISTINCT 'symbol' AS subject, t.symbol_id AS subject_id, t.owner_id AS to_shard_id, t.from_seq
FROM symbol_tenures AS t WHERE t.from_seq > 0
 AND t.from_seq > (SELECT CASE WHEN count(*) = (SELECT count(*) FROM shard_names) THEN min(seq) ELSE 0 END FROM checkpoints WHERE stream = 'symbols')
UNION ALL
SELECT DISTINCT 'user', t.user_id, t.owner_id, t.from_seq
FROM user_tenures AS t WHERE t.from_seq > 0
 AND t.from_seq > (SELECT CASE WHEN count(*) = (SELECT count(*) FROM shard_names) THEN min(seq) ELSE 0 END FROM checkpoints WHERE stream = 'users')",
    ),
    (
        "v_turnover_by_user",
        "SELECT p.user_id, p.quote_asset, p.day, sum(p.fills) AS fills, sum(p.quote) AS quote,
       (SELECT min(seq) FROM checkpoints WHERE stream = 'symbols') AS symbols_through,
       (SELECT NOT EXISTS (SELECT FROM v_moving)) AS settled
FROM shards.turnover_by_user AS p GROUP BY p.user_id, p.quote_asset, p.day",
    ),
    (
        "v_pnl_by_user",
        "SELECT p.user_id, p.quote_asset, p.realised, p.unrealised, p.total, b.total AS balance,
       (SELECT min(seq) FROM checkpoints WHERE stream = 'symbols') AS symbols_through,
       (SELECT min(seq) FROM checkpoints WHERE stream = 'users') AS users_through,
       (SELECT NOT EXISTS (SELECT FROM v_moving)) AS settled
FROM (SELECT user_id, quote_asset, sum(realised) AS realised, sum(unrealised) AS unrealised, sum(total) AS total
      FROM shards.pnl_by_user GROUP BY user_id, quote_asset) AS p
LEFT JOIN (SELECT user_id, asset, sum(total) AS total FROM v_balances GROUP BY user_id, asset) AS b
       ON b.user_id = p.user_id AND b.asset = p.quote_asset",
    ),
];
