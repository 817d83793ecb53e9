//! Who may: signatures, time stamps, keys, replays.

use std::sync::atomic::{AtomicU64, Ordering};

use axum::http::Method;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use domain::command::RequestContent;
use domain::command::create_api_key::{CreateApiKey, Credential, Roles};
use domain::ids::UserId;
use domain::text::ApiKeyText;
use domain::units::UnixNanos;
use ed25519_dalek::{Signer, SigningKey};
use gateway::gateway::Settings;

use crate::venue::{Client, Setup, Venue, own, timestamp};

const API_KEY: &str = "vmPUZE6mv9SD5VNHk4HlWFsOr6aKE2zvsw0MuIgwCIPy6utIco14y7Ju91duEh8A";
const SECRET: &str = "NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j";
const PAYLOAD: &str =
    "symbol=LTCBTC&side=BUY&type=LIMIT&timeInForce=GTC&quantity=1&price=0.1&recvWindow=5000&timestamp=1499827319559";
const SIGNATURE: &str = "c8db56825ae71d6d79447849e617115f4a920fa2acdcab2b053c4b2838bd6b71";

/// A venue at the time of the examples in Binance's documentation, with their key.
fn documented(clock: fn() -> UnixNanos) -> Venue {
    let venue = Venue::with_settings(Settings { clock, ..Settings::default() });
    let api_key = ApiKeyText::new(API_KEY).unwrap();
    let sealed_secret = venue.master.seal(SECRET, &api_key);
    venue.apply(own(RequestContent::CreateUser(domain::command::create_user::CreateUser)));
    venue.apply(own(RequestContent::CreateApiKey(Box::new(CreateApiKey {
        user: UserId(1),
        roles: Roles { read: true, trade: true, ..Roles::default() },
        api_key,
        credential: Credential::HmacSha256 { sealed_secret },
    }))));
    venue
}

fn in_time() -> UnixNanos {
    UnixNanos(1_499_827_319_559_000_000 + 4_999_000_000)
}

#[tokio::test]
async fn the_signatures_in_binances_documentation_are_right() {
    let venue = documented(in_time);
    // The key is good, so what is wrong is that this venue does not trade litecoin.
    let target = format!("/api/v3/order?{PAYLOAD}&signature={SIGNATURE}");
    let said = venue.send(Method::POST, &target, Some(API_KEY), String::new()).await;
    assert_eq!(said.error(), (400, -1121, "Invalid symbol."));
    // In a body; in capitals; with parameters in both, where nothing stands between query and body.
    let body = format!("{PAYLOAD}&signature={}", SIGNATURE.to_uppercase());
    let venue = documented(in_time);
    let said = venue.send(Method::POST, "/api/v3/order", Some(API_KEY), body).await;
    assert_eq!(said.error().1, -1121);
    let (query, form) = PAYLOAD.split_at(PAYLOAD.find("&quantity").unwrap());
    let client = Client { api_key: API_KEY.to_owned(), secret: SECRET.to_owned() };
    let form = form.trim_start_matches('&');
    let signature = client.sign(&format!("{query}{form}"));
    let venue = documented(in_time);
    let target = format!("/api/v3/order?{query}");
    let said = venue.send(Method::POST, &target, Some(API_KEY), format!("{form}&signature={signature}")).await;
    assert_eq!(said.error().1, -1121);
    // A symbol that is percent-encoded is signed as it is sent.
    let venue = documented(in_time);
    let payload = PAYLOAD.replace("LTCBTC", "%EF%BC%91%EF%BC%92%EF%BC%93%EF%BC%94%EF%BC%95%EF%BC%96");
    let signature = "e1353ec6b14d888f1164ae9af8228a3dbd508bc82eb867db8ab6046442f33ef3";
    let target = format!("/api/v3/order?{payload}&signature={signature}");
    let said = venue.send(Method::POST, &target, Some(API_KEY), String::new()).await;
    assert_eq!(said.error().1, -1100, "{}", said.body);
}

