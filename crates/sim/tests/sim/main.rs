//! The engine against the model, and the scenarios against both.

mod agreement;
mod conservation;
mod coverage;
mod crash;
mod scenarios;
