//! Private PostgreSQL servers, started from the binaries that are installed: for tests, and for `cargo xtask cluster`.
//!
//! **Invariant:** a server touches nothing outside its own folder, and listens on loopback only, with a password of its own.
//! **Invariant:** a server that was not asked to stay dies with the process that started it, however that ends.
//! **Invariant:** a process is signalled only while it is known to be a postmaster in its own data directory, or our child.
//!
//! Linux only: it reads `/proc`. PostgreSQL refuses to run as root, so root's servers run as the user `postgres`.
//!
//! Start reading at [`server::Server`].

pub mod server;
pub mod options;
pub mod binaries;
mod standby;
mod prepare;
mod postmaster;
mod state;
mod folder;
