//! Configuration: a TOML file, overridden by the environment, with a default for everything.

pub(crate) mod archives;

use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::Context;
use archives::{Archive, Routes};
use domain::text::ShardName;
use projector::batch::Stream;
use projector::buckets::Interval;
use projector::settings::Settings;
use serde::Deserialize;
use store_postgres::ranges::RangeWidth;

/// Prefix of environment variables that override the file: `BUTTONWOOD_SNAPSHOT_EVERY=1000000`.
const ENVIRONMENT_PREFIX: &str = "BUTTONWOOD_";

/// Everything that can be set, with its defaults. Unknown names are refused.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Config {
    /// The file it was read from, if one was.
    #[serde(skip)]
    pub(crate) file: Option<PathBuf>,
    /// Where the venue keeps everything.
    pub(crate) data: PathBuf,
    /// Address and port of the REST interface.
    pub(crate) listen: SocketAddr,
    /// Allow a listen address other than loopback although the connection is not encrypted.
    pub(crate) allow_plaintext: bool,
    /// Cell in the high bits of a new venue's order ids, 0 to 63.
    pub(crate) cell: u64,
    /// Size of a journal or event log segment, in MiB.
    pub(crate) segment_mib: u64,
    /// Commands the queue in front of the sequencer holds.
    pub(crate) queue_commands: usize,
    /// How long commands collect between two blocks, in microseconds.
    pub(crate) gather_us: u64,
    /// Commands between two snapshots.
    pub(crate) snapshot_every: u64,
    /// How long segments are kept that nobody needs any more, where there is no segment store.
    pub(crate) retain_hours: u32,
    /// A directory that closed segments are copied to; they may then leave the data directory at once.
    pub(crate) segment_store: Option<PathBuf>,
    /// Commands a follower may be behind before new orders are refused: bounds how much log is kept.
    pub(crate) follower_lag_max: u64,
    /// Directory of the embedded store; by default `store` in the data directory.
    pub(crate) store: Option<PathBuf>,
    /// The PostgreSQL shards that hold orders, fills, positions and money; none: they are in the embedded store.
    pub(crate) shards: Vec<Shard>,
    /// How long rows stay where they were after a symbol or a user has moved to another shard, in seconds: as long as that shard could
    /// fail over to a standby from before.
    pub(crate) moved_rows_kept_s: u64,
    /// For how many days after its last change a closed order and its fills stay in a PostgreSQL shard at least, by block time; then they
    /// go where `closed_orders` of the archive is. Absent: they stay for ever.
    pub(crate) hot_days: Option<u64>,
    /// The archive keeps positions as they were at the end of each so many minutes, besides the end of each day.
    pub(crate) position_history_minutes: u32,
    /// The archive keeps markets as they were at the end of each so many seconds.
    pub(crate) market_snapshot_seconds: u32,
    /// Price levels on each side of a market snapshot.
    pub(crate) market_snapshot_levels: usize,
    /// How long market snapshots are kept.
    pub(crate) market_snapshot_ttl_hours: u32,
    /// Where this venue is, in the operator's words: only standbys of the same region are read; without it, all are.
    pub(crate) region: Option<String>,
    /// The databases that collections of the archive are routed to.
    pub(crate) archives: Vec<Archive>,
    /// Which collection is in which of them.
    pub(crate) archive: Routes,
    /// From one note of the head of the journal's chain to the next, in seconds.
    pub(crate) chain_head_every_s: u64,
    /// Threads of the gateway; 0: one per core.
    pub(crate) gateway_threads: usize,
    /// How long a request waits for its answer before it gets "unknown, ask again", in milliseconds.
    pub(crate) answer_timeout_ms: u64,
    /// Connections that may be open at the same time.
    pub(crate) connections_max: usize,
    /// How long a connection may be open without a request, in milliseconds.
    pub(crate) idle_timeout_ms: u64,
    /// How long the head of a request may take to arrive, in milliseconds.
    pub(crate) head_timeout_ms: u64,
}

