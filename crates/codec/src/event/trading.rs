//! Orders and trades.

use domain::event::{
    OrderAmended, OrderClosed, OrderFilled, OrderPlaced, OrderRepeated, Refused, RefusedPart, RestedPart, Trade,
};

use crate::field::{fields, tags};

tags!(RefusedPart { Whole = 1, ReplaceCancel = 2, ReplacePlace = 3 });

fields!(Refused { part, reason });
fields!(OrderPlaced { order, user, execution, symbol, fees, side, kind, client_order_id });
fields!(OrderRepeated { order, first });
fields!(OrderAmended {
    order,
    user,
    execution,
    symbol,
    side,
    price,
    quantity,
    remaining,
    client_order_id,
    previous_client_order_id,
});
fields!(Trade {
    trade,
    symbol,
    price,
    quantity,
    base,
    quote,
    taker_side,
    maker_order,
    maker_user,
    taker_order,
    taker_user,
});
fields!(OrderFilled {
    order,
    user,
    execution,
    symbol,
    trade,
    side,
    liquidity,
    price,
    quantity,
    quote,
    fee,
    fee_asset,
    executed,
    executed_quote,
    filled,
});
fields!(OrderClosed { order, user, execution, symbol, side, reason, rested });
fields!(RestedPart { price, quantity });
