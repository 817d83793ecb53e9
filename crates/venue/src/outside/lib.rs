//! A venue seen from outside: started, killed, asked. What the torture and the tests of the binary stand on.
//!
//! **Invariant:** it knows the venue by its command line and its REST interface only, as anybody does.
//!
//! Start reading at [`process::Running`].

pub mod process;
pub mod http;
pub mod client;
pub mod money;
