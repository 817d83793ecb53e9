//! A round of REST clients: they trade, the venue is killed, and after the next start each of them asks for everything it was
//! promised.

use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::Context;

use crate::check::Checker;
use crate::market::Market;
use crate::moves::Moves;
use crate::orders::Order;
use crate::rig::Rig;
use crate::servers::Victim;
use crate::trader::{Log, Trader};

/// Acknowledgements of a round, at most.
const ACKNOWLEDGED_MAX: u64 = 1_500;
/// How long a venue may say nothing at all.
const SILENCE: Duration = Duration::from_mins(1);
/// Of a hundred venues under load, those that are asked to shut down first.
const STOPPING_PERCENT: u64 = 25;
/// Orders of earlier rounds that each trader asks for again.
const OLD_ORDERS: u64 = 20;

/// All clients, and everything they were ever promised.
#[derive(Debug)]
pub(crate) struct Rest {
    market: Market,
    /// By trader.
    orders: Vec<Vec<Order>>,
    cancels: u64,
    unknown: u64,
    moves: Option<Moves>,
}

impl Rest {
    /// With `moves`, symbols and users move between so many shards.
    pub(crate) fn set_up(rig: &mut Rig, traders: u32, moves: Option<usize>) -> anyhow::Result<Self> {
        let market = Market::set_up(rig, traders)?;
        let orders = market.traders.iter().map(|_| Vec::new()).collect();
        let admin = rig.binary.admin_key(&rig.data)?;
        let moves = moves.map(|shards| Moves::new(shards, admin, market.users.clone())).transpose()?;
        Ok(Self { market, orders, cancels: 0, unknown: 0, moves })
    }

    /// Moves that were begun.
    pub(crate) fn moves(&self) -> u64 {
        self.moves.as_ref().map_or(0, Moves::begun)
    }

    /// Orders and cancels acknowledged, orders of unknown outcome resolved.
    pub(crate) fn counts(&self) -> (usize, u64, u64) {
        (self.orders.iter().map(Vec::len).sum(), self.cancels, self.unknown)
    }

    pub(crate) fn round(&mut self, rig: &mut Rig, round: u64) -> anyhow::Result<String> {
        let victim = rig.victim(round);
        let (acknowledged, traders) = self.start(rig, round)?;
        let goal = 1 + rig.random.below(ACKNOWLEDGED_MAX);
        if let Some(moves) = &mut self.moves {
            let mut client = rig.client(moves.admin())?;
            moves.begin(&mut client, &mut rig.random)?;
        }
        let mut how = Vec::new();
        if victim == Victim::Servers {
            // The venue goes on without them, and after them.
            wait_for(&acknowledged, goal / 2).with_context(|| rig_log(rig))?;
            how.push(rig.kill_servers()?);
            wait_for(&acknowledged, goal / 4).with_context(|| rig_log(rig))?;
            rig.restart_servers()?;
            wait_for(&acknowledged, goal / 4).with_context(|| rig_log(rig))?;
            drop(acknowledged);
        } else {
            wait_for(&acknowledged, goal).with_context(|| rig_log(rig))?;
            std::thread::sleep(rig.moment(2));
            if victim == Victim::Both {
                how.push(rig.kill_servers()?);
            }
            how.push(end_venue(rig)?.to_owned());
        }
        let logs: Vec<Log> = traders.into_iter().map(join).collect::<Result<_, _>>()?;
        rig.round_ended(round)?;
        let begun = Instant::now();
        // Now and then the venue starts first.
        if rig.random.below(4) > 0 {
            rig.restart_servers()?;
        }
        rig.venue()?;
        let up = begun.elapsed();
        rig.restart_servers()?;
        let promised: usize = logs.iter().map(|log| log.orders.len()).sum();
        let unknown = logs.iter().filter(|log| log.unknown.is_some()).count();
        let cancels: u64 = logs.iter().map(|log| log.cancels).sum();
        for (index, log) in logs.into_iter().enumerate() {
            self.check(rig, index, log).with_context(|| format!("trader {index}"))?;
        }
        self.market.check_money(rig)?;
        self.cancels += cancels;
        self.unknown += u64::try_from(unknown)?;
        Ok(format!(
            "rest, {}, up again after {:.2} s; {promised} orders and {cancels} cancels are there, {unknown} resolved",
            how.join(", "),
            up.as_secs_f64()
        ))
    }

