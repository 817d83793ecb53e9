//! `buttonwood shards move | move-user | drain | moves | abort`.

use std::fmt::{self, Display};
use std::thread::sleep;
use std::time::Duration;

use anyhow::Context;
use clap::Args as ClapArgs;
use serde_json::{Value, json};

use super::reach::{Desk, Reach};

const PATH: &str = "/v1/admin/shards/moves";
/// How often the venue is asked how it goes.
const LOOK: Duration = Duration::from_millis(200);
/// Subjects that a drain moves at a time.
const AT_A_TIME: usize = 4;
/// The venue's words for what is no failure here.
const SAME_SHARD: i64 = -5031;
const ALREADY_MOVING: i64 = -5033;

#[derive(Debug, ClapArgs)]
pub(crate) struct MoveArgs {
    /// The symbol: its orders, fills and positions move.
    symbol: String,
    /// The shard it moves to.
    #[arg(long, value_name = "SHARD")]
    to: String,
    #[command(flatten)]
    reach: Reach,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct MoveUserArgs {
    /// The user's number: their balances, credit limits, ledger and withdrawals move.
    user: u32,
    /// The shard they move to.
    #[arg(long, value_name = "SHARD")]
    to: String,
    #[command(flatten)]
    reach: Reach,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct DrainArgs {
    /// The shard that gets nothing new from now on, and from which everything moves, some at a time, each to the shard that is lightest.
    shard: String,
    #[command(flatten)]
    reach: Reach,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct MovesArgs {
    #[command(flatten)]
    reach: Reach,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct AbortArgs {
    /// The symbol, or a user's number with --user.
    subject: String,
    /// It is a user.
    #[arg(long)]
    user: bool,
    #[command(flatten)]
    reach: Reach,
}

/// A symbol or a user, as it is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Named {
    Symbol(String),
    User(u64),
}

impl Named {
    fn query(&self) -> String {
        match self {
            Self::Symbol(symbol) => format!("symbol={symbol}"),
            Self::User(user) => format!("userId={user}"),
        }
    }

    /// A request about it.
    fn body(&self, verb: &str) -> anyhow::Result<Value> {
        let mut random = [0; 8];
        getrandom::fill(&mut random).map_err(|error| anyhow::anyhow!("no random numbers: {error}"))?;
        let request_id = format!("{verb}-{}", hex::encode(random));
        Ok(match self {
            Self::Symbol(symbol) => json!({"requestId": request_id, "symbol": symbol}),
            Self::User(user) => json!({"requestId": request_id, "userId": user}),
        })
    }

    fn of(moving: &Value) -> Self {
        match moving["symbol"].as_str() {
            Some(symbol) => Self::Symbol(symbol.to_owned()),
            None => Self::User(moving["userId"].as_u64().unwrap_or_default()),
        }
    }
}

impl Display for Named {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Symbol(symbol) => f.write_str(symbol),
            Self::User(user) => write!(f, "user {user}"),
        }
    }
}

pub(crate) fn move_symbol(args: &MoveArgs) -> anyhow::Result<()> {
    bring(&mut args.reach.desk()?, &Named::Symbol(args.symbol.clone()), &args.to)
}

pub(crate) fn move_user(args: &MoveUserArgs) -> anyhow::Result<()> {
    bring(&mut args.reach.desk()?, &Named::User(args.user.into()), &args.to)
}

/// Begins a move, or finds it begun, and stays until it is done.
fn bring(desk: &mut Desk, subject: &Named, to: &str) -> anyhow::Result<()> {
    begin(desk, subject, Some(to))?;
    let mut shown = String::new();
    loop {
        let now = desk.get(PATH, &subject.query())?;
        let part = now["moves"].as_array().and_then(|moves| moves.iter().find(|moving| is_under_way(moving)));
        match part {
            Some(moving) => show(&mut shown, line(moving)),
            None if now["moving"] == true => {}
            None if now["shard"] == to => {
                println!("{subject} is on {to} since sequence {}", now["ownedSince"]);
                return Ok(());
            }
            None => anyhow::bail!("the move was given up: {subject} is on {}", text(&now["shard"])),
        }
        sleep(LOOK);
    }
}

/// What is left to do after a move is the venue's own affair.
fn is_under_way(moving: &Value) -> bool {
    !matches!(moving["state"].as_str(), Some("KEPT" | "REMOVING"))
}

/// Begins a move; one to there that is under way already is as good.
fn begin(desk: &mut Desk, subject: &Named, to: Option<&str>) -> anyhow::Result<()> {
    let mut body = subject.body("move")?;
    if let Some(to) = to {
        body["to"] = json!(to);
    }
    let Err(no) = desk.request("shards/moves", &body)? else { return Ok(()) };
    if no.code == SAME_SHARD {
        return Ok(());
    }
    if no.code == ALREADY_MOVING {
        let now = desk.get(PATH, &subject.query())?;
        let open = now["moves"].as_array().and_then(|moves| moves.iter().find(|moving| is_under_way(moving)));
        let Some(open) = open else { return Ok(()) };
        anyhow::ensure!(
            to.is_none_or(|to| open["to"] == to),
            "{subject} is on its way to {}; `buttonwood shards abort` gives that up",
            text(&open["to"])
        );
        return Ok(());
    }
    Err(anyhow::anyhow!(no.message)).with_context(|| format!("{subject} cannot be moved"))
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or("no shard")
}

fn line(moving: &Value) -> String {
    let (subject, to) = (Named::of(moving), text(&moving["to"]));
    let how = match moving["state"].as_str().unwrap_or_default() {
        "WAITING" => "waits to be copied".to_owned(),
        "COPYING" => format!("{} rows copied", moving["rows"]),
        "FOLLOWING" => format!("copied, {} commands behind", moving["lag"]),
        "SWITCHING" => format!("moved, {} commands until it is read there", moving["lag"]),
        "KEPT" => format!("has left {}, its rows are still there", text(&moving["from"])),
        "REMOVING" => format!("has left {}, its rows are being removed", text(&moving["from"])),
        state => state.to_owned(),
    };
    let trouble = moving["trouble"].as_str().map(|trouble| format!(" ({trouble})")).unwrap_or_default();
    format!("{subject} to {to}: {how}{trouble}")
}

fn show(shown: &mut String, line: String) {
    if *shown != line {
        println!("{line}");
        *shown = line;
    }
}

pub(crate) fn list(args: &MovesArgs) -> anyhow::Result<()> {
    let now = args.reach.desk()?.get(PATH, "")?;
    let moves = now["moves"].as_array().cloned().unwrap_or_default();
    if moves.is_empty() {
        println!("nothing moves");
    }
    for moving in &moves {
        println!("{}", line(moving));
    }
    Ok(())
}

pub(crate) fn abort(args: &AbortArgs) -> anyhow::Result<()> {
    let subject = if args.user {
        Named::User(args.subject.parse().with_context(|| format!("not a user's number: {:?}", args.subject))?)
    } else {
        Named::Symbol(args.subject.clone())
    };
    let mut desk = args.reach.desk()?;
    if let Err(no) = desk.request("shards/moves/abort", &subject.body("abort")?)? {
        return Err(anyhow::anyhow!(no.message)).with_context(|| format!("{subject}: nothing is given up"));
    }
    let now = desk.get(PATH, &subject.query())?;
    println!("{subject} stays on {}", text(&now["shard"]));
    Ok(())
}

/// Asked again after an interruption, it goes on: what has moved has moved.
pub(crate) fn drain(args: &DrainArgs) -> anyhow::Result<()> {
    let mut desk = args.reach.desk()?;
    let shard = &args.shard;
    set_draining(&mut desk, shard)?;
    let mut shown = String::new();
    loop {
        let rest = desk.get("/v1/admin/shards/subjects", &format!("shard={shard}&limit={AT_A_TIME}"))?;
        let mut subjects: Vec<Named> = Vec::new();
        subjects.extend(
            rest["symbols"].as_array().into_iter().flatten().map(|symbol| Named::Symbol(text(symbol).to_owned())),
        );
        subjects.extend(rest["users"].as_array().into_iter().flatten().filter_map(Value::as_u64).map(Named::User));
        if subjects.is_empty() {
            println!("nothing lives on {shard} any more");
            return Ok(());
        }
        let moves = desk.get(PATH, "")?;
        let open: Vec<&Value> =
            moves["moves"].as_array().into_iter().flatten().filter(|moving| is_under_way(moving)).collect();
        for subject in &subjects {
            if !open.iter().any(|moving| Named::of(moving) == *subject) {
                begin(&mut desk, subject, None)?;
            }
        }
        let trouble = open.iter().find_map(|moving| moving["trouble"].as_str()).map(|why| format!(" ({why})"));
        let (symbols, users) = (&rest["symbolCount"], &rest["userCount"]);
        show(&mut shown, format!("{shard}: {symbols} symbols and {users} users left{}", trouble.unwrap_or_default()));
        sleep(LOOK);
    }
}

fn set_draining(desk: &mut Desk, shard: &str) -> anyhow::Result<()> {
    let body = Named::User(0).body("drain")?;
    let body = json!({"requestId": body["requestId"], "name": shard, "status": "draining"});
    match desk.request("shards/set", &body)? {
        Ok(_) => Ok(()),
        Err(no) => Err(anyhow::anyhow!(no.message)).with_context(|| format!("{shard} cannot be drained")),
    }
}
