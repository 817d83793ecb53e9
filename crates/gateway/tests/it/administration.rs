//! `/v1/admin`: every request is done once, however often it comes.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use axum::http::Method;
use serde_json::json;

use crate::venue::Venue;

#[tokio::test]
async fn a_request_is_done_once() {
    let (venue, _, _) = Venue::trading().await;
    let deposit = r#"{"requestId":"once","userId":1,"asset":"USDT","amount":"12.5"}"#;
    let first = venue.admin("deposits", deposit).await;
    assert_eq!(first.sequence, first.body["sequence"].as_u64().unwrap());
    let first = first.ok();
    assert_eq!((&first["repeated"], &first["requestId"]), (&json!(false), &json!("once")));
    let again = venue.admin("deposits", deposit).await.ok();
    assert_eq!((&again["repeated"], &again["firstSequence"]), (&json!(true), &first["sequence"]));
    let other = venue.admin("deposits", &deposit.replace("12.5", "12.6")).await;
    assert_eq!(other.error(), (409, -5001, "This requestId was used for another request; nothing was done."));
    assert!(other.body["sequence"].is_u64());
    let balances = venue.inside.model.balances(domain::ids::UserId(1));
    assert!(balances.iter().any(|balance| balance.free.0 == 1_000_012_500_000), "{balances:?}");
}

#[tokio::test]
async fn a_secret_is_shown_once() {
    let (venue, _, _) = Venue::trading().await;
    let body = r#"{"requestId":"key","userId":1,"roles":["read"]}"#;
    let first = venue.admin("keys", body).await.ok();
    assert_eq!(first["secretKey"].as_str().unwrap().len(), 64);
    let again = venue.admin("keys", body).await.ok();
    assert_eq!((&again["apiKey"], &again["keyId"]), (&first["apiKey"], &first["keyId"]));
    assert_eq!(again["secretKey"], json!(null));
    assert!(again["note"].as_str().unwrap().contains("not shown again"));
    let other = venue.admin("keys", &body.replace("read", "trade")).await;
    assert_eq!(other.error().1, -5001);
}