/// One PostgreSQL database.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Shard {
    /// Its name, for people: in the status, in logs and in commands.
    pub(crate) name: String,
    /// `postgres://user:password@host[:port][,host…]/database`; several hosts are a primary and its standbys, of which the one that
    /// takes writes is written to.
    pub(crate) url: String,
    /// Its standbys: history is read from those of the venue's region, where they are not too far behind.
    #[serde(default)]
    pub(crate) standby: Vec<Standby>,
    /// Certificate authorities to trust, as PEM; the public ones by default.
    #[serde(default)]
    pub(crate) ca_file: Option<PathBuf>,
    /// Whether a start brings an older schema up to date; otherwise `buttonwood migrate` does.
    #[serde(default = "yes")]
    pub(crate) migrate: bool,
    /// How many order ids are in a range, which goes as a whole: for a database that is empty; one that is not keeps its width.
    #[serde(default)]
    pub(crate) range_orders: Option<u64>,
}

/// A copy of a shard that follows it.
#[derive(Clone, Deserialize, PartialEq, Eq)]
#[serde(from = "StandbyEntry")]
pub(crate) struct Standby {
    /// `postgres://…`, of this server alone.
    pub(crate) url: String,
    /// Where it is, in the operator's words.
    pub(crate) region: Option<String>,
}

/// As it is written: the URL, or a table.
#[derive(Deserialize)]
#[serde(untagged, deny_unknown_fields, expecting = "a URL, or { url = \"…\", region = \"…\" }")]
enum StandbyEntry {
    Url(String),
    Table { url: String, region: Option<String> },
}

impl From<StandbyEntry> for Standby {
    fn from(entry: StandbyEntry) -> Self {
        match entry {
            StandbyEntry::Url(url) => Self { url, region: None },
            StandbyEntry::Table { url, region } => Self { url, region },
        }
    }
}

const fn yes() -> bool {
    true
}

impl Shard {
    /// Its name in the shard map.
    pub(crate) fn shard_name(&self) -> ShardName {
        ShardName::new(&self.name).expect("a configuration is checked before it is used")
    }

    /// How wide ranges are to be in a database that has none yet.
    pub(crate) fn range_width(&self) -> RangeWidth {
        let width = self
            .range_orders
            .map(|orders| RangeWidth::of_orders(orders).expect("a configuration is checked before it is used"));
        width.unwrap_or_default()
    }

    /// A shard without any further setting.
    pub(crate) fn at(name: &str, url: &str) -> Self {
        Self {
            name: name.to_owned(),
            url: url.to_owned(),
            standby: Vec::new(),
            ca_file: None,
            migrate: true,
            range_orders: None,
        }
    }
}

impl fmt::Debug for Shard {
    /// Without the URLs, which have passwords in them.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shard").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            file: None,
            data: PathBuf::from("buttonwood-data"),
            listen: SocketAddr::from(([127, 0, 0, 1], 8080)),
            allow_plaintext: false,
            cell: 0,
            segment_mib: 64,
            queue_commands: sequencer::queue::QUEUE_COMMANDS_DEFAULT,
            gather_us: 250,
            snapshot_every: 5_000_000,
            retain_hours: 24,
            segment_store: None,
            follower_lag_max: 50_000_000,
            store: None,
            shards: Vec::new(),
            moved_rows_kept_s: 600,
            hot_days: None,
            position_history_minutes: 15,
            market_snapshot_seconds: 10,
            market_snapshot_levels: 10,
            market_snapshot_ttl_hours: 24,
            region: None,
            archives: Vec::new(),
            archive: Routes::default(),
            chain_head_every_s: 3_600,
            gateway_threads: 0,
            answer_timeout_ms: 5_000,
            connections_max: 4_096,
            idle_timeout_ms: 75_000,
            head_timeout_ms: 10_000,
        }
    }
}

