//! Where the collections of the archive are.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::PathBuf;

use projector::batch::Stream;
use serde::Deserialize;

use super::{RESERVED, Shard};

/// What a route says that leads to the embedded store.
pub(crate) const EMBEDDED: &str = "sqlite";

/// What the closed orders that shards have given up, and their fills, are called in a route. They are no stream.
const CLOSED_ORDERS: &str = "closed_orders";

/// The streams of an archive, in the order in which it should be fed after `reference`, and what each is called in a route.
const STREAMS: [(&str, Stream); 7] = [
    ("completed_trades", Stream::Trades),
    ("audit_logs", Stream::Audit),
    ("klines", Stream::Klines),
    ("historical_positions", Stream::HistoricalPositions),
    ("market_snapshots", Stream::MarketSnapshots),
    ("leaderboards", Stream::Leaderboards),
    ("analytics", Stream::Analytics),
];

/// A database that collections can be routed to.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(
    not(any(feature = "mongodb", feature = "dynamodb")),
    expect(dead_code, reason = "without any driver, name and kind are enough to say so")
)]
pub(crate) struct Archive {
    /// Its name, for people and in routes.
    pub(crate) name: String,
    pub(crate) kind: Kind,
    /// `mongodb://user:password@host1,host2/database?replicaSet=rs`, `dynamodb://REGION/PREFIX`.
    pub(crate) url: String,
    /// Certificate authorities to trust, as PEM; the public ones by default.
    #[serde(default)]
    pub(crate) ca_file: Option<PathBuf>,
    /// Whether a start makes missing collections, indexes and tables; otherwise `buttonwood migrate` does.
    #[serde(default = "super::yes")]
    pub(crate) migrate: bool,
}

/// Which database it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Kind {
    MongoDb,
    DynamoDb,
}

impl Kind {
    /// The word for it in the configuration, which is also the feature that it needs.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::MongoDb => "mongodb",
            Self::DynamoDb => "dynamodb",
        }
    }

    /// What the operator of a program without the driver can do.
    pub(crate) fn missing(self) -> String {
        // All of them: another build for this one alone could lack the other.
        format!(
            "the kind {}, which this program was built without: build it with \
             `cargo build --release --package venue --features mongodb,dynamodb`",
            self.word()
        )
    }
}

/// The database of each collection, by name; those that are not named are in the embedded store.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(transparent)]
pub(crate) struct Routes(BTreeMap<String, String>);

impl Routes {
    /// The streams of a place but `reference`, in the order in which it should be fed.
    pub(super) fn streams_of(&self, place: &str) -> impl Iterator<Item = Stream> {
        STREAMS.into_iter().filter(move |(collection, _)| self.place(collection) == place).map(|(_, stream)| stream)
    }

    /// Where closed orders go that a shard gives up.
    pub(super) fn place_of_closed_orders(&self) -> &str {
        self.place(CLOSED_ORDERS)
    }

    /// Where a stream is.
    pub(crate) fn place_of(&self, stream: Stream) -> &str {
        let known = STREAMS.into_iter().find(|(_, known)| *known == stream);
        known.map_or(EMBEDDED, |(collection, _)| self.place(collection))
    }

    /// The place of each collection that is not in the embedded store.
    pub(crate) fn elsewhere(&self) -> BTreeMap<String, String> {
        let routes = self.0.iter().filter(|(_, place)| *place != EMBEDDED);
        routes.map(|(collection, place)| (collection.clone(), place.clone())).collect()
    }

    fn place(&self, collection: &str) -> &str {
        self.0.get(collection).map_or(EMBEDDED, String::as_str)
    }

    pub(super) fn check(&self, archives: &[Archive], shards: &[Shard]) -> anyhow::Result<()> {
        let streams = STREAMS.into_iter().map(|(collection, _)| collection);
        let known: Vec<&str> = streams.chain([CLOSED_ORDERS]).collect();
        for (collection, place) in &self.0 {
            anyhow::ensure!(
                known.contains(&collection.as_str()),
                "archive.{collection}: there is no such collection; those there are: {}",
                known.join(", ")
            );
            let there = place == EMBEDDED || archives.iter().any(|archive| archive.name == *place);
            let names: Vec<&str> =
                [EMBEDDED].into_iter().chain(archives.iter().map(|archive| archive.name.as_str())).collect();
            anyhow::ensure!(
                there,
                "archive.{collection}: it is routed to {place:?}, which no [[archives]] entry is; those there are: {}",
                names.join(", ")
            );
        }
        let closed_orders = archives.iter().find(|archive| archive.name == self.place_of_closed_orders());
        if let Some(Archive { name, kind: Kind::DynamoDb, .. }) = closed_orders {
            anyhow::bail!(
                "archive.closed_orders: they cannot be routed to {name}: DynamoDB does not take them; leave them in the \
                 embedded store, or route them to MongoDB"
            );
        }
        let shards = shards.iter().map(|shard| shard.name.as_str());
        let mut names: BTreeSet<&str> = RESERVED.into_iter().chain([EMBEDDED]).chain(shards).collect();
        for (place, archive) in archives.iter().enumerate() {
            let name = archive.name.as_str();
            anyhow::ensure!(
                !name.is_empty() && names.insert(name),
                "archives[{place}].name: {name:?} is {}",
                if name.is_empty() { "no name" } else { "taken" }
            );
            anyhow::ensure!(
                self.0.values().any(|place| place == name),
                "archives[{place}].name: nothing is routed to {name}; add a line to [archive], or take the entry away"
            );
            let same = archives.iter().take(place).find(|other| other.url == archive.url);
            anyhow::ensure!(
                same.is_none(),
                "archives[{place}].url: {name} is the same database as {}: route everything to one of them",
                same.map_or("", |same| same.name.as_str())
            );
        }
        Ok(())
    }
}

