//! The read model against the engine's state, and against stores that are behind.

mod stores;
mod state;
mod history;
mod restart;