impl Config {
    /// Reads the file, if one is named (here, or by `BUTTONWOOD_CONFIG`), then the environment.
    pub(crate) fn load(file: Option<&Path>) -> anyhow::Result<Self> {
        let named = std::env::var_os("BUTTONWOOD_CONFIG").map(PathBuf::from);
        let file = file.or(named.as_deref());
        let text = match file {
            Some(file) => std::fs::read_to_string(file)
                .with_context(|| format!("cannot read the configuration {}", file.display()))?,
            None => String::new(),
        };
        let name = file.map_or_else(|| "the configuration".to_owned(), |file| file.display().to_string());
        let config = Self::from_parts(&text, std::env::vars()).with_context(|| format!("in {name}"))?;
        Ok(Self { file: file.map(Path::to_owned), ..config })
    }

    fn from_parts(text: &str, environment: impl Iterator<Item = (String, String)>) -> anyhow::Result<Self> {
        Self::parse(text, environment).map_err(|error| anyhow::anyhow!(without_url(&format!("{error:#}"))))
    }

    fn parse(text: &str, environment: impl Iterator<Item = (String, String)>) -> anyhow::Result<Self> {
        // By itself first: with the environment in it nobody knows any more in which line of the file a value is.
        toml::from_str::<Self>(text).map_err(|error| in_line(text, &error))?;
        let mut table: toml::Table = toml::from_str(text)?;
        for (name, value) in environment {
            let Some(key) = name.strip_prefix(ENVIRONMENT_PREFIX).map(str::to_lowercase) else { continue };
            if NAMES.contains(&key.as_str()) {
                table.insert(key, environment_value(&value));
            }
        }
        let config: Self = table.try_into()?;
        config.check()?;
        Ok(config)
    }

    fn check(&self) -> anyhow::Result<()> {
        anyhow::ensure!(self.cell < domain::limits::CELLS_MAX, "cell must be below {}", domain::limits::CELLS_MAX);
        anyhow::ensure!((16..=1024).contains(&self.segment_mib), "segment_mib must be from 16 to 1024");
        anyhow::ensure!((64..=1 << 22).contains(&self.queue_commands), "queue_commands must be from 64 to 4194304");
        anyhow::ensure!(self.gather_us <= 10_000, "gather_us must be from 0 to 10000");
        anyhow::ensure!(self.snapshot_every >= 1_000, "snapshot_every must be at least 1000");
        anyhow::ensure!(self.follower_lag_max >= 10_000, "follower_lag_max must be at least 10000");
        self.check_shards()?;
        self.check_hot_days()?;
        self.archive.check(&self.archives, &self.shards)?;
        anyhow::ensure!((1..=86_400).contains(&self.chain_head_every_s), "chain_head_every_s must be from 1 to 86400");
        anyhow::ensure!((1..=60_000).contains(&self.answer_timeout_ms), "answer_timeout_ms must be from 1 to 60000");
        anyhow::ensure!((1..=1 << 20).contains(&self.connections_max), "connections_max must be from 1 to 1048576");
        for (name, timeout_ms) in [("idle_timeout_ms", self.idle_timeout_ms), ("head_timeout_ms", self.head_timeout_ms)]
        {
            anyhow::ensure!((100..=3_600_000).contains(&timeout_ms), "{name} must be from 100 to 3600000");
        }
        self.check_derived()
    }

    /// The streams of a place of the archive, in the order in which it should be fed.
    pub(crate) fn archived_streams(&self, place: &str) -> Vec<Stream> {
        let mut streams: Vec<Stream> = self.archive.streams_of(place).collect();
        if !streams.is_empty() || self.place_of_closed_orders() == Some(place) {
            // What its numbers are in.
            streams.insert(0, Stream::Reference);
        }
        streams
    }

    /// Where closed orders go that a shard gives up; absent: there is no shard.
    pub(crate) fn place_of_closed_orders(&self) -> Option<&str> {
        (!self.shards.is_empty()).then(|| self.archive.place_of_closed_orders())
    }

    /// How derived collections are cut.
    pub(crate) fn derived(&self) -> Settings {
        Settings {
            positions: Interval::Seconds(self.position_history_minutes * 60),
            snapshots: Interval::Seconds(self.market_snapshot_seconds),
            snapshot_levels: self.market_snapshot_levels,
            snapshot_ttl_ns: u64::from(self.market_snapshot_ttl_hours) * 3_600_000_000_000,
        }
    }

