//! `buttonwood demo`: a venue with simulated market makers and takers, and a live status line.

mod traders;

use std::io::{IsTerminal as _, Write as _};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context;
use clap::Args as ClapArgs;
use domain::command::RequestContent;
use domain::command::create_api_key::Roles;
use domain::units::Amount;

use crate::config::Config;
use crate::console::Console;
use crate::followers::last_words;
use crate::live::{Beside, Live};
use crate::meter::{Counts, Meter};
use crate::serve::Served;
use traders::Traders;

/// How the demo runs.
#[derive(Debug, ClapArgs)]
pub(crate) struct Args {
    /// Stop after so many seconds; without it, at Ctrl-C.
    #[arg(long, value_name = "N")]
    seconds: Option<u64>,
    /// Orders and cancels a second that the simulated traders send.
    #[arg(long, value_name = "N", default_value_t = 5_000)]
    rate: u64,
    /// Address and port of the REST interface.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
    /// Keep the venue's data here; without it, in a temporary directory that is removed at the end.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Seed of the simulated traders.
    #[arg(long, default_value_t = 1792)]
    seed: u64,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    let temporary = tempfile::Builder::new().prefix("buttonwood-demo-").tempdir()?;
    let data = args.data.clone().unwrap_or_else(|| temporary.path().to_owned());
    let config = Config::load(None)?;
    // Whatever stores the environment leads to are not for play.
    let (shards, archives, archive, hot_days) = Default::default();
    let (store, segment_store) = (None, None);
    let config =
        Config { data, listen: args.listen, shards, archives, archive, hot_days, store, segment_store, ..config };
    let meter = Arc::new(Meter::new());
    let sinks: Vec<Arc<dyn sequencer::batch::AnswerSink>> = vec![Arc::<Meter>::clone(&meter)];
    let live = Live::start(&config, Beside { store: true, replayer: true }, sinks, &mut |_| {})?;
    let served = Served::start(&config, &live)?;
    let console = Console::new(live.entrance.clone(), "demo");
    let traders = Traders::set_up(&console, live.entrance.clone(), Arc::clone(&meter), args.seed)?;
    introduce(&console, &served, traders.quote(), &config)?;

    let stop = Arc::new(AtomicBool::new(false));
    let on_signal = Arc::clone(&stop);
    served.on_interrupt(move || on_signal.store(true, Ordering::Release))?;
    let trading = {
        let (stop, rate) = (Arc::clone(&stop), args.rate);
        std::thread::Builder::new().name("traders".into()).spawn(move || traders.run(rate, &stop))?
    };
    let total = watch(&live, &meter, args.seconds.map(Duration::from_secs), &stop);
    stop.store(true, Ordering::Release);
    trading.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
    served.stop();
    let behind = live.shutdown().context("the venue did not shut down cleanly")?;
    println!("\n{total} orders answered; {}", last_words(&behind));
    if args.data.is_some() {
        println!("check it: buttonwood verify --data {}", config.data.display());
    }
    Ok(())
}

/// Says where the venue is and how to trade on it.
fn introduce(console: &Console, served: &Served, quote: domain::ids::AssetId, config: &Config) -> anyhow::Result<()> {
    let you = console.user()?;
    console.deposit(you, quote, Amount(100_000_000_000_000))?;
    let roles = Roles { read: true, trade: true, ..Roles::default() };
    let key = served.master_key.new_key(you, roles, "demo-trader");
    let api_key = key.command.api_key.to_string();
    console.request(RequestContent::CreateApiKey(Box::new(key.command)))?;
    let url = format!("http://{}", served.address);
    println!("Buttonwood is trading on {url}, data in {}", config.data.display());
    if let Some(admin) = &served.first_key {
        println!("admin api key:     {}\nadmin api secret:  {}", admin.api_key, admin.secret);
    }
    println!("your api key:      {api_key}\nyour api secret:   {}", key.secret);
    println!("\nlook:   curl '{url}/api/v3/depth?symbol=BTCUSDT&limit=5'");
    println!(
        "trade:  Q=\"symbol=BTCUSDT&side=BUY&type=MARKET&quantity=0.01&timestamp=$(date +%s%3N)\"; \
         curl -X POST -H 'X-MBX-APIKEY: {api_key}' \\\n        \
         '{url}/api/v3/order' -d \"$Q&signature=$(printf %s \"$Q\" | openssl dgst -sha256 -hmac {} | cut -d' ' -f2)\"\n",
        key.secret
    );
    Ok(())
}

/// Shows a line a second until told to stop; how many orders were answered.
fn watch(live: &Live, meter: &Meter, limit: Option<Duration>, stop: &AtomicBool) -> u64 {
    let begun = Instant::now();
    let terminal = std::io::stdout().is_terminal();
    let mut next = Duration::from_secs(1);
    let mut looked = begun;
    while !stop.load(Ordering::Acquire) && limit.is_none_or(|limit| begun.elapsed() < limit) {
        std::thread::sleep(Duration::from_millis(50));
        if begun.elapsed() < next {
            continue;
        }
        next += Duration::from_secs(1);
        let counts = meter.take();
        let line = status_line(live, &counts, begun.elapsed(), looked.elapsed());
        looked = Instant::now();
        if terminal {
            print!("\r\x1b[2K{line}");
        } else {
            println!("{line}");
        }
        // A closed terminal is no reason to stop trading.
        drop(std::io::stdout().flush());
    }
    meter.answered()
}

fn status_line(live: &Live, counts: &Counts, since: Duration, over: Duration) -> String {
    let per_second = |count: u64| u64::try_from(u128::from(count) * 1_000_000 / over.as_micros().max(1)).unwrap_or(0);
    let seq = live.read_model.seq().0;
    let stored = live.status.followers.all().iter().map(|follower| follower.reached().0).min().unwrap_or(0);
    format!(
        "{:>5.0} s  {} orders/s  ack p50 {:.2} ms p99 {:.2} ms  {} fills/s  sequence {seq}  store behind by {}",
        since.as_secs_f64(),
        per_second(counts.answered),
        counts.quantile(0.5).as_secs_f64() * 1e3,
        counts.quantile(0.99).as_secs_f64() * 1e3,
        per_second(counts.fills),
        seq.saturating_sub(stored)
    )
}
