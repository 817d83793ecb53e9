//! Wherever the collections of the archive are kept, the same questions have the same answers: followed, taken back, built again.

use std::fs;
use std::time::{Duration, Instant};

use archive_cluster::server::{Kind, Server};
use outside::COLLECTIONS;
use outside::client::Client;
use outside::process::{Running, said};
use serde_json::Value;

use crate::archive_reads::{forget_archive, set_fees, trade_around};
use crate::archives::{ask, configured};
use crate::desk::{Desk, Market, copy, until, until_stored};
use crate::dynamodb;

/// Those under `/v1`, of which each request has an answer of its own.
const PATHS: [&str; 5] =
    ["/v1/positions/history", "/v1/market/snapshots", "/v1/leaderboards", "/v1/analytics", "/v1/audit"];
/// How long an answer may take that says that there is none.
const REFUSAL_MAX: Duration = Duration::from_secs(20);

/// Where collections are kept.
#[derive(Debug)]
enum Place {
    Embedded,
    MongoDb(Server),
    DynamoDb(Server),
}

impl Place {
    fn all() -> Vec<Self> {
        vec![Self::Embedded, Self::mongodb(), Self::dynamodb()]
    }

    fn mongodb() -> Self {
        Self::MongoDb(Server::temporary(Kind::MongoDb).unwrap())
    }

    fn dynamodb() -> Self {
        Self::DynamoDb(Server::temporary(Kind::DynamoDb).unwrap())
    }

    fn server(&mut self) -> &mut Server {
        match self {
            Self::MongoDb(server) | Self::DynamoDb(server) => server,
            Self::Embedded => panic!("a file has no server"),
        }
    }

    /// What of the collections is kept here, once each.
    fn parts(&self) -> Vec<Vec<&'static str>> {
        match self {
            Self::Embedded => vec![COLLECTIONS.to_vec()],
            Self::MongoDb(_) | Self::DynamoDb(_) => {
                vec![COLLECTIONS.to_vec(), COLLECTIONS.into_iter().step_by(2).collect()]
            }
        }
    }

    /// The desk with these collections here and all others in the embedded archive.
    fn keeps(&self, desk: Desk, collections: &[&str]) -> Desk {
        match self {
            Self::Embedded => desk,
            Self::MongoDb(server) | Self::DynamoDb(server) => {
                let url = match self {
                    Self::DynamoDb(_) => dynamodb::url(server, "places"),
                    Self::MongoDb(_) | Self::Embedded => format!("{}/places", server.url()),
                };
                let routes: Vec<_> = collections.iter().map(|name| (*name, "elsewhere")).collect();
                configured(desk, &[("elsewhere", &url)], &routes)
            }
        }
    }

    /// Everything in it is lost.
    fn lose(&self, desk: &Desk) {
        forget_archive(desk);
        match self {
            Self::Embedded => {}
            Self::MongoDb(server) => ask(server, "places", async |database| database.drop().await.unwrap()),
            Self::DynamoDb(server) => dynamodb::lose(server),
        }
    }
}

/// A question and its answer.
type Answers = Vec<(String, Value)>;

/// Whoever asks.
struct Asking {
    trader: Client,
    admin: Client,
    committed: u64,
    answers: Answers,
}

impl Asking {
    fn of(desk: &Desk, market: &Market, venue: &mut Running) -> Self {
        let mut trader = market.trader(venue);
        until_stored(&mut trader);
        let committed = trader.look("/v1/status").unwrap()["committed"].as_u64().unwrap();
        let admin = venue.client(&desk.binary.admin_key(&desk.data).unwrap()).unwrap();
        Self { trader, admin, committed, answers: Vec::new() }
    }

    fn ask(&mut self, path: &str, query: &str) -> Value {
        let query = format!("{query}&minSequence={}", self.committed);
        let answer = match path {
            "/v1/audit" => self.admin.get(path, &query).unwrap(),
            "/v1/market/snapshots" => self.trader.look(&format!("{path}?{query}")).unwrap(),
            _ => self.trader.get(path, &query).unwrap(),
        };
        // A read of the audit log is a command itself: it goes on from there.
        assert!(answer["sequence"].as_u64().unwrap() >= self.committed, "{path} {query}");
        let mut told = answer.clone();
        told.as_object_mut().unwrap().remove("sequence");
        self.answers.push((format!("{path}?{query}"), told));
        answer
    }