    /// Buckets of whole fractions of a day end where the day ends.
    fn check_derived(&self) -> anyhow::Result<()> {
        let (minutes, seconds) = (self.position_history_minutes, self.market_snapshot_seconds);
        anyhow::ensure!(minutes > 0 && 1_440 % minutes == 0, "position_history_minutes must divide a day: 1440");
        anyhow::ensure!(seconds > 0 && 86_400 % seconds == 0, "market_snapshot_seconds must divide a day: 86400");
        let levels_max = projector::settings::SNAPSHOT_LEVELS_MAX;
        let levels = self.market_snapshot_levels;
        anyhow::ensure!((1..=levels_max).contains(&levels), "market_snapshot_levels must be from 1 to {levels_max}");
        let hours = self.market_snapshot_ttl_hours;
        anyhow::ensure!((1..=87_600).contains(&hours), "market_snapshot_ttl_hours must be from 1 to 87600");
        Ok(())
    }

    fn check_hot_days(&self) -> anyhow::Result<()> {
        let Some(days) = self.hot_days else { return Ok(()) };
        anyhow::ensure!(days <= HOT_DAYS_MAX, "hot_days must be at most {HOT_DAYS_MAX}");
        anyhow::ensure!(
            !self.shards.is_empty(),
            "hot_days is for PostgreSQL shards, and there is no [[shards]] entry: in the embedded store closed orders stay"
        );
        Ok(())
    }

    fn check_shards(&self) -> anyhow::Result<()> {
        let most = usize::from(domain::limits::SHARDS_MAX);
        anyhow::ensure!(self.shards.len() <= most, "there can be at most {most} shards");
        for (place, Shard { name, url, range_orders, .. }) in self.shards.iter().enumerate() {
            let legal = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
            anyhow::ensure!(
                ShardName::new(name).is_ok() && name.bytes().all(legal),
                "shards[{place}].name: the name of a shard has 1 to 32 letters, digits, -, _ and .: {name:?} does not"
            );
            anyhow::ensure!(
                !RESERVED.contains(&name.as_str()),
                "shards[{place}].name: a shard cannot be named {name:?}: that is another store"
            );
            let is_twice = self.shards.iter().take(place).any(|other| other.name == *name);
            anyhow::ensure!(!is_twice, "shards[{place}].name: two shards are named {name:?}");
            let is_twice = self.shards.iter().take(place).any(|other| other.url == *url);
            anyhow::ensure!(!is_twice, "shards[{place}].url: {name} is the same database as another shard");
            anyhow::ensure!(
                range_orders.is_none_or(|orders| RangeWidth::of_orders(orders).is_some()),
                "shards[{place}].range_orders of the shard {name:?} must be a power of two from {} to {}",
                RangeWidth::ORDERS_MIN,
                RangeWidth::ORDERS_MAX
            );
        }
        Ok(())
    }

    /// Where a setting stands that turned out to be wrong when it was used: `archives[1] (mongo-1)`.
    pub(crate) fn place_of(&self, key: &str) -> String {
        match &self.file {
            Some(file) => format!("in {}: {key}", file.display()),
            None => format!("in the configuration: {key}"),
        }
    }

    /// Whether others than this machine could connect without encryption, and nobody has said that this is meant.
    pub(crate) fn is_exposed(&self) -> bool {
        !self.listen.ip().is_loopback() && !self.allow_plaintext
    }

    /// Directory of the embedded store.
    pub(crate) fn store_directory(&self) -> PathBuf {
        self.store.clone().unwrap_or_else(|| self.data.join("store"))
    }
}

/// A century: more is a slip.
const HOT_DAYS_MAX: u64 = 36_500;

/// Names of the files of the embedded store.
const RESERVED: [&str; 2] = ["hot", "archive"];

