//! The binary `buttonwood`, from outside: killed, damaged, copied, overloaded, starved, and asked to find what is wrong.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test that cannot go on stops, and a skipped one says so"
)]

mod desk;
mod torture;
mod real_day;
mod damage;
mod copies;
mod postgres;
mod shards;
mod field;
mod moves;
mod retirement;
mod import;
mod troubles;
mod failover;
mod standby;
mod archives;
mod dynamodb;
mod overload;
mod wrong_rows;
mod lost_rows;
mod verify_beside;
mod export;
mod full_disk;
mod shutdown;
mod restart;
mod arguments;
mod access;
mod addresses;
mod archive_reads;
mod archive_places;
mod archive_backlog;
mod sockets;
mod bench;