#[tokio::test]
async fn money_leaves_in_two_steps() {
    let (venue, _, _) = Venue::trading().await;
    let ask = |id: &str| format!(r#"{{"requestId":"{id}","userId":1,"asset":"BTC","amount":"60"}}"#);
    let first = venue.admin("withdrawals", &ask("w1")).await.ok();
    assert_eq!(first["withdrawalId"], 1);
    let too_much = venue.admin("withdrawals", &ask("w2")).await;
    assert_eq!(too_much.error(), (400, -5017, "The free balance is less than the amount."));
    venue.admin("withdrawals/cancel", r#"{"requestId":"c1","withdrawalId":1}"#).await.ok();
    let second = venue.admin("withdrawals", &ask("w2")).await.ok();
    assert_eq!(second["withdrawalId"], 2);
    venue.admin("withdrawals/settle", r#"{"requestId":"t2","withdrawalId":2}"#).await.ok();
    let gone = venue.admin("withdrawals/settle", r#"{"requestId":"t3","withdrawalId":2}"#).await;
    assert_eq!(gone.error(), (400, -5014, "There is no such pending withdrawal."));
}

#[tokio::test]
async fn shards_are_added_changed_and_listed() {
    let (venue, client, _) = Venue::trading().await;
    let list = async || venue.signed(&venue.admin, Method::GET, "/v1/admin/shards", "").await.ok();
    assert_eq!(list().await["shards"], json!([]));
    let added = venue.admin("shards", r#"{"requestId":"shard-1","name":"store"}"#).await.ok();
    assert_eq!((&added["shardId"], &added["repeated"]), (&json!(0), &json!(false)));
    let again = venue.admin("shards", r#"{"requestId":"shard-1","name":"store"}"#).await.ok();
    assert_eq!((&again["shardId"], &again["repeated"]), (&json!(0), &json!(true)));
    let other = venue.admin("shards", r#"{"requestId":"shard-2","name":"store","weight":7}"#).await;
    assert_eq!(other.error(), (400, -5036, "Another shard has this name."));
    venue.admin("shards", r#"{"requestId":"shard-3","name":"absent","weight":7}"#).await.ok();
    // Whatever came of it: what is in the map is followed.
    let followed: Vec<String> = venue.inside.followed.lock().unwrap().iter().map(ToString::to_string).collect();
    assert_eq!(followed, ["store", "store", "store", "absent"]);

    venue.admin("shards/set", r#"{"requestId":"shard-4","name":"store","status":"draining"}"#).await.ok();
    let last = venue.admin("shards/set", r#"{"requestId":"shard-5","name":"absent","status":"draining"}"#).await;
    assert_eq!(last.error(), (400, -5038, "There would be no shard that takes what is new."));
    let listed = list().await;
    let [first, second] = &listed["shards"].as_array().unwrap()[..] else { panic!("{listed}") };
    assert_eq!(
        (&first["name"], &first["weight"], &first["status"]),
        (&json!("store"), &json!(100), &json!("draining"))
    );
    assert!(first["symbols"].as_u64() >= Some(1) && first["users"].as_u64() >= Some(3), "the first has all: {listed}");
    assert_eq!((&second["name"], &second["weight"], &second["users"]), (&json!("absent"), &json!(7), &json!(0)));
    assert_eq!((&first["configured"], &second["configured"]), (&json!(true), &json!(false)));
    let refused = venue.signed(&client, Method::GET, "/v1/admin/shards", "").await;
    assert_eq!(refused.error().0, 401);
}

#[tokio::test]
async fn a_shard_is_followed_though_its_client_has_left() {
    let (venue, _, _) = Venue::trading().await;
    let inside = &venue.inside;
    let looking = inside.looking.lock().await;
    let asked = async {
        while inside.prepared.load(Ordering::Relaxed) == 0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        _ = venue.admin("shards", r#"{"requestId":"shard-1","name":"store"}"#) => panic!("it was answered before it was looked at"),
        () = asked => {}
    }
    drop(looking);
    let deadline = Instant::now() + Duration::from_secs(10);
    while inside.followed.lock().unwrap().is_empty() {
        assert!(Instant::now() < deadline, "nobody follows a shard that is in the map");
        tokio::task::yield_now().await;
    }
    assert!(inside.model.shard_map().shard_by_name("store").is_some());
}

#[tokio::test]
async fn moves_are_begun_shown_and_given_up() {
    let (venue, client, _) = Venue::trading().await;
    for (number, name) in ["a", "b", "c"].iter().enumerate() {
        venue.admin("shards", &format!(r#"{{"requestId":"add-{number}","name":"{name}"}}"#)).await.ok();
    }
    let look = async |query: &str| venue.signed(&venue.admin, Method::GET, "/v1/admin/shards/moves", query).await.ok();
    let of_symbol = look("symbol=BTCUSDT").await;
    assert_eq!((&of_symbol["shard"], &of_symbol["moving"]), (&json!("a"), &json!(false)));
    let cases = [
        (r#""symbol":"BTCUSDT","to":"a""#, -5031, "It lives on that shard."),
        (r#""symbol":"BTCUSDT","to":"z""#, -5030, "There is no such shard."),
        (r#""symbol":"NONE","to":"b""#, -1121, "Invalid symbol."),
        (r#""userId":99,"to":"b""#, -5002, "There is no such user."),
        (r#""to":"b""#, -1135, "Either symbol or userId must be said."),
        (r#""symbol":"BTCUSDT","userId":1,"to":"b""#, -1135, "Either symbol or userId must be said."),
    ];
    for (body, code, why) in cases {
        let refused = venue.admin("shards/moves", &format!(r#"{{"requestId":"x",{body}}}"#)).await;
        assert_eq!(refused.error(), (400, code, why), "{body}");
    }
    let body = r#"{"requestId":"move-1","symbol":"BTCUSDT","to":"b"}"#;
    assert_eq!(venue.admin("shards/moves", body).await.ok()["repeated"], json!(false));
    assert_eq!(venue.admin("shards/moves", body).await.ok()["repeated"], json!(true));
    let again = venue.admin("shards/moves", r#"{"requestId":"move-2","symbol":"BTCUSDT","to":"c"}"#).await;
    assert_eq!(again.error(), (400, -5033, "It is moving already."));
    assert_eq!(look("symbol=BTCUSDT").await["moving"], json!(true));
    venue.admin("shards/moves/abort", r#"{"requestId":"move-3","symbol":"BTCUSDT"}"#).await.ok();
    let twice = venue.admin("shards/moves/abort", r#"{"requestId":"move-4","symbol":"BTCUSDT"}"#).await;
    assert_eq!(twice.error(), (400, -5035, "It is not moving."));

    // Without a name, to the lightest that takes what is new: what is on its way there counts, and a draining one does not.
    venue.admin("shards/moves", r#"{"requestId":"move-5","userId":1}"#).await.ok();
    venue.admin("shards/moves", r#"{"requestId":"move-6","userId":2}"#).await.ok();
    let moving = venue.inside.model.shard_map();
    let mut targets: Vec<u16> = moving.moves().map(|open| open.to.0).collect();
    targets.sort_unstable();
    assert_eq!(targets, [1, 2]);
    venue.admin("shards/set", r#"{"requestId":"move-7","name":"b","status":"draining"}"#).await.ok();
    let draining = venue.admin("shards/moves", r#"{"requestId":"move-8","symbol":"BTCUSDT","to":"b"}"#).await;
    assert_eq!(draining.error(), (400, -5032, "That shard is draining and gets nothing new."));
    venue.admin("shards/moves", r#"{"requestId":"move-9","symbol":"BTCUSDT"}"#).await.ok();
    let lives = venue.signed(&venue.admin, Method::GET, "/v1/admin/shards/subjects", "shard=a&limit=2").await.ok();
    assert_eq!((&lives["symbols"][0], &lives["users"][0]), (&json!("BTCUSDT"), &json!(0)));
    for path in ["/v1/admin/shards/moves", "/v1/admin/shards/subjects"] {
        assert_eq!(venue.signed(&client, Method::GET, path, "").await.error().0, 401, "{path}");
    }
}

#[tokio::test]
async fn every_setting_is_read_back() {
    let (venue, client, _) = Venue::trading().await;
    venue
        .admin("fees/symbol", r#"{"requestId":"f1","symbol":"BTCUSDT","fees":{"maker":"0","taker":"0.002"}}"#)
        .await
        .ok();
    let shown =
        venue.signed(&client, axum::http::Method::GET, "/api/v3/account/commission", "symbol=BTCUSDT").await.ok();
    assert_eq!(shown["standardCommission"]["taker"], "0.00200000");
    venue.admin("fees/user", r#"{"requestId":"f2","userId":1,"fees":{"maker":"0.0001","taker":"0.0001"}}"#).await.ok();
    let shown = venue.signed(&client, axum::http::Method::GET, "/api/v3/account", "").await.ok();
    assert_eq!((&shown["commissionRates"]["taker"], &shown["takerCommission"]), (&json!("0.00010000"), &json!(1)));
    venue.admin("fees/user", r#"{"requestId":"f3","userId":1,"fees":null}"#).await.ok();
    venue.admin("credit-limits", r#"{"requestId":"l1","userId":1,"asset":"BTC","limit":"10"}"#).await.ok();
    let limits = r#"{"requestId":"m1","symbol":"BTCUSDT","limits":{"minQuantity":"1"}}"#;
    venue.admin("symbols/limits", limits).await.ok();
    let info = venue.get("/api/v3/exchangeInfo?symbol=BTCUSDT").await.ok();
    assert_eq!(info["symbols"][0]["filters"][1]["minQty"], "1.00000000");
    // No band any more, and short selling on credit.
    let sell = "symbol=BTCUSDT&side=SELL&type=LIMIT&timeInForce=GTC&quantity=110&price=100";
    venue.order(&client, sell).await.ok();
    let account = venue.signed(&client, axum::http::Method::GET, "/api/v3/account", "").await.ok();
    assert_eq!(account["balances"][0], json!({"asset": "BTC", "free": "-10.00000000", "locked": "110.00000000"}));
    venue.admin("kill-switch", r#"{"requestId":"k1","userId":1,"engaged":true}"#).await.ok();
    let account = venue.signed(&client, axum::http::Method::GET, "/api/v3/account", "").await.ok();
    assert_eq!((&account["canTrade"], &account["balances"][0]["locked"]), (&json!(false), &json!("0.00000000")));
}

#[tokio::test]
async fn what_is_wrong_with_a_request_is_named() {
    let (venue, _, _) = Venue::trading().await;
    let pem = "-----BEGIN PUBLIC KEY-----\\nMCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\\n-----END PUBLIC KEY-----\\n";
    let cases = [
        ("assets", "", -1135),
        ("assets", "{", -1135),
        ("assets", "[]", -1135),
        ("assets", r#"{"requestId":"x","code":"ETH","scale":8,"colour":"red"}"#, -1135),
        ("assets", r#"{"requestId":"x","code":"ETH"}"#, -1135),
        ("assets", r#"{"requestId":"x","code":"ETH","scale":-1}"#, -1135),
        ("assets", r#"{"requestId":"x","code":"ETH","scale":19}"#, -5005),
        ("assets", r#"{"requestId":"x","code":"BTC","scale":8}"#, -5004),
        ("assets", r#"{"requestId":"x","code":"e th","scale":8}"#, -1130),
        ("assets", r#"{"requestId":"","code":"ETH","scale":8}"#, -1130),
        ("assets", r#"{"requestId":"a request id that is far too long to be one","code":"ETH","scale":8}"#, -1130),
        (
            "symbols",
            r#"{"requestId":"x","code":"BTCBTC","base":"BTC","quote":"BTC","tickSize":"1","lotSize":"1"}"#,
            -5006,
        ),
        ("symbols", r#"{"requestId":"x","code":"X","base":"BTC","quote":"NOPE","tickSize":"1","lotSize":"1"}"#, -5003),
        ("symbols", r#"{"requestId":"x","code":"X","base":"BTC","quote":"USDT","tickSize":"0","lotSize":"1"}"#, -5006),
        ("symbols", r#"{"requestId":"x","code":"X","base":"BTC","quote":"USDT","tickSize":"-1","lotSize":"1"}"#, -1130),
        (
            "symbols",
            r#"{"requestId":"x","code":"X","base":"BTC","quote":"USDT","tickSize":"1","lotSize":"1","limits":{"minPrice":"9","maxPrice":"8"}}"#,
            -5007,
        ),
        ("symbols/limits", r#"{"requestId":"x","symbol":"BTCUSDT","limits":{"minPrice":"0.005"}}"#, -1130),
        ("fees/symbol", r#"{"requestId":"x","symbol":"BTCUSDT","fees":{"maker":"0.2","taker":"0"}}"#, -5008),
        ("fees/user", r#"{"requestId":"x","userId":1}"#, -1135),
        ("deposits", r#"{"requestId":"x","userId":99,"asset":"BTC","amount":"1"}"#, -5002),
        ("deposits", r#"{"requestId":"x","userId":1,"asset":"NOPE","amount":"1"}"#, -5003),
        ("deposits", r#"{"requestId":"x","userId":1,"asset":"BTC","amount":"0"}"#, -5015),
        ("deposits", r#"{"requestId":"x","userId":1,"asset":"BTC","amount":"1.123456789"}"#, -1130),
        ("deposits", r#"{"requestId":"x","userId":1,"asset":"BTC","amount":1}"#, -1135),
        ("keys", r#"{"requestId":"x","userId":1,"roles":[]}"#, -1130),
        ("keys", r#"{"requestId":"x","userId":1,"roles":["king"]}"#, -1135),
        ("keys", r#"{"requestId":"x","userId":1,"roles":["read"],"publicKey":"AAAA"}"#, -1130),
        ("keys/revoke", r#"{"requestId":"x","apiKey":"nobody"}"#, -5013),
        ("kill-switch", r#"{"requestId":"x","engaged":true}"#, -1135),
        ("shards", r#"{"requestId":"x","name":"full"}"#, -5040),
        ("shards", r#"{"requestId":"x","name":"a b"}"#, -1130),
        ("shards", r#"{"requestId":"x","name":"a","weight":0}"#, -5037),
        ("shards/set", r#"{"requestId":"x","name":"nowhere","weight":1}"#, -5030),
        ("shards/set", r#"{"requestId":"x","name":"nowhere","status":"gone"}"#, -1135),
        // A list of the values is no object, and a member is said once.
        ("users", r#"["x"]"#, -1135),
        ("fees/symbol", r#"{"requestId":"x","symbol":"BTCUSDT","fees":["0","0"]}"#, -1135),
        ("fees/user", r#"{"requestId":"x","userId":1,"fees":["0","0"]}"#, -1135),
        ("symbols/limits", r#"{"requestId":"x","symbol":"BTCUSDT","limits":{"band":["1","1"]}}"#, -1135),
        ("symbols/limits", r#"{"requestId":"x","symbol":"BTCUSDT","limits":[]}"#, -1135),
        ("fees/user", r#"{"requestId":"x","userId":1,"fees":{"maker":"0","taker":"0","maker":"0"}}"#, -1135),
    ];
    for (path, body, code) in cases {
        let said = venue.admin(path, body).await;
        assert_eq!((said.error().0, said.error().1), (400, code), "{path} {body}: {}", said.body);
    }
    let body = format!(r#"{{"requestId":"pem","userId":1,"roles":["read"],"publicKey":"{pem}"}}"#);
    venue.admin("keys", &body).await.ok();
}

#[tokio::test]
async fn the_status_says_how_far_everybody_is() {
    let (venue, _, _) = Venue::trading().await;
    let said = venue.get("/v1/status").await;
    let sequence = said.sequence;
    let body = said.ok();
    assert_eq!((&body["sequence"], &body["committed"]), (&json!(sequence), &json!(sequence)));
    assert_eq!(body["sequenced"], sequence + 2, "what is on its way to the disk is sequenced and not committed");
    assert_eq!(body["followers"][0]["lag"], 3);
    assert_eq!(body["clockBehindMs"], 3, "begun milliseconds count");
}

#[tokio::test]
async fn an_administrator_accepts_a_clock_that_has_jumped() {
    use std::sync::atomic::Ordering;
    let (venue, client, _) = Venue::trading().await;
    assert_eq!(venue.get("/v1/status").await.ok()["clockJumped"], false);
    venue.inside.clock_jumped.store(true, Ordering::Relaxed);
    assert_eq!(venue.get("/v1/status").await.ok()["clockJumped"], true);
    let said = venue.signed(&client, Method::POST, "/v1/admin/clock", "").await;
    assert_eq!((said.error().0, said.error().1), (401, -1002), "a trader may not");
    assert_eq!(venue.get("/v1/status").await.ok()["clockJumped"], true);
    let said = venue.signed(&venue.admin, Method::POST, "/v1/admin/clock", "").await.ok();
    assert_eq!(said["clockJumped"], true, "it had");
    assert_eq!(venue.get("/v1/status").await.ok()["clockJumped"], false);
}