/// The names the environment may override.
const NAMES: [&str; 25] = [
    "data",
    "listen",
    "allow_plaintext",
    "cell",
    "segment_mib",
    "queue_commands",
    "gather_us",
    "snapshot_every",
    "retain_hours",
    "segment_store",
    "follower_lag_max",
    "store",
    "moved_rows_kept_s",
    "hot_days",
    "position_history_minutes",
    "market_snapshot_seconds",
    "market_snapshot_levels",
    "market_snapshot_ttl_hours",
    "region",
    "chain_head_every_s",
    "gateway_threads",
    "answer_timeout_ms",
    "connections_max",
    "idle_timeout_ms",
    "head_timeout_ms",
];

/// What is wrong with a file, and where. Without the words of that line, any of which may be a secret.
fn in_line(text: &str, error: &toml::de::Error) -> anyhow::Error {
    let line = error.span().and_then(|span| Some(text.get(..span.start)?.matches('\n').count() + 1));
    let message = error.message();
    line.map_or_else(|| anyhow::anyhow!("{message}"), |line| anyhow::anyhow!("line {line}: {message}"))
}

/// What is wrong, without a value that it quotes, if that is a URL: it may have a password in it.
fn without_url(message: &str) -> String {
    let Some((before, after)) = message.split_once("://") else { return message.to_owned() };
    let is_of_scheme = |letter: char| letter.is_ascii_alphanumeric() || "+-.".contains(letter);
    let before = before.trim_end_matches(is_of_scheme).trim_end_matches(['"', '`']);
    // Quotation marks do not say where it ends: a password may have them too.
    let after = after.rfind(", expected").and_then(|place| after.get(place..)).unwrap_or_default();
    format!("{before}a URL{after}")
}

