//! A round of load inside the venue's process: its acknowledgements come through a pipe, and are compared with the logs after
//! the kill.

use std::time::Instant;

use anyhow::Context;
use outside::process::Running;

use crate::ack::Ack;
use crate::logs;
use crate::rig::Rig;
use crate::servers::{Servers, Victim};

/// Acknowledgements after which a load is killed: a power of two, up to this one.
const ACKNOWLEDGED_LOG2_MAX: u64 = 16;
/// The same where the archive is in a document database: the servers for tests take a few thousand a second.
const DOCUMENTS_LOG2_MAX: u64 = 12;
/// Of a hundred loads, those that are killed before their first acknowledgement.
const STARTING_PERCENT: u64 = 10;
/// How long after its beginning such a load is killed at the latest.
const STARTING_MS: u64 = 400;
/// Commands a second of a load that goes on while servers are killed and started: nobody needs millions of them.
const RATE_WITH_SERVERS: &str = "10000";
/// Bits that the number of a command has within its round.
const NUMBER_BITS: u32 = 32;

/// All loads so far.
#[derive(Debug)]
pub(crate) struct InProcess {
    acknowledged: u64,
}

impl InProcess {
    /// Lists what the load trades. This is not killed: the load expects its users side by side.
    pub(crate) fn set_up(rig: &Rig) -> anyhow::Result<Self> {
        let output = rig.binary.run(&["load", "--seed", "0", "--commands", "0"], &rig.data)?;
        anyhow::ensure!(output.status.success(), "load: {}", outside::process::said(&output));
        Ok(Self { acknowledged: 0 })
    }

    /// Commands acknowledged.
    pub(crate) fn acknowledged(&self) -> u64 {
        self.acknowledged
    }

    pub(crate) fn round(&mut self, rig: &mut Rig, round: u64) -> anyhow::Result<String> {
        if rig.random.below(2) == 0 {
            rig.stop()?;
        } else {
            rig.venue()?;
            rig.kill()?;
        }
        let (acks, how) = load(rig, round)?;
        rig.round_ended(round)?;
        let begun = Instant::now();
        rig.restart_servers()?;
        rig.venue()?;
        let up = begun.elapsed();
        logs::check(rig, &acks)?;
        self.acknowledged += u64::try_from(acks.len())?;
        Ok(format!(
            "in process, {how}killed, up again after {:.2} s; {} acknowledged commands are in the logs as answered",
            up.as_secs_f64(),
            acks.len()
        ))
    }
}

/// Runs the load and kills it, and perhaps servers before; what it has acknowledged, and how they were killed.
fn load(rig: &mut Rig, round: u64) -> anyhow::Result<(Vec<Ack>, String)> {
    let victim = rig.victim(round);
    let mut how = String::new();
    let (seed, first) = (rig.random.next().to_string(), (round << NUMBER_BITS).to_string());
    let data = rig.data.to_str().context("a path that is text")?;
    let rate = if rig.servers.is_some() { RATE_WITH_SERVERS } else { "0" };
    let command = rig.binary.command(&["load", "--data", data, "--seed", &seed, "--first", &first, "--rate", rate]);
    let mut load = Running::spawn(command, rig.data.with_extension("log"))?;
    let mut lines = Vec::new();
    if rig.random.below(100) < STARTING_PERCENT {
        std::thread::sleep(rig.moment(STARTING_MS));
        rig.kills.starting += 1;
    } else {
        let documents = rig.servers.as_ref().is_some_and(Servers::have_archives);
        let log2_max = if documents { DOCUMENTS_LOG2_MAX } else { ACKNOWLEDGED_LOG2_MAX };
        let goal = usize::try_from(1_u64 << rig.random.below(log2_max + 1))?;
        let kill_at = match victim {
            Victim::Venue => None,
            Victim::Servers => Some(goal / 2),
            Victim::Both => Some(goal),
        };
        // One more line, which says that it is ready.
        while lines.len() <= goal {
            lines.push(load.line().with_context(|| format!("the load stalls:\n{}", load.logged()))?);
            if kill_at.is_some_and(|kill_at| lines.len() == kill_at + 1) {
                how = rig.kill_servers()? + ", ";
                if victim == Victim::Servers {
                    rig.restart_servers()?;
                }
            }
        }
        std::thread::sleep(rig.moment(2));
    }
    load.kill()?;
    rig.kills.all += 1;
    while let Some(line) = load.line() {
        lines.push(line);
    }
    let mut acks = Vec::new();
    for (index, line) in lines.iter().enumerate().skip(1) {
        match line.parse() {
            Ok(ack) => acks.push(ack),
            // The kill may have cut it off.
            Err(_) if index + 1 == lines.len() => {}
            Err(_) => anyhow::bail!("the load said {line:?}"),
        }
    }
    Ok((acks, how))
}
