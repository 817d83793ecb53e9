//! An archive in DynamoDB, as an operator sees it.

use std::collections::HashMap;
use std::fs;

use archive_cluster::server::{Kind, Server};
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_dynamodb::types::AttributeValue;

use crate::archives::{DERIVED, Trading, configured, dies_and_delays_only_itself, is_taken_back, migrates};
use crate::desk::{Desk, Market, until_stored};

const REGION: &str = "eu-central-1";
const TWO: [(&str, &str); 2] = [("completed_trades", "dynamo-1"), ("audit_logs", "dynamo-1")];

/// Tables at a server.
pub(crate) fn url(server: &Server, prefix: &str) -> String {
    format!("dynamodb://{REGION}/{prefix}?endpoint={}", server.url())
}

fn with_server() -> (Server, Desk) {
    let server = Server::temporary(Kind::DynamoDb).unwrap();
    let desk = configured(Desk::new(), &[("dynamo-1", &url(&server, "archive"))], &TWO);
    (server, desk)
}

fn ask<T>(server: &Server, act: impl AsyncFnOnce(Client) -> T) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let config = aws_sdk_dynamodb::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(REGION))
            .endpoint_url(server.url())
            .credentials_provider(Credentials::new("test", "test", None, None, "test"))
            .http_client(aws_smithy_http_client::Builder::new().build_http());
        act(Client::from_conf(config.build())).await
    })
}

/// The names of all tables.
pub(crate) fn tables(server: &Server) -> Vec<String> {
    ask(server, async |client| client.list_tables().send().await.unwrap().table_names.unwrap_or_default())
}

/// Everything is lost.
pub(crate) fn lose(server: &Server) {
    for table in tables(server) {
        ask(server, async |client| client.delete_table().table_name(table).send().await.unwrap());
    }
}

fn items(server: &Server, table: &str) -> Vec<HashMap<String, AttributeValue>> {
    ask(server, async |client| client.scan().table_name(table).send().await.unwrap().items.unwrap_or_default())
}

fn number(item: &HashMap<String, AttributeValue>, name: &str) -> u64 {
    item[name].as_n().unwrap().parse().unwrap()
}

/// Documents of a packed table.
fn packed(server: &Server, table: &str) -> u64 {
    items(server, table).iter().map(|item| number(item, "count")).sum()
}

#[test]
fn everything_is_in_tables_and_read_from_them() {
    let server = Server::temporary(Kind::DynamoDb).unwrap();
    let names = TWO.map(|(name, _)| name).into_iter().chain(DERIVED.map(|(name, _)| name));
    let routes: Vec<_> = names.map(|name| (name, "dynamo-1")).collect();
    let desk = configured(Desk::new(), &[("dynamo-1", &url(&server, "archive"))], &routes);
    let mut venue = desk.serve();
    let market = Market::open(&desk, &mut venue, 2);
    let mut trading = Trading::of(&market, &mut venue);
    trading.trade(20);
    until_stored(&mut trading.buyer);
    let committed = trading.buyer.look("/v1/status").unwrap()["committed"].as_u64().unwrap();
    assert_eq!(packed(&server, "archive.completed_trades"), 20);
    assert_eq!(packed(&server, "archive.audit_logs"), committed);
    assert!(!desk.data.join("store/archive.db").exists(), "nothing is routed to the file");
    venue.stop().unwrap();
    let said = desk.verify();
    assert!(said.contains("dynamo-1/trades") && said.contains("dynamo-1/audit"), "{said}");
    for (name, collections) in DERIVED {
        assert!(said.contains(&format!("dynamo-1/{name}")), "{said}");
        for collection in collections {
            assert!(!items(&server, &format!("archive.{collection}")).is_empty(), "{collection}");
        }
    }
    let out = desk.beside("export");
    let range = ["export", "--from", "2000-01-01", "--to", "2100-01-01", "--out", out.to_str().unwrap()];
    let output = desk.binary.run(&range, &desk.data).unwrap();
    let exported = outside::process::said(&output);
    assert!(output.status.success() && exported.contains("none missing"), "{exported}");

    // Nothing is in memory now that the archive does not have as well.
    let mut venue = desk.serve();
    let mut trading = Trading::of(&market, &mut venue);
    assert_eq!(trading.read().len(), 20);
    venue.stop().unwrap();

    // A sum that was changed by hand is found.
    let key = |item: &HashMap<String, AttributeValue>| {
        let of = |name: &str| (name.to_owned(), item[name].clone());
        HashMap::from([of("pk"), of("sk")])
    };
    let board = items(&server, "archive.leaderboards");
    ask(&server, async |client| {
        let request = client.update_item().table_name("archive.leaderboards").set_key(Some(key(&board[0])));
        let request = request.update_expression("SET fills = :fills");
        let request = request.expression_attribute_values(":fills", AttributeValue::N("1000000".to_owned()));
        request.send().await.unwrap();
    });
    let said = desk.refused_verify();
    assert!(said.contains("dynamo-1/leaderboards") && said.contains("different"), "{said}");
}

#[test]
fn a_service_that_dies_delays_only_itself() {
    let (server, desk) = with_server();
    dies_and_delays_only_itself(server, &desk, 5, |server| packed(server, "archive.completed_trades"));
}

#[test]
fn an_archive_past_the_journal_is_taken_back() {
    let (server, desk) = with_server();
    is_taken_back(&desk, "dynamo-1", || packed(&server, "archive.completed_trades"));
}

#[test]
fn migrate_says_what_it_did() {
    let (server, desk) = with_server();
    migrates(&desk, "dynamo-1: version 0 brought to 1, 11 tables made", "dynamo-1: version 1, up to date");
    assert_eq!(tables(&server).len(), 11);
}

#[test]
fn a_file_of_authorities_is_not_read_and_said_so() {
    let (_server, desk) = with_server();
    let file = desk.beside("venue.toml");
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, format!("{text}ca_file = \"ca.pem\"\n")).unwrap();
    let said = desk.refused_start();
    assert!(said.contains("SSL_CERT_FILE"), "{said}");
}