/// A number or a truth value where it looks like one, else text.
fn environment_value(text: &str) -> toml::Value {
    match (text.parse::<i64>(), text.parse::<bool>()) {
        (Ok(number), _) => toml::Value::Integer(number),
        (_, Ok(truth)) => toml::Value::Boolean(truth),
        (Err(_), Err(_)) => toml::Value::String(text.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(text: &str, environment: &[(&str, &str)]) -> anyhow::Result<Config> {
        let environment = environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Config::from_parts(text, environment)
    }

    #[test]
    fn the_environment_overrides_the_file_and_the_file_the_defaults() {
        let config = load(
            "segment_mib = 128\nsnapshot_every = 2000",
            &[
                ("BUTTONWOOD_SNAPSHOT_EVERY", "3000"),
                ("BUTTONWOOD_LISTEN", "127.0.0.1:9"),
                ("BUTTONWOOD_BIN", "/ignored"),
            ],
        )
        .unwrap();
        assert_eq!((config.segment_mib, config.snapshot_every), (128, 3000));
        assert_eq!(config.listen, SocketAddr::from(([127, 0, 0, 1], 9)));
        assert_eq!(config.queue_commands, Config::default().queue_commands);
    }

    #[test]
    fn a_wrong_name_or_value_says_which() {
        let says = |text: &str| format!("{:#}", load(text, &[]).unwrap_err());
        assert!(says("segmnet_mib = 1").contains("segmnet_mib"));
        assert!(says("segment_mib = 1").contains("segment_mib must be from 16 to 1024"));
        assert!(says("cell = 1\n\nlisten = \"nowhere\"").starts_with("line 3: "));
        let said = says("[[archives]]\nname = \"a\"\nuri = \"mongodb://user:secret@host/a\"");
        assert!(said.starts_with("line 3: unknown field `uri`, expected one of `name`, `kind`, `url`"), "{said}");
        assert!(!said.contains("secret"), "{said}");
    }

    #[test]
    fn a_url_that_is_where_it_should_not_be_is_not_shown() {
        let says = |text: &str| format!("{:#}", load(text, &[]).unwrap_err());
        let shard = "[[shards]]\nurl = \"postgres://h/d\"\nname = ";
        for (text, expected) in [
            ("shards = VALUE", "line 1: invalid type: string a URL, expected a sequence"),
            ("\n[[shards]]\nname = \"a\"\nurl = [VALUE]", "line 4: invalid type: sequence, expected a string"),
            ("[[archives]]\nkind = VALUE", "line 2: unknown variant a URL, expected `mongodb` or `dynamodb`"),
            ("[[archives]]\nVALUE = 1", "line 2: unknown field a URL, expected one of `name`, `kind`"),
            ("[archive]\naudit_logs = VALUE", "archive.audit_logs: it is routed to a URL"),
            (
                &format!("{shard}VALUE"),
                "shards[0].name: the name of a shard has 1 to 32 letters, digits, -, _ and .: a URL",
            ),
            ("[archive]\naudit_logs = \"a\"\n[[archives]]\nname = VALUE\nkind = \"mongodb\"\nurl = \"\"", "a URL"),
        ] {
            for password in ["secret", "se\\\"secret", "se`secret"] {
                let said = says(&text.replace("VALUE", &format!("\"postgres://u:{password}@h/db\"")));
                assert!(said.contains(expected) && !said.contains("secret"), "{text}: {said}");
            }
        }
        let said = says("[[shards]]\nurl = postgres://u:secret@h/db");
        assert!(said.starts_with("line 2: ") && !said.contains("secret"), "{said}");
        let said = load("", &[("BUTTONWOOD_CELL", "postgres://u:secret@h/db")]).unwrap_err().to_string();
        assert!(said.starts_with("invalid type: string a URL, expected u64") && !said.contains("secret"), "{said}");
    }

    #[test]
    fn shards_have_names_and_databases_that_differ() {
        let at = |(name, database): (&str, &str)| {
            format!("[[shards]]\nname = {name:?}\nurl = \"postgres://localhost/{database}\"\n")
        };
        let load = |names: &[&str]| {
            let shards = names.iter().copied().zip(["x", "y", "z"]);
            load(&shards.map(at).collect::<String>(), &[]).map(|config| config.shards.len())
        };
        assert_eq!(load(&["eu-1", "eu-2", "us.1"]).unwrap(), 3);
        let twice = [("a", "x"), ("b", "x")].map(at).concat();
        let error = Config::from_parts(&twice, std::iter::empty()).unwrap_err();
        assert_eq!(error.to_string(), "shards[1].url: b is the same database as another shard");
        let long = "x".repeat(33);
        for (names, says) in [
            (["a", "a"], "two shards are named \"a\""),
            (["a", ""], "\"\" does not"),
            (["a", "b c"], "\"b c\" does not"),
            (["a", &long], "1 to 32"),
            (["archive", "a"], "that is another store"),
        ] {
            let error = format!("{:#}", load(&names).unwrap_err());
            assert!(error.contains(says), "{error}");
        }
    }

    #[test]
    fn a_standby_is_a_url_or_says_where_it_is() {
        let shard = |standby: &str| {
            let text = format!("[[shards]]\nname = \"one\"\nurl = \"postgres://a/b\"\nstandby = [{standby}]");
            Ok::<_, anyhow::Error>(load(&text, &[])?.shards.remove(0).standby)
        };
        let of = |url: &str, region: Option<&str>| Standby { url: url.to_owned(), region: region.map(str::to_owned) };
        let both = shard("\"postgres://c/b\", { url = \"postgres://d/b\", region = \"eu\" }").unwrap();
        assert!(both == [of("postgres://c/b", None), of("postgres://d/b", Some("eu"))]);
        let wrong = shard("{ address = \"postgres://d/b\" }").err().map(|error| format!("{error:#}"));
        assert!(wrong.as_ref().is_some_and(|error| error.contains("url = ")), "{wrong:?}");
    }

    #[test]
    fn an_open_address_needs_a_word() {
        assert!(!Config::default().is_exposed());
        assert!(load("listen = \"0.0.0.0:80\"", &[]).unwrap().is_exposed());
        assert!(!load("listen = \"0.0.0.0:80\"\nallow_plaintext = true", &[]).unwrap().is_exposed());
    }
}
