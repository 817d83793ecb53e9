//! Placing, replacing, amending and canceling orders.

pub(crate) mod place;
pub(crate) mod cancel;
pub(crate) mod replace;
pub(crate) mod amend;
pub(crate) mod ticket;
pub(crate) mod names;
pub(crate) mod answer;
