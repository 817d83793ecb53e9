//! What a client is told where nothing was done, and where nobody knows.

use axum::http::Method;
use domain::command::NotTaken;
use gateway::gateway::Settings;

use crate::venue::{Mood, Venue, timestamp};

const BUY: &str = "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=1&price=100";

#[tokio::test]
async fn what_was_not_taken_may_come_again() {
    let (venue, client, _) = Venue::trading().await;
    let cases = [
        (NotTaken::Overloaded, -1008),
        (NotTaken::NoSpace, -1008),
        (NotTaken::EventLogBehind, -1008),
        (NotTaken::FollowerBehind, -1008),
        (NotTaken::ShuttingDown, -1016),
    ];
    for (why, code) in cases {
        venue.set_mood(Mood::Refusing(why));
        let form = format!("{BUY}&timestamp={}", timestamp());
        let body = format!("{form}&signature={}", client.sign(&form));
        let said = venue.send(Method::POST, "/api/v3/order", Some(&client.api_key), body.clone()).await;
        assert_eq!((said.error().0, said.error().1), (503, code), "{why:?}");
        // The very same bytes, since nothing was recorded.
        venue.set_mood(Mood::Well);
        venue.send(Method::POST, "/api/v3/order", Some(&client.api_key), body).await.ok();
    }
}

#[tokio::test]
async fn an_unknown_outcome_says_by_which_name_to_ask() {
    let (venue, client, _) = Venue::trading().await;
    for (mood, status, code) in [(Mood::Forgetful, 500, -1006), (Mood::Silent, 504, -1007)] {
        venue.set_mood(mood);
        let said = venue.order(&client, BUY).await;
        assert_eq!((said.error().0, said.error().1), (status, code));
        assert!(said.error().2.contains("xecution status unknown"), "{}", said.body);
        let name = said.body["clientOrderId"].as_str().unwrap().to_owned();
        venue.set_mood(Mood::Well);
        let query = format!("symbol=BTCUSDT&origClientOrderId={name}");
        let found = venue.signed(&client, Method::GET, "/api/v3/order", &query).await.ok();
        assert_eq!(found["status"], "NEW");
        // Asking again under that name is safe.
        let again = venue.order(&client, &format!("{BUY}&newClientOrderId={name}")).await.ok();
        assert_eq!(again["orderId"], found["orderId"]);
    }
    venue.set_mood(Mood::Forgetful);
    let said = venue.admin("users", r#"{"requestId":"lost"}"#).await;
    assert_eq!((said.error().1, &said.body["requestId"]), (-1006, &"lost".into()));
}

#[tokio::test]
async fn a_request_that_is_too_large_is_not_read() {
    let (venue, client, _) = Venue::trading().await;
    let body = "x".repeat(64 * 1024 + 1);
    let said = venue.send(Method::POST, "/api/v3/order", Some(&client.api_key), body).await;
    assert_eq!(said.error(), (413, -1000, "The request body is larger than 65536 bytes."));
    let many = (0..70).map(|number| format!("p{number}=1")).collect::<Vec<_>>().join("&");
    let said = venue.get(&format!("/api/v3/ping?{many}")).await;
    assert_eq!(said.error().1, -1101);
}

#[tokio::test]
async fn where_signatures_cannot_be_remembered_nothing_is_taken() {
    let settings = Settings { signatures_max: 16, ..Settings::default() };
    let venue = Venue::with_settings(settings);
    let mut refused = 0;
    for number in 0..64 {
        let said = venue.admin("users", &format!(r#"{{"requestId":"u{number}"}}"#)).await;
        if said.status != 200 {
            assert_eq!((said.error().0, said.error().1), (503, -1008));
            refused += 1;
        }
    }
    assert!(refused >= 48, "{refused}");
}

#[tokio::test]
async fn a_path_or_method_that_is_not_there_is_json_too() {
    let venue = Venue::empty();
    for (method, path, status) in [
        (Method::GET, "/", 404),
        (Method::GET, "/api/v3/order/", 404),
        (Method::POST, "/api/v3/ping", 405),
        (Method::PATCH, "/api/v3/order", 405),
        (Method::GET, "/v1/admin/users", 405),
        (Method::GET, "/v1/nothing", 404),
    ] {
        let said = venue.send(method, path, None, String::new()).await;
        assert_eq!(said.error().0, status, "{path}");
        assert_eq!(said.body.get("sequence").is_some(), path.starts_with("/v1/"), "{path}");
    }
}