#[tokio::test]
async fn anything_else_is_not_signed() {
    let venue = documented(in_time);
    let other = SIGNATURE.replace('c', "d");
    let cases = [
        (format!("{PAYLOAD}&signature={other}"), (400, -1022)),
        (format!("{PAYLOAD}&signature={}", &SIGNATURE[1..]), (400, -1022)),
        (format!("{PAYLOAD}&signature=x"), (400, -1022)),
        (format!("{}&signature={SIGNATURE}", PAYLOAD.replace("quantity=1", "quantity=2")), (400, -1022)),
        (format!("{PAYLOAD}&signature={SIGNATURE}&price=0.2"), (400, -1101)),
        (format!("{PAYLOAD}&signature={SIGNATURE}&stopPrice=1"), (400, -1022)),
        (PAYLOAD.to_owned(), (400, -1102)),
        (format!("{}&signature={SIGNATURE}", PAYLOAD.replace("&timestamp=1499827319559", "")), (400, -1102)),
        (format!("{}&signature={SIGNATURE}", PAYLOAD.replace("=5000", "=60001")), (400, -1102)),
        (format!("{}&signature={SIGNATURE}", PAYLOAD.replace("=5000", "=-1")), (400, -1100)),
        (format!("{}&signature={SIGNATURE}", PAYLOAD.replace("=5000", "=1.2345")), (400, -1111)),
    ];
    for (query, (status, code)) in cases {
        let said = venue.send(Method::POST, &format!("/api/v3/order?{query}"), Some(API_KEY), String::new()).await;
        assert_eq!((said.error().0, said.error().1), (status, code), "{query}");
    }
    let target = format!("/api/v3/order?{PAYLOAD}&signature={SIGNATURE}");
    for (api_key, code) in [(None, -2014), (Some(""), -2014), (Some("a b"), -2014), (Some("nobody"), -2015)] {
        let said = venue.send(Method::POST, &target, api_key, String::new()).await;
        assert_eq!((said.error().0, said.error().1), (401, code), "{api_key:?}");
    }
}

#[tokio::test]
async fn a_request_is_good_for_its_window_and_not_from_the_future() {
    let late: fn() -> UnixNanos = || UnixNanos(1_499_827_319_559_000_000 + 5_000_000_001);
    let early: fn() -> UnixNanos = || UnixNanos(1_499_827_319_559_000_000 - 1_000_000_000);
    let just: fn() -> UnixNanos = || UnixNanos(1_499_827_319_559_000_000 - 999_999_999);
    let ahead = "Timestamp for this request was 1000ms ahead of the server's time.";
    let outside = "Timestamp for this request is outside of the recvWindow.";
    for (clock, error) in
        [(late, (400, -1021, outside)), (early, (400, -1021, ahead)), (just, (400, -1121, "Invalid symbol."))]
    {
        let target = format!("/api/v3/order?{PAYLOAD}&signature={SIGNATURE}");
        let said = documented(clock).send(Method::POST, &target, Some(API_KEY), String::new()).await;
        assert_eq!(said.error(), error);
    }
}

#[tokio::test]
async fn a_signed_order_is_taken_once() {
    let (venue, client, _) = Venue::trading().await;
    let form =
        format!("symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=1&price=100&timestamp={}", timestamp());
    let body = format!("{form}&signature={}", client.sign(&form));
    let send = || venue.send(Method::POST, "/api/v3/order", Some(&client.api_key), body.clone());
    let first = send().await;
    assert_eq!(first.status, 200);
    let (status, code, message) = { send().await }.error().to_owned_parts();
    assert_eq!((status, code), (400, -1022));
    assert!(message.contains("received before"), "{message}");
    // In capitals it is the same signature.
    let body = format!("{form}&signature={}", client.sign(&form).to_uppercase());
    let again = venue.send(Method::POST, "/api/v3/order", Some(&client.api_key), body).await;
    assert_eq!(again.error().1, -1022);
    // A read may be repeated.
    let query = format!("timestamp={}", timestamp());
    let target = format!("/api/v3/account?{query}&signature={}", client.sign(&query));
    for _ in 0..2 {
        venue.send(Method::GET, &target, Some(&client.api_key), String::new()).await.ok();
    }
}

static START: AtomicU64 = AtomicU64::new(0);

fn after_the_start() -> UnixNanos {
    UnixNanos(START.load(Ordering::Relaxed))
}

