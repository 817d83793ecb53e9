//! Private servers of document databases: for tests, and for `cargo xtask cluster`.
//!
//! **Invariant:** a server touches nothing outside its own folder, and listens on loopback only.
//! **Invariant:** a server that was not asked to stay dies with the process that started it, however that ends.
//! **Invariant:** a process is signalled only while it is known to be the server of its own folder.
//!
//! Linux only: it reads `/proc`. None of the servers is the real thing: see [`server::Kind`].
//!
//! Start reading at [`server::Server`].

pub mod server;
mod process;
mod python;
mod rust;
mod target;