impl fmt::Debug for Archive {
    /// Without the URL, which may have a password in it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Archive").field("name", &self.name).field("kind", &self.kind).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    fn load(text: &str) -> anyhow::Result<Config> {
        Config::from_parts(text, std::iter::empty())
    }

    const TWO: &str = "[archive]\naudit_logs = \"a\"\ncompleted_trades = \"b\"\n
        [[archives]]\nname = \"a\"\nkind = \"mongodb\"\nurl = \"mongodb://127.0.0.1/a\"\n
        [[archives]]\nname = \"b\"\nkind = \"mongodb\"\nurl = \"mongodb://127.0.0.1/b\"\n";

    #[test]
    fn collections_are_where_they_are_routed() {
        let config = load(TWO).unwrap();
        assert_eq!(config.archived_streams("a"), [Stream::Reference, Stream::Audit]);
        assert_eq!(config.archived_streams("b"), [Stream::Reference, Stream::Trades]);
        assert_eq!(config.archive.place_of(Stream::Klines), EMBEDDED);
        assert_eq!((config.archive.place_of(Stream::Trades), config.archive.place_of(Stream::Users)), ("b", EMBEDDED));
        assert_eq!(Config::default().archive.place_of(Stream::Audit), EMBEDDED);
    }

    #[test]
    fn a_place_that_has_only_closed_orders_knows_what_their_numbers_are_in() {
        let routed = STREAMS.map(|(collection, _)| format!("{collection} = \"a\"\n")).concat();
        let archive = "[[archives]]\nname = \"a\"\nkind = \"mongodb\"\nurl = \"mongodb://127.0.0.1/a\"\n";
        let shard = "[[shards]]\nname = \"s\"\nurl = \"postgres://localhost/s\"\n";
        let without = load(&format!("[archive]\n{routed}{archive}")).unwrap();
        assert_eq!((without.place_of_closed_orders(), without.archived_streams(EMBEDDED)), (None, vec![]));
        let with = load(&format!("[archive]\n{routed}{archive}{shard}")).unwrap();
        assert_eq!(with.place_of_closed_orders(), Some(EMBEDDED));
        assert_eq!(with.archived_streams(EMBEDDED), [Stream::Reference]);
        let routed = format!("[archive]\nclosed_orders = \"a\"\n{archive}{shard}");
        let away = load(&routed).unwrap();
        assert_eq!(away.place_of_closed_orders(), Some("a"));
        assert_eq!(away.archived_streams("a"), [Stream::Reference]);
        let said = load(&routed.replace("mongodb", "dynamodb")).unwrap_err();
        assert!(format!("{said:#}").contains("DynamoDB does not take them"), "{said:#}");
    }

    #[test]
    fn a_route_that_leads_nowhere_says_which() {
        let says = |text: &str| format!("{:#}", load(text).unwrap_err());
        assert!(says("[archive]\naudit = \"sqlite\"").contains("those there are: completed_trades, audit_logs"));
        assert!(says("[archive]\naudit_logs = \"c\"").contains("archive.audit_logs: it is routed to \"c\""));
        assert!(says(&TWO.replace("audit_logs = \"a\"", "")).contains("archives[0].name: nothing is routed to a"));
        assert!(says(&TWO.replace("\"b\"", "\"a\"")).contains("archives[1].name: \"a\" is taken"));
        let said = says(&TWO.replace("0.1/b", "0.1/a"));
        assert_eq!(said, "archives[1].url: b is the same database as a: route everything to one of them");
        assert!(
            says(&TWO.replace("\"mongodb\"", "\"oracle\""))
                .contains("unknown variant `oracle`, expected `mongodb` or `dynamodb`")
        );
        let shard = "[[shards]]\nname = \"b\"\nurl = \"postgres://localhost/b\"\n";
        assert!(says(&format!("{TWO}{shard}")).contains("\"b\" is taken"));
    }
}
