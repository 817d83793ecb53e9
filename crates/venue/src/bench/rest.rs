//! `rest`: signed orders over HTTP keep-alive connections, generator and venue on the same cores.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::Context;
use clap::Args as ClapArgs;
use domain::command::RequestContent;
use domain::command::create_api_key::Roles;
use domain::instrument::{Fees, Step, SymbolLimits};
use domain::units::Amount;
use hdrhistogram::Histogram;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;

use crate::config::Config;
use crate::console::{Console, NewSymbol};
use crate::live::{Beside, Live};
use crate::serve::Served;

/// Load that comes first and is not measured: connections open, and memory is touched for the first time.
const WARM_UP: Duration = Duration::from_secs(1);
/// Orders each connection leaves resting before it begins to cancel.
const RESTING: usize = 50;

/// What to measure.
#[derive(Debug, Clone, ClapArgs)]
pub(crate) struct Options {
    /// Seconds to measure, after one second of the same load to warm up.
    #[arg(long, default_value_t = 20)]
    pub(crate) seconds: u64,
    /// Connections, each with a user and key of its own.
    #[arg(long, default_value_t = 32)]
    pub(crate) connections: u32,
    /// Orders a second over all connections, each at its time (open loop); 0: as many as are answered.
    #[arg(long, default_value_t = 0)]
    pub(crate) rate: u64,
}

/// What was measured.
#[derive(Debug)]
pub(crate) struct Measured {
    pub(crate) orders_per_s: f64,
    pub(crate) latency: Histogram<u64>,
    pub(crate) errors: u64,
}

struct Client {
    api_key: String,
    secret: String,
}

/// Runs the load and measures it.
pub(crate) fn measure(options: &Options) -> anyhow::Result<Measured> {
    let temporary = tempfile::Builder::new().prefix("buttonwood-bench-").tempdir()?;
    let listen = SocketAddr::from(([127, 0, 0, 1], 0));
    let config = Config { data: temporary.path().to_owned(), listen, ..Config::load(None)? };
    let live = Live::start(&config, Beside { store: true, replayer: true }, Vec::new(), &mut |_| {})?;
    let served = Served::start(&config, &live)?;
    let clients = set_up(&Console::new(live.entrance.clone(), "bench"), &served, options.connections)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let begun = Instant::now();
    let (latency, errors) = runtime.block_on(load(served.address, clients, options, begun))?;
    let elapsed = begun.elapsed().saturating_sub(WARM_UP);
    served.stop();
    live.shutdown()?;
    let orders = u32::try_from(latency.len()).unwrap_or(u32::MAX);
    Ok(Measured { orders_per_s: f64::from(orders) / elapsed.as_secs_f64(), latency, errors })
}

fn set_up(console: &Console, served: &Served, connections: u32) -> anyhow::Result<Vec<Client>> {
    let (base, quote) = (console.asset("BTC", 8)?, console.asset("USDT", 8)?);
    console.symbol(&NewSymbol {
        code: "BTCUSDT",
        base,
        quote,
        tick_size: Step { mantissa: 1, scale: 2 },
        lot_size: Step { mantissa: 1, scale: 4 },
        limits: SymbolLimits::WIDEST,
        fees: Fees::default(),
    })?;
    let roles = Roles { read: true, trade: true, ..Roles::default() };
    let client = |number| {
        let user = console.user()?;
        for asset in [base, quote] {
            console.deposit(user, asset, Amount(1_000_000_000_000_000_000))?;
        }
        let key = served.master_key.new_key(user, roles, &format!("bench-{number}"));
        let client = Client { api_key: key.command.api_key.to_string(), secret: key.secret };
        console.request(RequestContent::CreateApiKey(Box::new(key.command)))?;
        Ok(client)
    };
    (0..connections).map(client).collect()
}

async fn load(
    address: SocketAddr,
    clients: Vec<Client>,
    options: &Options,
    begun: Instant,
) -> anyhow::Result<(Histogram<u64>, u64)> {
    let schedule = Arc::new(Schedule {
        begun,
        interval: Duration::from_secs(1).checked_div(u32::try_from(options.rate)?).unwrap_or_default(),
        end: WARM_UP + Duration::from_secs(options.seconds),
        next: AtomicU64::new(0),
        due: Semaphore::new(0),
    });
    let clock = Arc::clone(&schedule);
    let clock = std::thread::spawn(move || clock.run());
    let tasks = clients.into_iter().map(|client| {
        let schedule = Arc::clone(&schedule);
        tokio::spawn(async move { connection(address, &client, &schedule).await })
    });
    let tasks: Vec<_> = tasks.collect();
    let mut latency = Histogram::new_with_bounds(1, 60_000_000_000, 3)?;
    let mut errors = 0;
    for task in tasks {
        let (of_one, errors_of_one) = task.await??;
        latency.add(of_one)?;
        errors += errors_of_one;
    }
    clock.join().expect("the clock of the load does not panic");
    Ok((latency, errors))
}

