//! Reads of the archive: what cannot be asked is refused by name, and an answer says what it reflects.

use axum::http::Method;
use projector::audit::actions::ACTIONS;

use crate::venue::Venue;

#[tokio::test]
async fn what_cannot_be_asked_is_refused_by_name() {
    let (venue, _, _) = Venue::trading().await;
    let client = venue.key("1", r#"["read","audit"]"#).await;
    let mandatory =
        |name: &str| (-1102, format!("Mandatory parameter '{name}' was not sent, was empty/null, or malformed."));
    let illegal = |name: &str, range: &str| {
        (-1100, format!("Illegal characters found in parameter '{name}'; legal range is '{range}'."))
    };
    let said = |code: i64, message: &str| (code, message.to_owned());
    let integer = "^[0-9]{1,20}$";
    let (boards, analytics, audit) = ("/v1/leaderboards", "/v1/analytics", "/v1/audit");
    let (positions, snapshots) = ("/v1/positions/history", "/v1/market/snapshots");
    let cases = [
        (boards, "", said(-1102, "Mandatory parameter 'symbol' or 'asset' was not sent.")),
        (boards, "asset=NOPE", said(-1121, "Invalid asset.")),
        (boards, "symbol=NOPE", said(-1121, "Invalid symbol.")),
        (boards, "symbol=BTCUSDT&asset=USDT", said(-1128, "Send either 'symbol' or 'asset'.")),
        (boards, "asset=USDT&period=year", illegal("period", "day, week, all")),
        (boards, "asset=USDT&by=fills", illegal("by", "volume, realised")),
        (boards, "asset=USDT&fromRank=0", illegal("fromRank", "from 1 on")),
        (boards, "asset=USDT&time=now", illegal("time", integer)),
        (boards, "asset=USDT&limit=0", illegal("limit", "1 to 1000")),
        (boards, "asset=USDT&rank=1", said(-1104, "")),
        (analytics, "interval=1h", said(-1120, "Invalid interval; those kept: 1m, 1d.")),
        (analytics, "startTime=-1", illegal("startTime", integer)),
        (positions, "", mandatory("symbol")),
        (positions, "symbol=BTCUSDT&interval=15x", said(-1120, "Invalid interval; those kept: 15m, 1d.")),
        (positions, "symbol=BTCUSDT&interval=2d", said(-1120, "Invalid interval; those kept: 15m, 1d.")),
        (positions, "symbol=BTCUSDT&interval=0m", said(-1120, "Invalid interval; those kept: 15m, 1d.")),
        (positions, "symbol=BTCUSDT&interval=5m", said(-1120, "Invalid interval; those kept: 15m, 1d.")),
        (positions, "symbol=BTCUSDT&startTime=2&endTime=1", said(-1128, "'startTime' is later than 'endTime'.")),
        (positions, "symbol=BTCUSDT&userId=99", said(-5002, "There is no such user.")),
        (snapshots, "symbol=BTCUSDT&interval=1m", said(-1120, "Invalid interval; those kept: 10s.")),
        (snapshots, "symbol=BTCUSDT&limit=1001", illegal("limit", "1 to 1000")),
        ("/v1/ledger", "limit=1001", illegal("limit", "1 to 1000")),
        ("/v1/ledger", "startTime=2&endTime=1", said(-1128, "'startTime' is later than 'endTime'.")),
        ("/v1/executions", "limit=0", illegal("limit", "1 to 1000")),
        (snapshots, "symbol=NOPE", said(-1121, "Invalid symbol.")),
        (snapshots, "symbol=BTCUSDT&limit=ten", illegal("limit", integer)),
        (audit, "fromSequence=-1", illegal("fromSequence", integer)),
        (audit, "userId=5000000000", said(-1130, "Data sent for parameter 'userId' is not valid.")),
        (audit, "userId=99", said(-5002, "There is no such user.")),
        (audit, "action=place", illegal("action", &ACTIONS.join(", "))),
        (audit, "action=", said(-1105, "Parameter 'action' was empty.")),
    ];
    for (path, query, (code, message)) in cases {
        let answer = if path == snapshots {
            venue.get(&format!("{path}?{query}")).await
        } else {
            venue.signed(&client, Method::GET, path, query).await
        };
        let (status, found, words) = answer.error();
        assert_eq!((status, found), (400, code), "{path}?{query}: {words}");
        assert!(message.is_empty() || words == message, "{path}?{query}: {words}");
    }
}

/// An interval that was kept before has pages, of which the last points to an empty one if it is full.
#[tokio::test]
async fn a_range_without_rows_is_an_answer_in_any_interval() {
    let (venue, _, _) = Venue::trading().await;
    let client = venue.key("1", r#"["read"]"#).await;
    for (path, interval) in [("/v1/positions/history", "5m"), ("/v1/market/snapshots", "1m")] {
        for range in ["startTime=1", "endTime=1", "startTime=1&endTime=2"] {
            let query = format!("symbol=BTCUSDT&interval={interval}&{range}");
            let answer = match path {
                "/v1/market/snapshots" => venue.get(&format!("{path}?{query}")).await,
                _ => venue.signed(&client, Method::GET, path, &query).await,
            };
            assert_eq!(answer.ok()["rows"], serde_json::json!([]), "{path}?{query}");
        }
    }
}

/// Everybody's commands are for those who are to look.
#[tokio::test]
async fn the_audit_log_is_for_the_role() {
    let (venue, _, _) = Venue::trading().await;
    for roles in [r#"["read","trade"]"#, r#"["admin"]"#] {
        let client = venue.key("1", roles).await;
        let answer = venue.signed(&client, Method::GET, "/v1/audit", "").await;
        assert_eq!((answer.error().0, answer.error().1), (401, -1002), "{roles}: {}", answer.body);
    }
    let auditor = venue.key("1", r#"["audit"]"#).await;
    venue.signed(&auditor, Method::GET, "/v1/audit", "").await.ok();
}

/// The venue is past the archive of this test, which is empty.
#[tokio::test]
async fn an_answer_reflects_what_the_archive_has() {
    let (venue, _, _) = Venue::trading().await;
    let client = venue.key("1", r#"["read","audit"]"#).await;
    for (path, query) in [
        ("/v1/leaderboards", "asset=USDT"),
        ("/v1/analytics", "interval=1m"),
        ("/v1/positions/history", "symbol=BTCUSDT"),
        ("/v1/audit", "limit=1"),
    ] {
        let answer = venue.signed(&client, Method::GET, path, query).await;
        assert_eq!((answer.sequence, answer.clone().ok()["sequence"].as_u64()), (0, Some(0)), "{path}");
        let answer = venue.signed(&client, Method::GET, path, &format!("{query}&minSequence=1")).await;
        assert_eq!(answer.error(), (409, -5010, "Sequence 1 is not reached yet; the archive is at 0."), "{path}");
        assert!(answer.sequence > 1, "the venue itself is past it");
    }
}
