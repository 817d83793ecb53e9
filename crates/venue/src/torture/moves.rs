//! Symbols and users that move from shard to shard while the round goes on, and what all shards together must have in the end.

use anyhow::Context;
use outside::client::{Client, Key};
use serde_json::{Value, json};

use crate::market::SYMBOLS;
use crate::random::Random;

/// Begins moves.
#[derive(Debug)]
pub(crate) struct Moves {
    shards: u64,
    admin: Key,
    users: Vec<u64>,
    begun: u64,
}

impl Moves {
    /// Between so many shards, named as [`crate::servers::Servers`] does.
    pub(crate) fn new(shards: usize, admin: Key, users: Vec<u64>) -> anyhow::Result<Self> {
        anyhow::ensure!(shards > 1, "--moves needs two shards at least");
        Ok(Self { shards: u64::try_from(shards)?, admin, users, begun: 0 })
    }

    /// How many were begun so far.
    pub(crate) fn begun(&self) -> u64 {
        self.begun
    }

    /// Whoever may begin them.
    pub(crate) fn admin(&self) -> &Key {
        &self.admin
    }

    /// Sends a symbol and a user to other shards, unless they are on their way already.
    pub(crate) fn begin(&mut self, client: &mut Client, random: &mut Random) -> anyhow::Result<()> {
        let symbol = SYMBOLS[usize::from(random.below(2) == 1)];
        let user = self.users[usize::try_from(random.below(u64::try_from(self.users.len())?))?];
        self.send(client, random, &format!("symbol={symbol}"), &json!({"symbol": symbol}))?;
        self.send(client, random, &format!("userId={user}"), &json!({"userId": user}))
    }

    fn send(&mut self, client: &mut Client, random: &mut Random, query: &str, subject: &Value) -> anyhow::Result<()> {
        let place = client.get("/v1/admin/shards/moves", query)?;
        if place["moving"] == true {
            return Ok(());
        }
        let owner = place["shard"].as_str().with_context(|| format!("a shard in {place}"))?;
        let number: u64 = owner.trim_start_matches("shard-").parse().with_context(|| format!("a shard: {owner}"))?;
        let to = 1 + (number - 1 + 1 + random.below(self.shards - 1)) % self.shards;
        self.begun += 1;
        let mut body = subject.clone();
        body["requestId"] = json!(format!("move-{}", self.begun));
        body["to"] = json!(format!("shard-{to}"));
        client.admin("shards/moves", &body)?;
        Ok(())
    }
}
