//! What everybody may see.

pub(crate) mod general;
pub(crate) mod exchange_info;
pub(crate) mod depth;
pub(crate) mod trades;
pub(crate) mod tickers;
pub(crate) mod klines;
pub(crate) mod intervals;
pub(crate) mod selection;
