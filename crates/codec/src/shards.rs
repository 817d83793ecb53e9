//! What the shard map is made of.

use domain::shards::{Move, Shard, ShardStatus, Subject};

use crate::field::{fields, tagged, tags};

fields!(Shard { id, weight, status, name });
fields!(Move { subject, to, begun });
tags!(ShardStatus { Active = 1, Draining = 2 });
tagged!(Subject { Symbol(symbol) = 1, User(user) = 2 });