    /// Asks page by page; how many rows there are.
    fn pages(&mut self, path: &str, query: &str, next: &str, parameter: &str, first: u64) -> usize {
        let (mut rows, mut from) = (0, Some(first));
        while let Some(begin) = from {
            let page = self.ask(path, &format!("{query}&{parameter}={begin}"));
            rows += page["rows"].as_array().unwrap().len();
            from = page[next].as_u64();
        }
        rows
    }
}

/// Everything that can be asked, with its answers. Nobody trades meanwhile.
fn answers(desk: &Desk, market: &Market, venue: &mut Running) -> Answers {
    let mut asking = Asking::of(desk, market, venue);
    for scope in ["asset=USDT", "symbol=BTCUSDT"] {
        for period in ["day", "week", "all"] {
            for by in ["volume", "realised"] {
                let query = format!("{scope}&period={period}&by={by}&limit=2");
                let rows = asking.pages("/v1/leaderboards", &query, "nextRank", "fromRank", 1);
                assert_eq!(rows, market.traders.len(), "{query}");
            }
        }
    }
    let paged = |asking: &mut Asking, path: &str, query: &str| {
        let rows = asking.pages(path, &format!("{query}&limit=1"), "nextStartTime", "startTime", 0);
        assert!(rows > 0, "{path} {query}");
        asking.ask(path, &format!("{query}&limit=2"));
        asking.ask(path, &format!("{query}&startTime=0&endTime=1"));
    };
    for interval in ["1m", "1d"] {
        for scope in ["", "&symbol=BTCUSDT", "&asset=USDT"] {
            paged(&mut asking, "/v1/analytics", &format!("interval={interval}{scope}"));
        }
    }
    for interval in ["15m", "1d"] {
        paged(&mut asking, "/v1/positions/history", &format!("interval={interval}&symbol=BTCUSDT"));
    }
    paged(&mut asking, "/v1/market/snapshots", "symbol=BTCUSDT");
    let trades = asking.trader.look("/api/v3/historicalTrades?symbol=BTCUSDT&fromId=1&limit=1000").unwrap();
    let last = trades.as_array().unwrap().last().unwrap()["time"].as_u64().unwrap();
    asking.answers.push(("trades".to_owned(), trades));
    // Up to the last trade: after it are records of these questions.
    for query in ["limit=50", "userId=2&limit=7", "action=place_order&limit=7", "action=place_order&userId=3&limit=7"] {
        let until = format!("{query}&endTime={last}");
        let rows = asking.pages("/v1/audit", &until, "nextSequence", "fromSequence", 0);
        assert!(rows > 7, "{query}");
        let newest = asking.ask("/v1/audit", &until);
        let time = newest["rows"][0]["time"].as_u64().unwrap();
        asking.ask("/v1/audit", &format!("{query}&endTime={time}"));
        asking.ask("/v1/audit", &format!("{until}&startTime={time}"));
    }
    klines(&mut asking, last);
    asking.answers
}

/// Up to the last trade: later ones only say that time goes on.
fn klines(asking: &mut Asking, last: u64) {
    for interval in ["1m", "5m", "1h", "1d", "1w"] {
        let target = format!("/api/v3/klines?symbol=BTCUSDT&interval={interval}&startTime=0&endTime={last}");
        let klines = asking.trader.look(&target).unwrap();
        assert!(!klines.as_array().unwrap().is_empty(), "{target}");
        asking.answers.push((target, klines));
    }
}

fn same(found: &Answers, expected: &Answers, when: &str) {
    assert_eq!(found.len(), expected.len(), "{when}");
    for ((question, found), (_, expected)) in found.iter().zip(expected) {
        assert_eq!(found, expected, "{when}: {question}");
    }
}

fn open(desk: &Desk) -> (Running, Market) {
    let mut venue = desk.serve();
    let market = Market::open(desk, &mut venue, 4);
    set_fees(desk, &mut venue);
    trade_around(&market, &mut venue, 1);
    (venue, market)
}

