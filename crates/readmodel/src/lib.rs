//! The recent state of the venue in memory.