/// When each request is due, whether or not those before it have been answered.
struct Schedule {
    begun: Instant,
    /// Zero: a request is due as soon as a connection is free.
    interval: Duration,
    end: Duration,
    next: AtomicU64,
    /// One permit for each request that is due and not yet taken. Given out by a thread, because tokio's timer counts whole
    /// milliseconds.
    due: Semaphore,
}

impl Schedule {
    fn run(&self) {
        if self.interval.is_zero() {
            return;
        }
        let mut given = 0_u32;
        while self.interval * given < self.end {
            if let Some(wait) = (self.interval * given).checked_sub(self.begun.elapsed()) {
                std::thread::sleep(wait);
            } else {
                self.due.add_permits(1);
                given += 1;
            }
        }
        self.due.close();
    }

    /// The next request's number and when it was due; absent: none is left.
    async fn next(&self) -> Option<(u64, Duration)> {
        if self.interval.is_zero() {
            let now = self.begun.elapsed();
            return (now < self.end).then(|| (self.next.fetch_add(1, Ordering::Relaxed), now));
        }
        self.due.acquire().await.ok()?.forget();
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        Some((number, self.interval * u32::try_from(number).ok()?))
    }
}

/// Half of the requests place orders that rest away from the touch, two fifths cancel those, a tenth buys and sells at one price.
async fn connection(
    address: SocketAddr,
    client: &Client,
    schedule: &Schedule,
) -> anyhow::Result<(Histogram<u64>, u64)> {
    let mut stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let keyed = Hmac::<Sha256>::new_from_slice(client.secret.as_bytes())?;
    let mut latency = Histogram::new_with_bounds(1, 60_000_000_000, 3)?;
    let (mut errors, mut request, mut buffer) = (0, Vec::new(), vec![0; 16 * 1024]);
    let mut resting = VecDeque::new();
    while let Some((number, due)) = schedule.next().await {
        let what = match number % 10 {
            0 => What::Trade,
            1..5 if resting.len() >= RESTING => What::Cancel(resting.pop_front().unwrap_or(0)),
            _ => {
                resting.push_back(number);
                What::Rest
            }
        };
        write_request(&mut request, client, &keyed, number, &what);
        stream.write_all(&request).await?;
        if !read_answer(&mut stream, &mut buffer).await? {
            errors += 1;
        }
        let took = schedule.begun.elapsed().saturating_sub(due);
        if due < WARM_UP {
            continue;
        }
        latency.saturating_record(u64::try_from(took.as_nanos()).unwrap_or(u64::MAX));
    }
    Ok((latency, errors))
}

/// One request of the load.
enum What {
    Rest,
    Trade,
    /// The order placed as this number.
    Cancel(u64),
}

fn write_request(request: &mut Vec<u8>, client: &Client, keyed: &Hmac<Sha256>, number: u64, what: &What) {
    use std::io::Write as _;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
    let side = if (number / 10).is_multiple_of(2) { "BUY" } else { "SELL" };
    let (method, query) = match what {
        What::Cancel(placed) => ("DELETE", format!("symbol=BTCUSDT&origClientOrderId=r{placed}&timestamp={now}")),
        What::Rest => (
            "POST",
            order(side, if side == "BUY" { 60_000 - number % 1_000 } else { 70_000 + number % 1_000 }, number, now),
        ),
        What::Trade => ("POST", order(side, 65_000, number, now)),
    };
    let mut mac = keyed.clone();
    mac.update(query.as_bytes());
    let signature = hex::encode(mac.finalize().into_bytes());
    request.clear();
    write!(
        request,
        "{method} /api/v3/order?{query}&signature={signature} HTTP/1.1\r\nHost: venue\r\nX-MBX-APIKEY: {}\r\nContent-Length: 0\r\n\r\n",
        client.api_key
    )
    .expect("writing to a buffer");
}

fn order(side: &str, price: u64, number: u64, now: u128) -> String {
    format!(
        "symbol=BTCUSDT&side={side}&type=LIMIT&timeInForce=GTC&quantity=0.01&price={price}&newClientOrderId=r{number}\
         &newOrderRespType=ACK&timestamp={now}"
    )
}

/// Reads one answer; says whether it was a good one.
async fn read_answer(stream: &mut TcpStream, buffer: &mut [u8]) -> anyhow::Result<bool> {
    let mut filled = 0;
    loop {
        let read = stream.read(&mut buffer[filled..]).await?;
        anyhow::ensure!(read > 0, "the venue closed the connection");
        filled += read;
        let Some(head_end) = buffer[..filled].windows(4).position(|window| window == b"\r\n\r\n") else { continue };
        let head = std::str::from_utf8(&buffer[..head_end])?;
        let length = head
            .lines()
            .filter_map(|line| line.split_once(':'))
            .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
            .context("an answer without a length")?;
        let length: usize = length.1.trim().parse()?;
        if filled >= head_end + 4 + length {
            return Ok(head.starts_with("HTTP/1.1 200"));
        }
    }
}
