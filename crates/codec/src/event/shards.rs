//! Shards, placements, moves.

use domain::event::{Moving, ShardAdded, SymbolPlaced, UserPlaced};

use crate::field::fields;

fields!(ShardAdded { shard, symbols_placed, users_placed });
fields!(SymbolPlaced { symbol, shard });
fields!(UserPlaced { user, shard });
fields!(Moving { subject, from, to });
