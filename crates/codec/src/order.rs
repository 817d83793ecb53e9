//! What an order is: side and kind as one block of fixed width, so that reading one takes no search.

use domain::order::{CloseReason, Liquidity, MarketSize, OrderKind, Side, TimeInForce};
use domain::units::{Amount, Lots, Ticks};

use crate::error::{DecodeError, DecodeFault};
use crate::field::{Field, tags};
use crate::reader::Reader;

tags!(Side { Buy = 1, Sell = 2 });
tags!(Liquidity { Maker = 1, Taker = 2 });
tags!(CloseReason { Canceled = 1, Replaced = 2, KillSwitch = 3, NoLiquidity = 4, NoFunds = 5, FillLimit = 6 });

/// Which [`OrderKind`]; decides what the 16 bytes after it are.
#[derive(Clone, Copy)]
enum Shape {
    GoodTilCanceled,
    PostOnly,
    ImmediateOrCancel,
    FillOrKill,
    MarketQuantity,
    MarketQuote,
}

tags!(Shape {
    GoodTilCanceled = 1,
    PostOnly = 2,
    ImmediateOrCancel = 3,
    FillOrKill = 4,
    MarketQuantity = 5,
    MarketQuote = 6,
});

impl Field for OrderKind {
    #[inline]
    fn write(&self, out: &mut Vec<u8>) {
        match *self {
            Self::Limit { price, quantity, time_in_force } => {
                shape_of(time_in_force).write(out);
                price.write(out);
                quantity.write(out);
            }
            Self::Market { size: MarketSize::Quantity(quantity) } => {
                Shape::MarketQuantity.write(out);
                quantity.write(out);
                0_u64.write(out);
            }
            Self::Market { size: MarketSize::Quote(amount) } => {
                Shape::MarketQuote.write(out);
                amount.write(out);
            }
        }
    }
    #[inline]
    fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        match Shape::read(reader)? {
            Shape::GoodTilCanceled => read_limit(reader, TimeInForce::GoodTilCanceled),
            Shape::PostOnly => read_limit(reader, TimeInForce::PostOnly),
            Shape::ImmediateOrCancel => read_limit(reader, TimeInForce::ImmediateOrCancel),
            Shape::FillOrKill => read_limit(reader, TimeInForce::FillOrKill),
            Shape::MarketQuantity => {
                let quantity = Lots::read(reader)?;
                if u64::read(reader)? != 0 {
                    return Err(reader.fault_before(8, DecodeFault::PaddingInvalid));
                }
                Ok(Self::Market { size: MarketSize::Quantity(quantity) })
            }
            Shape::MarketQuote => Ok(Self::Market { size: MarketSize::Quote(Amount::read(reader)?) }),
        }
    }
}

const fn shape_of(time_in_force: TimeInForce) -> Shape {
    match time_in_force {
        TimeInForce::GoodTilCanceled => Shape::GoodTilCanceled,
        TimeInForce::PostOnly => Shape::PostOnly,
        TimeInForce::ImmediateOrCancel => Shape::ImmediateOrCancel,
        TimeInForce::FillOrKill => Shape::FillOrKill,
    }
}

#[inline]
fn read_limit(reader: &mut Reader<'_>, time_in_force: TimeInForce) -> Result<OrderKind, DecodeError> {
    let price = Ticks::read(reader)?;
    let quantity = Lots::read(reader)?;
    Ok(OrderKind::Limit { price, quantity, time_in_force })
}