#[test]
fn the_answers_are_the_same_wherever_the_collections_are() {
    let mut desk = Desk::new();
    let (mut venue, market) = open(&desk);
    let expected = answers(&desk, &market, &mut venue);
    venue.stop().unwrap();
    let backup = desk.beside("backup");
    copy(&desk.data, &backup);
    for place in Place::all() {
        for routed in place.parts() {
            desk = place.keeps(desk, &routed);
            let when = |what: &str| format!("{place:?}, {routed:?}: {what}");
            let mut venue = desk.serve();
            same(&answers(&desk, &market, &mut venue), &expected, &when("followed"));
            // In the middle of what comes next, and gone on from there.
            trade_around(&market, &mut venue, 2);
            venue.kill().unwrap();
            let mut venue = desk.serve();
            let later = answers(&desk, &market, &mut venue);
            assert_ne!(later, expected);
            venue.stop().unwrap();
            place.lose(&desk);
            let mut venue = desk.serve();
            same(&answers(&desk, &market, &mut venue), &later, &when("built again"));
            venue.stop().unwrap();
            desk.verify();
            restore(&desk, &backup);
            let mut venue = desk.serve();
            same(&answers(&desk, &market, &mut venue), &expected, &when("taken back"));
            venue.stop().unwrap();
            desk.verify();
        }
    }
}

/// Logs and snapshots are as they were; the stores, which are not, are taken back.
fn restore(desk: &Desk, backup: &std::path::Path) {
    let stores = desk.beside("stores");
    fs::rename(desk.data.join("store"), &stores).unwrap();
    fs::remove_dir_all(&desk.data).unwrap();
    copy(backup, &desk.data);
    fs::remove_dir_all(desk.data.join("store")).unwrap();
    fs::rename(&stores, desk.data.join("store")).unwrap();
    let output = desk.binary.run(&["follower", "rewind"], &desk.data).unwrap();
    assert!(output.status.success(), "{}", said(&output));
}

#[test]
fn a_place_that_is_away_is_said_to_be_and_what_needs_it_not_goes_on() {
    is_missed(Place::mongodb());
    is_missed(Place::dynamodb());
}

fn is_missed(mut place: Place) {
    let desk = place.keeps(Desk::new(), &COLLECTIONS[1..]);
    let (mut venue, market) = open(&desk);
    let expected = answers(&desk, &market, &mut venue);
    place.server().kill().unwrap();

    let mut asking = [market.trader(&mut venue), venue.client(&desk.binary.admin_key(&desk.data).unwrap()).unwrap()];
    // Boards and snapshots are remembered for a second; none of the others is.
    let query = |path| match path {
        "/v1/positions/history" | "/v1/market/snapshots" => "symbol=BTCUSDT&startTime=1",
        "/v1/leaderboards" => "symbol=BTCUSDT&period=all&time=1",
        _ => "limit=3",
    };
    for path in PATHS {
        let client = &mut asking[usize::from(path == "/v1/audit")];
        let mut refused = || {
            let begun = Instant::now();
            let answer = match path {
                "/v1/market/snapshots" => client.repeat("GET", &format!("{path}?{}", query(path))).unwrap(),
                _ => client.ask("GET", path, query(path)).unwrap(),
            };
            assert!(begun.elapsed() < REFUSAL_MAX, "{path}: {:?}", begun.elapsed());
            (answer.status == 503).then_some(answer.body)
        };
        until("it is refused", || refused().is_some());
        let body = refused().unwrap();
        assert_eq!(body["code"], -5021, "{path}: {body}");
    }
    // Klines are added up from trades, and orders go on.
    let client = &mut asking[0];
    for (target, klines) in expected.iter().filter(|(target, _)| target.starts_with("/api/v3/klines")) {
        let begun = Instant::now();
        assert_eq!(&client.look(target).unwrap(), klines, "{target}");
        assert!(begun.elapsed() < REFUSAL_MAX, "{target}: {:?}", begun.elapsed());
    }
    trade_around(&market, &mut venue, 2);

    place.server().restart().unwrap();
    let mut trader = market.trader(&mut venue);
    until_stored(&mut trader);
    until("boards are read again", || trader.ask("GET", PATHS[2], query(PATHS[2])).unwrap().status == 200);
    let found = answers(&desk, &market, &mut venue);
    // What there is now is what the logs say.
    venue.stop().unwrap();
    desk.verify();
    fs::write(desk.beside("venue.toml"), "").unwrap();
    let mut venue = desk.serve();
    same(&found, &answers(&desk, &market, &mut venue), "after an outage");
    venue.stop().unwrap();
}