    fn start(&self, rig: &mut Rig, round: u64) -> anyhow::Result<(Receiver<()>, Vec<JoinHandle<Log>>)> {
        let address = rig.venue()?.address()?;
        let (sender, acknowledged) = channel();
        let trader = |(index, key)| {
            let (name, seed) = (format!("t{index}-{round}"), rig.random.next());
            let trader = Trader::new(address, key, name, seed, sender.clone());
            std::thread::spawn(move || trader.run())
        };
        let traders = self.market.traders.iter().enumerate().map(trader).collect();
        Ok((acknowledged, traders))
    }

    /// Holds the venue to everything it has told one trader in the round, and to some of what it told before.
    fn check(&mut self, rig: &mut Rig, index: usize, log: Log) -> anyhow::Result<()> {
        if let Some(wrong) = log.wrong {
            return Err(wrong);
        }
        let client = rig.client(&self.market.traders[index])?;
        let mut checker = Checker::new(client, rig.random.next());
        checker.check_sequence(log.sequence)?;
        let mut orders = log.orders;
        if let Some(unknown) = &log.unknown {
            orders.extend(checker.resolve(unknown)?);
        }
        for order in &mut orders {
            checker.ask(order)?;
        }
        checker.check_list(&mut orders)?;
        let old = &mut self.orders[index];
        for _ in 0..OLD_ORDERS.min(u64::try_from(old.len())?) {
            let one = rig.random.below(u64::try_from(old.len())?);
            checker.ask(&mut old[usize::try_from(one)?])?;
        }
        old.extend(orders);
        Ok(())
    }

    /// Asks for the list of all orders ever acknowledged.
    pub(crate) fn check_everything(&mut self, rig: &mut Rig) -> anyhow::Result<()> {
        for (key, orders) in self.market.traders.iter().zip(&mut self.orders) {
            let client = rig.client(key)?;
            Checker::new(client, rig.random.next()).check_list(orders)?;
        }
        Ok(())
    }

    /// The venue has shut down: what all shards own together is everything, once.
    pub(crate) fn check_shards(&self, rig: &Rig) -> anyhow::Result<()> {
        let (orders, _, _) = self.counts();
        let servers = rig.servers.as_ref().filter(|servers| servers.have_shards());
        servers.map_or(Ok(()), |servers| self.market.check_shards(servers, orders))
    }
}

/// Kills the venue, or shuts it down, under load; how, in words.
fn end_venue(rig: &mut Rig) -> anyhow::Result<&'static str> {
    Ok(match rig.random.below(100) {
        0..STOPPING_PERCENT if rig.kill_stopping()? => "killed while shutting down",
        0..STOPPING_PERCENT => "shut down under load",
        _ => {
            rig.kill()?;
            "killed under load"
        }
    })
}

/// Waits until so much was acknowledged.
fn wait_for(acknowledged: &Receiver<()>, goal: u64) -> anyhow::Result<()> {
    for count in 0..goal {
        match acknowledged.recv_timeout(SILENCE) {
            Ok(()) => {}
            Err(RecvTimeoutError::Timeout) => anyhow::bail!("nothing was acknowledged any more after {count}"),
            // Each of them says why.
            Err(RecvTimeoutError::Disconnected) => return Ok(()),
        }
    }
    Ok(())
}

fn rig_log(rig: &mut Rig) -> String {
    rig.venue().map(|venue| venue.logged()).unwrap_or_default()
}

fn join(thread: JoinHandle<Log>) -> anyhow::Result<Log> {
    thread.join().map_err(|_panic| anyhow::anyhow!("a trader failed"))
}
