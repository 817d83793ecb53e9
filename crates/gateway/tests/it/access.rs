//! What is noted of those who may not, and of those who see more than their own.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::http::Method;
use domain::command::NotTaken;
use domain::command::note_access::{AccessKind, AccessMethod, Claim, NoteAccess};
use domain::ids::{Hash256, KeyId, UserId};

use crate::venue::{Client, Mood, Venue, timestamp};

const PATIENCE: Duration = Duration::from_secs(20);

type Short = (AccessKind, String, Option<Claim>, Option<u32>, u64, u32, u32);

/// The notes in short: kind, method and path, claim, about whom, how often, whose.
fn seen(venue: &Venue) -> Vec<Short> {
    let short = |(envelope, note): (domain::command::Envelope, NoteAccess)| {
        let endpoint = note.endpoint.map_or_else(String::new, |endpoint| {
            let method = match endpoint.method {
                AccessMethod::Get => "GET",
                AccessMethod::Post => "POST",
                AccessMethod::Put => "PUT",
                AccessMethod::Delete => "DELETE",
            };
            format!("{method} {}", endpoint.path)
        });
        let about = note.about.map(|user| user.0);
        (note.kind, endpoint, note.claim, about, note.count, envelope.user.0, envelope.key.0)
    };
    venue.notes().into_iter().map(short).collect()
}

fn stranger(number: u32) -> Client {
    Client { api_key: format!("{number:064}"), secret: "nothing".to_owned() }
}

/// Attempts noted so far.
fn attempts(venue: &Venue) -> u64 {
    venue.notes().iter().map(|(_, note)| note.count).sum()
}

async fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < deadline, "not within {PATIENCE:?}: {what}");
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn each_kind_is_noted_with_what_is_proven_and_what_is_claimed() {
    let (venue, trader, _) = Venue::trading().await;
    let reader = venue.key("2", r#"["read"]"#).await;
    let auditor = venue.key("2", r#"["audit"]"#).await;
    let revoked = venue.key("1", r#"["read"]"#).await;
    let body = format!(r#"{{"requestId":"revoke","apiKey":"{}"}}"#, revoked.api_key);
    venue.admin("keys/revoke", &body).await.ok();
    assert_eq!(seen(&venue), [], "what becomes a command is audited as that");
    let key_of = |client: &Client| {
        let text = domain::text::ApiKeyText::new(&client.api_key).unwrap();
        venue.inside.model.key(&text).unwrap().id
    };
    let hash = Claim::Text(Hash256(*blake3::hash(stranger(1).api_key.as_bytes()).as_bytes()));

    let forger = Client { secret: "guessed".to_owned(), ..trader.clone() };
    assert_eq!(venue.signed(&forger, Method::GET, "/api/v3/account", "").await.error().1, -1022);
    assert_eq!(venue.signed(&stranger(1), Method::GET, "/v1/ledger", "userId=1").await.error().1, -2015);
    assert_eq!(venue.signed(&revoked, Method::GET, "/api/v3/account", "").await.error().1, -2015);
    assert_eq!(venue.order(&reader, "symbol=BTCUSDT&side=BUY&type=MARKET&quantity=1").await.error().1, -2015);
    assert_eq!(venue.signed(&trader, Method::GET, "/v1/admin/shards", "").await.error().1, -1002);
    assert_eq!(venue.signed(&reader, Method::GET, "/v1/positions", "userId=1").await.error().1, -2015);
    let cancel = format!("symbol=BTCUSDT&origClientOrderId=none&timestamp={}", timestamp());
    let target = format!("/api/v3/order?{cancel}&signature={}", trader.sign(&cancel));
    for code in [-2011, -1022] {
        let said = venue.send(Method::DELETE, &target, Some(&trader.api_key), String::new()).await;
        assert_eq!(said.error().1, code);
    }
    let old = format!("timestamp={}", timestamp() - 61_000_000);
    let target = format!("/api/v3/account?{old}&signature={}", trader.sign(&old));
    assert_eq!(venue.send(Method::GET, &target, Some(&trader.api_key), String::new()).await.error().1, -1021);
    venue.signed(&venue.admin, Method::GET, "/v1/admin/shards", "").await.ok();
    venue.signed(&auditor, Method::GET, "/v1/positions", "userId=1").await.ok();

    let (user, key) = (UserId(1), key_of(&trader).0);
    let unproven = |kind, at: &str, claim| (kind, at.to_owned(), Some(claim), None, 1, 0, 0);
    let proven = |kind, at: &str, about, user, key| (kind, at.to_owned(), None, about, 1, user, key);
    let (reads, audits) = (key_of(&reader).0, key_of(&auditor).0);
    assert_eq!(
        seen(&venue),
        [
            unproven(AccessKind::BadSignature, "GET /api/v3/account", Claim::Key(KeyId(key))),
            unproven(AccessKind::UnknownKey, "GET /v1/ledger", hash),
            unproven(AccessKind::RevokedKey, "GET /api/v3/account", Claim::Key(key_of(&revoked))),
            proven(AccessKind::RoleMissing, "POST /api/v3/order", None, 2, reads),
            proven(AccessKind::RoleMissing, "GET /v1/admin/shards", None, user.0, key),
            proven(AccessKind::RoleMissing, "GET /v1/positions", Some(1), 2, reads),
            proven(AccessKind::Replayed, "DELETE /api/v3/order", None, user.0, key),
            proven(AccessKind::Replayed, "GET /api/v3/account", None, user.0, key),
            proven(AccessKind::Read, "GET /v1/admin/shards", None, 0, key_of(&venue.admin).0),
            proven(AccessKind::Read, "GET /v1/positions", Some(1), 2, audits),
        ]
    );
    for (envelope, note) in venue.notes() {
        assert_eq!((envelope.client_time, envelope.deadline), (None, None));
        assert!(note.first == note.last && note.first.0 > 1_700_000_000_000_000_000);
    }
}

#[tokio::test]
async fn what_proves_nobody_or_is_ones_own_is_not_noted() {
    let (venue, trader, _) = Venue::trading().await;
    venue.signed(&trader, Method::GET, "/api/v3/account", "").await.ok();
    venue.signed(&trader, Method::GET, "/v1/positions", "userId=1").await.ok();
    venue
        .signed(&venue.admin, Method::POST, "/api/v3/order/test", "symbol=BTCUSDT&side=BUY&type=MARKET&quantity=1")
        .await
        .ok();
    venue.get("/v1/status").await.ok();
    assert_eq!(venue.get("/api/v3/account?timestamp=1&signature=2").await.error().1, -2014, "no key");
    let malformed = Client { api_key: "with a blank".to_owned(), ..trader.clone() };
    assert_eq!(venue.signed(&malformed, Method::GET, "/api/v3/account", "").await.error().1, -2014);
    let said = venue.send(Method::GET, "/api/v3/account?timestamp=1", Some(&trader.api_key), String::new()).await;
    assert_eq!(said.error().1, -1102, "no signature");
    for (stamp, code) in [(timestamp() - 10_000_000, -1021), (timestamp() + 5_000_000, -1021)] {
        let query = format!("timestamp={stamp}");
        let target = format!("/api/v3/account?{query}&signature={}", trader.sign(&query));
        let said = venue.send(Method::GET, &target, Some(&trader.api_key), String::new()).await;
        assert_eq!(said.error().1, code, "a clock that is a little off");
    }
    assert_eq!(seen(&venue), []);
}

#[tokio::test]
async fn where_the_venue_takes_nothing_it_is_counted_until_there_is_room() {
    let (venue, trader, _) = Venue::trading().await;
    let auditor = venue.key("2", r#"["audit"]"#).await;
    let forger = Client { secret: "guessed".to_owned(), ..trader.clone() };
    venue.set_mood(Mood::Refusing(NotTaken::NoSpace));
    for _ in 0..3 {
        assert_eq!(venue.signed(&forger, Method::GET, "/api/v3/account", "").await.error().1, -1022);
        venue.signed(&auditor, Method::GET, "/v1/positions", "userId=1").await.ok();
    }
    assert_eq!(attempts(&venue), 0);
    venue.set_mood(Mood::Well);
    until("what was held is noted", || attempts(&venue) == 6).await;
    let counts: Vec<_> = seen(&venue).into_iter().map(|note| (note.0, note.4)).collect();
    assert_eq!(counts.len(), 2, "{counts:?}");
    assert!(counts.contains(&(AccessKind::BadSignature, 3)) && counts.contains(&(AccessKind::Read, 3)), "{counts:?}");
    // And each is waited for again.
    venue.signed(&auditor, Method::GET, "/v1/positions", "userId=1").await.ok();
    assert_eq!(attempts(&venue), 7);
}

#[tokio::test]
async fn an_operator_sees_a_venue_that_does_not_answer() {
    let venue = Venue::empty();
    for mood in [Mood::Silent, Mood::Forgetful] {
        venue.set_mood(mood);
        for _ in 0..3 {
            venue.signed(&venue.admin, Method::GET, "/v1/admin/shards", "").await.ok();
        }
        venue.set_mood(Mood::Well);
    }
}

#[tokio::test]
async fn different_attempts_share_the_budget_and_the_end_waits_for_them() {
    tokio::task::LocalSet::new().run_until(flood()).await;
}

async fn flood() {
    let venue = Arc::new(Venue::empty());
    let started = Instant::now();
    let mut requests = Vec::new();
    for number in 0..300 {
        let venue = Arc::clone(&venue);
        let ask = async move { venue.signed(&stranger(number), Method::GET, "/api/v3/account", "").await.error().1 };
        requests.push(tokio::task::spawn_local(ask));
    }
    until("the first are noted", || attempts(&venue) > 0).await;
    let notes = venue.notes().len();
    let allowed = 33 + 32 * usize::try_from(started.elapsed().as_secs()).unwrap();
    assert!(notes <= allowed, "{notes} notes");
    // Nobody waits longer than for an order: what is left of them is in memory.
    for request in requests {
        assert_eq!(request.await.unwrap(), -2015);
    }
    assert!(attempts(&venue) < 300);
    venue.gateway.finish_access(PATIENCE).await;
    assert_eq!(attempts(&venue), 300);
    // 64 of their own, and before them what was handed over; the others are counted together.
    let notes = seen(&venue);
    assert!(notes.len() < 64 + allowed + 64, "{}", notes.len());
    assert!(notes.iter().any(|note| note.1.is_empty() && note.2.is_none() && note.4 > 1), "{notes:?}");
}
