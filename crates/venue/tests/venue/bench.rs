//! Measurements, as short as they get: that they run, say what they should, and leave nothing behind.

use archive_cluster::server::{Kind, Server as Archive};
use outside::process::said;
use pg_cluster::options::Options;
use pg_cluster::server::Server;
use serde_json::Value;

use crate::desk::binary;

/// What a measurement prints on its last line.
fn bench(arguments: &[&str]) -> Value {
    let output = binary().command(&[&["bench"], arguments, &["--json"]].concat()).output().unwrap();
    assert!(output.status.success(), "{}", said(&output));
    let text = String::from_utf8(output.stdout).unwrap();
    serde_json::from_str(text.lines().last().unwrap()).unwrap()
}

#[test]
fn stores_are_compared_and_the_servers_are_left_as_they_were() {
    let documents = Archive::temporary(Kind::MongoDb).unwrap();
    let named = format!("{}/archive", documents.url());
    let server = Server::temporary(&Options::default().without_fsync()).unwrap();
    let url = server.url("postgres");
    let flow = ["stores", "--commands", "1000", "--batch", "300,1000", "--users", "20", "--symbols", "2"];
    let postgres = ["--postgres-seconds", "1", "--postgres-clients", "2", "--postgres", &url];
    let service = Archive::temporary(Kind::DynamoDb).unwrap();
    let tables = crate::dynamodb::url(&service, "archive");
    let report = bench(&[&flow[..], &postgres, &["--mongodb", &named, "--dynamodb", &tables]].concat());
    let figures = report["figures"].as_array().unwrap();
    let of = |store: &str, way: &str| {
        let same = |figure: &&Value| figure["store"].as_str().unwrap().starts_with(store) && figure["way"] == way;
        let found: Vec<_> = figures.iter().filter(same).collect();
        for figure in &found {
            assert!(figure["orders_per_s"].as_f64().unwrap() > 0.0, "{figure}");
            let (p50, p99) = (figure["write_p50_us"].as_u64().unwrap(), figure["write_p99_us"].as_u64().unwrap());
            assert!(0 < p50 && p50 <= p99, "{figure}");
        }
        found.len()
    };
    for way in ["single row", "batch", "COPY", "projector"] {
        assert_eq!(of("PostgreSQL 127.0.0.1:", way), 2, "{way}: {report}");
    }
    assert_eq!((of("SQLite, hot.db", "projector"), of("SQLite, archive.db", "projector")), (2, 2), "{report}");
    assert_eq!(of("MongoDB 127.0.0.1:", "projector"), 2, "{report}");
    assert_eq!(of("DynamoDB 127.0.0.1:", "projector"), 2, "{report}");
    for figure in figures.iter().filter(|figure| figure["store"].as_str().unwrap().starts_with("DynamoDB")) {
        assert!(figure["dollars_per_day"].as_f64().unwrap() > 0.0, "{figure}");
    }
    assert_eq!(crate::dynamodb::tables(&service), Vec::<String>::new());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let names = runtime.block_on(async {
        let client = mongodb::Client::with_uri_str(documents.url()).await.unwrap();
        client.list_database_names().await.unwrap()
    });
    assert!(!names.iter().any(|name| name.contains("bench")), "{names:?}");
    let left = server.query("postgres", "SELECT datname FROM pg_database WHERE datname LIKE '%bench%'").unwrap();
    assert_eq!(left, "");
}

#[test]
fn a_server_that_cannot_be_reached_is_told_before_anything_is_measured() {
    let server = Server::temporary(&Options::default().without_fsync()).unwrap();
    let url = server.url("postgres");
    let flow = ["stores", "--postgres", &url, "--mongodb", "mongodb://127.0.0.1:1/a?serverSelectionTimeoutMS=100"];
    let output = binary().command(&[&["bench"], &flow[..]].concat()).output().unwrap();
    let said = said(&output);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("MongoDB 127.0.0.1:1 cannot be measured in") && !said.contains("orders/s"), "{said}");
}

/// It takes the few connections that it is tried with first, and not those that are measured.
#[test]
fn a_server_that_fails_takes_nothing_from_the_others() {
    let server = Server::temporary(&Options::default().without_fsync()).unwrap();
    let role = "CREATE ROLE narrow LOGIN CREATEDB PASSWORD 'narrow' CONNECTION LIMIT 20";
    server.query("postgres", role).unwrap();
    let url = format!("postgres://narrow:narrow@{}", server.url("postgres").split_once('@').unwrap().1);
    let work = ["stores", "--commands", "1000", "--batch", "1000", "--users", "20", "--symbols", "2"];
    let flow = [&work[..], &["--postgres-seconds", "1", "--postgres-clients", "21", "--postgres", &url]].concat();
    let output = binary().command(&[&["bench"], &flow[..]].concat()).output().unwrap();
    let said = said(&output);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("SQLite, hot.db") && said.contains("SQLite, archive.db"), "{said}");
    assert!(said.contains("not all could be measured: PostgreSQL 127.0.0.1:"), "{said}");
}

#[test]
fn a_venue_with_a_shard_says_how_far_sql_is_behind() {
    let load = ["postgres", "--seconds", "2", "--warm-up", "2", "--users", "20", "--symbols", "2", "--resting", "100"];
    let report = bench(&[&load[..], &["--rate", "500"]].concat());
    let number = |name: &str| report[name].as_f64().unwrap_or_else(|| panic!("{name} in {report}"));
    assert!((450.0..=550.0).contains(&number("orders_per_s")), "{report}");
    for (less, more) in [
        ("ack_p50_us", "ack_p99_us"),
        ("commit_lag_p50_ms", "commit_lag_p99_ms"),
        ("commit_lag_p99_ms", "commit_lag_max_ms"),
    ] {
        assert!(0.0 < number(less) && number(less) <= number(more), "{less}, {more}: {report}");
    }
    assert!(report["lag_grew"].is_boolean() && number("refused") == 0.0, "{report}");
    assert!(report["cpu"]["postgres_1_s"].as_f64().unwrap() > 0.0, "{report}");
    assert!(report["cpu_us_per_order"]["postgres: buttonwood symbols"].is_number(), "{report}");
}

#[test]
fn what_an_archive_is_sent_is_counted_for_each_kind_of_database() {
    let flow = ["archive", "--commands", "2000", "--batch", "500", "--users", "20", "--symbols", "2", "--runs", "1"];
    let report = bench(&flow);
    let encodings = report["encodings"].as_array().unwrap();
    let names: Vec<_> = encodings.iter().map(|encoding| encoding["encoding"].as_str().unwrap()).collect();
    assert_eq!(names, ["documents", "mongodb", "dynamodb"]);
    let documents = |encoding: &Value| encoding["all"]["documents"].as_u64().unwrap();
    for encoding in encodings {
        // Of each command a record of the audit log, and more.
        assert!(documents(encoding) > 2_000 && documents(encoding) == documents(&encodings[0]), "{encoding}");
        assert!(encoding["all"]["events_per_cpu_s"].as_f64().unwrap() > 0.0, "{encoding}");
    }
    // Packed and compressed, what DynamoDB keeps of a command is smaller.
    let bytes = |number: usize| encodings[number]["streams"]["audit"]["bytes_per_document"].as_u64().unwrap();
    assert!(0 < bytes(2) && bytes(2) < bytes(1), "{report}");
}
