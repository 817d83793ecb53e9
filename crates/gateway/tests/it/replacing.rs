//! Cancel-replace, amend, cancel all.

use axum::http::Method;
use serde_json::json;

use crate::venue::{Client, Said, Venue};

const BUY: &str = "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=1&price=100";

async fn replace(venue: &Venue, client: &Client, params: &str) -> Said {
    venue.signed(client, Method::POST, "/api/v3/order/cancelReplace", params).await
}

#[tokio::test]
async fn both_halves_of_a_replacement_are_told() {
    let (venue, client, other) = Venue::trading().await;
    venue.order(&other, "symbol=BTCUSDT&side=SELL&type=LIMIT&timeInForce=GTC&quantity=1&price=110").await.ok();
    venue.order(&client, &format!("{BUY}&newClientOrderId=one")).await.ok();
    let stop = "&cancelReplaceMode=STOP_ON_FAILURE";
    let allow = "&cancelReplaceMode=ALLOW_FAILURE";

    let said =
        replace(&venue, &client, &format!("{BUY}{stop}&cancelOrigClientOrderId=one&newClientOrderId=two")).await.ok();
    assert_eq!((&said["cancelResult"], &said["newOrderResult"]), (&json!("SUCCESS"), &json!("SUCCESS")));
    assert_eq!(said["cancelResponse"]["origClientOrderId"], "one");
    assert_eq!(said["cancelResponse"]["status"], "CANCELED");
    assert_eq!(said["newOrderResponse"]["clientOrderId"], "two");

    let said = replace(&venue, &client, &format!("{BUY}{stop}&cancelOrigClientOrderId=one")).await;
    assert_eq!(said.error(), (400, -2022, "Order cancel-replace failed."));
    assert_eq!(
        said.body["data"],
        json!({"cancelResult": "FAILURE", "newOrderResult": "NOT_ATTEMPTED",
               "cancelResponse": {"code": -2011, "msg": "Unknown order sent."}, "newOrderResponse": null})
    );

    let said =
        replace(&venue, &client, &format!("{BUY}{allow}&cancelOrigClientOrderId=one&newClientOrderId=three")).await;
    assert_eq!(said.error(), (409, -2021, "Order cancel-replace partially failed."));
    assert_eq!(said.body["data"]["newOrderResponse"]["clientOrderId"], "three");

    let maker = "symbol=BTCUSDT&side=BUY&type=LIMIT_MAKER&quantity=1&price=110";
    let said = replace(&venue, &client, &format!("{maker}{stop}&cancelOrigClientOrderId=two")).await;
    assert_eq!(said.error(), (409, -2021, "Order cancel-replace partially failed."));
    assert_eq!(said.body["data"]["cancelResult"], "SUCCESS");
    assert_eq!(
        said.body["data"]["newOrderResponse"],
        json!({"code": -2010, "msg": "Order would immediately match and take."})
    );

    let said = replace(&venue, &client, &format!("{maker}{allow}&cancelOrigClientOrderId=two")).await;
    assert_eq!(said.error(), (400, -2022, "Order cancel-replace failed."));
    assert_eq!(said.body["data"]["newOrderResult"], "FAILURE");

    let only = format!("{BUY}{stop}&cancelOrigClientOrderId=three&cancelRestrictions=ONLY_PARTIALLY_FILLED");
    let said = replace(&venue, &client, &only).await;
    assert_eq!(said.body["data"]["cancelResponse"]["msg"], "Order was not canceled due to cancel restrictions.");
    let same = format!("{BUY}{stop}&cancelOrigClientOrderId=three&newClientOrderId=three");
    let said = replace(&venue, &client, &same).await;
    assert_eq!((said.error().0, said.error().1), (400, -1130), "sent again, it would replace its own order");
    for wrong in ["&cancelReplaceMode=SOMETIMES&cancelOrderId=1", "&cancelOrderId=1", stop] {
        let said = replace(&venue, &client, &format!("{BUY}{wrong}")).await;
        assert_eq!(said.status, 400, "{wrong}");
    }
}

#[tokio::test]
async fn an_amended_order_is_smaller_and_named_anew() {
    let (venue, client, _) = Venue::trading().await;
    let placed = venue.order(&client, &format!("{BUY}&newClientOrderId=one")).await.ok();
    let id = placed["orderId"].clone();
    let amend = async |params: String| {
        venue
            .signed(&client, Method::PUT, "/api/v3/order/amend/keepPriority", &format!("symbol=BTCUSDT&{params}"))
            .await
    };
    let said = amend(format!("orderId={id}&newQty=0.4&newClientOrderId=two")).await.ok();
    assert!(said["executionId"].is_u64() && said["transactTime"].is_u64());
    let order = &said["amendedOrder"];
    assert_eq!((&order["origClientOrderId"], &order["clientOrderId"]), (&json!("one"), &json!("two")));
    assert_eq!((&order["qty"], &order["status"]), (&json!("0.40000000"), &json!("NEW")));
    assert_eq!(venue.get("/api/v3/depth?symbol=BTCUSDT").await.ok()["bids"], json!([["100.000000", "0.40000000"]]));

    let same = amend("origClientOrderId=two&newQty=0.4".to_owned()).await;
    assert_eq!(same.error(), (400, -2038, "The requested action would change no state; rejecting."));
    let more = amend("origClientOrderId=two&newQty=0.5".to_owned()).await;
    assert_eq!(more.error(), (400, -2038, "Order amend (quantity increase) is not supported."));
    let none = amend("origClientOrderId=one&newQty=0.1".to_owned()).await;
    assert_eq!(none.error(), (400, -2038, "Unknown order sent."));
    let said = amend("origClientOrderId=two&newQty=0.3".to_owned()).await.ok();
    assert_ne!(said["amendedOrder"]["clientOrderId"], "two", "a name is made up where none is given");
}

#[tokio::test]
async fn all_open_orders_go_at_once() {
    let (venue, client, _) = Venue::trading().await;
    for name in ["one", "two"] {
        venue.order(&client, &format!("{BUY}&newClientOrderId={name}")).await.ok();
    }
    let said = venue.signed(&client, Method::DELETE, "/api/v3/openOrders", "symbol=BTCUSDT").await.ok();
    let names: Vec<&str> =
        said.as_array().unwrap().iter().map(|order| order["origClientOrderId"].as_str().unwrap()).collect();
    assert_eq!(names, ["one", "two"]);
    assert_eq!(said[1]["status"], "CANCELED");
}