/// What an earlier process took nobody remembers: an order without a name of the caller's could be placed twice.
#[tokio::test]
async fn an_order_signed_before_the_start_needs_a_name() {
    const START_MS: u64 = 1_767_225_600_000;
    START.store(START_MS * 1_000_000, Ordering::Relaxed);
    let settings = Settings { clock: after_the_start, ..Settings::default() };
    // Block time was ahead of the clock, by half a second.
    let earlier = Some(UnixNanos((START_MS + 500) * 1_000_000));
    let venue = Venue::with(Setup { settings, earlier, ..Setup::default() });
    let new = venue.master.new_key(UserId(0), Roles { trade: true, ..Roles::default() }, "trader");
    venue.apply(own(RequestContent::CreateApiKey(Box::new(new.command.clone()))));
    let client = Client { api_key: new.command.api_key.to_string(), secret: new.secret };
    let order = "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=1&price=100";
    let replace = format!("{order}&cancelReplaceMode=ALLOW_FAILURE&cancelOrderId=1");
    let code = async |method: Method, path: &str, query: &str, milliseconds: u64| {
        let query = format!("{query}&recvWindow=60000&timestamp={}", START_MS + milliseconds);
        let target = format!("/api/v3/{path}?{query}&signature={}", client.sign(&query));
        let said = venue.send(method, &target, Some(&client.api_key), String::new()).await;
        let (_, code, message) = said.error();
        (code, message.contains("newClientOrderId"))
    };
    START.fetch_add(2_000_000_000, Ordering::Relaxed);
    let (taken, refused) = ((-1121, false), (-1021, true));
    assert_eq!(code(Method::POST, "order", order, 1_500).await, refused);
    assert_eq!(code(Method::POST, "order/cancelReplace", &replace, 1_500).await, refused);
    assert_eq!(code(Method::POST, "order", order, 1_501).await, taken, "no earlier process can have had it");
    for query in [order, &replace] {
        let path = if query == order { "order" } else { "order/cancelReplace" };
        let named = format!("{query}&newClientOrderId=mine");
        assert_eq!(code(Method::POST, path, &named, 1_000).await, taken, "its name keeps it from being placed twice");
    }
    assert_eq!(code(Method::DELETE, "order", "symbol=BTCUSDT&orderId=1", 1_000).await, taken, "it takes from the book");
    assert_eq!(code(Method::POST, "order/test", order, 1_000).await, taken, "it changes nothing");
}

trait Parts {
    fn to_owned_parts(&self) -> (u16, i64, String);
}

impl Parts for (u16, i64, &str) {
    fn to_owned_parts(&self) -> (u16, i64, String) {
        (self.0, self.1, self.2.to_owned())
    }
}

#[tokio::test]
async fn ed25519_signs_the_same_text_in_base64() {
    let (venue, _, _) = Venue::trading().await;
    let signing = SigningKey::from_bytes(&[9; 32]);
    let public = BASE64_STANDARD.encode(signing.verifying_key().to_bytes());
    let body = format!(r#"{{"requestId":"ed","userId":1,"roles":["read","trade"],"publicKey":"{public}"}}"#);
    let said = venue.admin("keys", &body).await.ok();
    assert!(said.get("secretKey").is_none());
    let api_key = said["apiKey"].as_str().unwrap().to_owned();

    // In the query the signature must be percent-encoded; a bare plus sign is understood all the same.
    let query = format!("timestamp={}", timestamp());
    let signature = BASE64_STANDARD.encode(signing.sign(query.as_bytes()).to_bytes());
    let encoded = signature.replace('+', "%2B").replace('/', "%2F").replace('=', "%3D");
    for signature in [encoded, signature.clone()] {
        let target = format!("/api/v3/account?{query}&signature={signature}");
        venue.send(Method::GET, &target, Some(&api_key), String::new()).await.ok();
    }
    let target = format!("/api/v3/account?{query}1&signature={signature}");
    let said = venue.send(Method::GET, &target, Some(&api_key), String::new()).await;
    assert_eq!(said.error().1, -1022);
    let target = format!("/api/v3/account?{query}&signature={}", "0".repeat(64));
    let said = venue.send(Method::GET, &target, Some(&api_key), String::new()).await;
    assert_eq!(said.error().1, -1022);
}

#[tokio::test]
async fn roles_are_kept() {
    let (venue, _, _) = Venue::trading().await;
    let reader = venue.key("1", r#"["read"]"#).await;
    let trader = venue.key("1", r#"["trade"]"#).await;
    let auditor = venue.key("2", r#"["audit"]"#).await;
    let order = "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=1&price=100";
    venue.signed(&reader, Method::GET, "/api/v3/account", "").await.ok();
    assert_eq!(venue.order(&reader, order).await.error().1, -2015);
    assert_eq!(venue.signed(&trader, Method::GET, "/api/v3/account", "").await.error().1, -2015);
    venue.order(&trader, order).await.ok();
    let said = venue.admin_as(&trader, "users", r#"{"requestId":"x"}"#).await;
    assert_eq!(said.error(), (401, -1002, "You are not authorized to execute this request."));
    // An auditor reads everybody's records and nothing else.
    venue.signed(&auditor, Method::GET, "/v1/positions", "userId=1").await.ok();
    assert_eq!(venue.signed(&auditor, Method::GET, "/v1/positions", "").await.error().1, -2015);
    assert_eq!(venue.signed(&auditor, Method::GET, "/api/v3/account", "").await.error().1, -2015);
    assert_eq!(venue.signed(&reader, Method::GET, "/v1/positions", "userId=2").await.error().1, -2015);
    // A revoked key is nobody's.
    let body = format!(r#"{{"requestId":"revoke","apiKey":"{}"}}"#, reader.api_key);
    venue.admin("keys/revoke", &body).await.ok();
    assert_eq!(venue.signed(&reader, Method::GET, "/api/v3/account", "").await.error().1, -2015);
}
