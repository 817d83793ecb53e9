//! The engine against the model, and the scenarios against both.

mod agreement;
mod coverage;
mod scenarios;
