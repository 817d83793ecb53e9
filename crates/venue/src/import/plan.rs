//! What the source's rows are as requests of the venue.

use std::collections::BTreeMap;

use domain::command::RequestContent;
use domain::command::deposit::Deposit;
use domain::command::open_order::OpenOrder;
use domain::command::open_position::OpenPosition;
use domain::ids::UserId;
use domain::instrument::{Asset, Instrument};
use domain::order::Side;
use domain::text::{ClientOrderId, RequestId};
use domain::units::{Amount, Lots, Ticks};
use sha2::{Digest as _, Sha256};

use super::mapping::OrdersMapping;
use super::number;
use super::report::Kind;
use super::source::{BalanceRow, OrderRow, PositionRow};

/// The venue's users by the source's keys.
pub(crate) type Users = BTreeMap<String, UserId>;

/// Hexadecimal digits of a request id: with what stands before them, as many characters as it may have.
const ID_DIGITS: usize = 29;

/// What the names of the source mean.
#[derive(Debug, Default)]
pub(crate) struct Names {
    pub(crate) assets: BTreeMap<String, Asset>,
    pub(crate) symbols: BTreeMap<String, Instrument>,
    pub(crate) users: Users,
}

/// Why a row cannot be brought along.
pub(crate) type Unusable = String;

/// The id under which a row is brought along: the same for the same row, and for no other.
pub(crate) fn request_id(source: &str, kind: Kind, key: &[&str]) -> RequestId {
    let mut hash = Sha256::new();
    for part in [&[source, kind.word()], key].concat() {
        hash.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_le_bytes());
        hash.update(part);
    }
    let digits = hex::encode(hash.finalize());
    let (digits, _) = digits.split_at_checked(ID_DIGITS).expect("a digest has 64 digits");
    RequestId::new(&format!("import-{digits}")).expect("36 printable characters")
}

impl Names {
    /// What is free and what is locked, in minor units.
    pub(crate) fn balance(&self, row: &BalanceRow) -> Result<(UserId, Asset, Amount, Amount), Unusable> {
        let user = self.user(&row.user)?;
        let asset = self.assets.get(&row.asset).ok_or_else(|| format!("unknown asset {:?}", row.asset))?;
        let free = read_amount("free", &row.free, asset.scale)?;
        let locked = read_amount("locked", &row.locked, asset.scale)?;
        Ok((user, *asset, free, locked))
    }

    /// The whole of it as a deposit; orders lock their part again. Nothing: there is none.
    pub(crate) fn deposit(&self, row: &BalanceRow) -> Result<Option<RequestContent>, Unusable> {
        let (user, asset, free, locked) = self.balance(row)?;
        if free.0 < 0 || locked.0 < 0 {
            return Err(format!("negative balance: free {}, locked {}", row.free, row.locked));
        }
        let amount = free.checked_add(locked).ok_or("a balance past any amount")?;
        Ok((!amount.is_zero()).then_some(RequestContent::Deposit(Deposit { user, asset: asset.id, amount })))
    }

    /// The position; nothing: all zero.
    pub(crate) fn position(&self, row: &PositionRow) -> Result<Option<RequestContent>, Unusable> {
        let user = self.user(&row.user)?;
        let listed = self.symbol(&row.symbol)?;
        let (base, quote) = (listed.base_leg().scale, listed.quote_leg().scale);
        let quantity = read_amount("quantity", &row.quantity, base)?;
        let cost = read_amount("cost", &row.cost, quote)?;
        let realised = read_amount("realised", &row.realised, quote)?;
        let is_there = [quantity, cost, realised].iter().any(|amount| !amount.is_zero());
        let open = OpenPosition { user, symbol: listed.id(), quantity, cost, realised };
        Ok(is_there.then_some(RequestContent::OpenPosition(open)))
    }

    /// What is left of the order. One without a client order id is named like its request.
    pub(crate) fn order(&self, row: &OrderRow, of: &OrdersMapping, id: &RequestId) -> Result<RequestContent, Unusable> {
        let user = self.user(&row.user)?;
        let listed = self.symbol(&row.symbol)?;
        let side = match (of.buy.contains(&row.side), of.sell.contains(&row.side)) {
            (true, false) => Side::Buy,
            (false, true) => Side::Sell,
            (true, true) | (false, false) => return Err(format!("neither a buy nor a sell: {:?}", row.side)),
        };
        let not_whole =
            |what: &str, text: &str| format!("{what} {text:?} is no positive multiple of the symbol's step");
        let price = number::steps(&row.price, listed.tick_size()).filter(|ticks| *ticks > 0);
        let price = Ticks(price.ok_or_else(|| not_whole("price", &row.price))?);
        let left = number::steps(&row.remaining, listed.lot_size()).filter(|lots| *lots > 0);
        let quantity = Lots(left.ok_or_else(|| not_whole("remaining", &row.remaining))?);
        let name = if row.client_order_id.is_empty() { id.as_str() } else { &row.client_order_id };
        let client_order_id = ClientOrderId::new(name).map_err(|error| format!("client order id {name:?}: {error}"))?;
        Ok(RequestContent::OpenOrder(OpenOrder { user, symbol: listed.id(), side, price, quantity, client_order_id }))
    }

    fn user(&self, key: &str) -> Result<UserId, Unusable> {
        self.users.get(key).copied().ok_or_else(|| format!("unknown user {key:?}"))
    }

    fn symbol(&self, name: &str) -> Result<&Instrument, Unusable> {
        self.symbols.get(name).ok_or_else(|| format!("unknown symbol {name:?}"))
    }
}

fn read_amount(what: &str, text: &str, scale: u8) -> Result<Amount, Unusable> {
    number::amount(text, scale).ok_or_else(|| format!("{what} {text:?} is no decimal of at most {scale} decimals"))
}
