//! `buttonwood shards list | add | set`: the shards of a running venue.

use std::time::{SystemTime, UNIX_EPOCH};

use clap::Args as ClapArgs;
use serde_json::{Map, Value, json};

use super::reach::{No, Reach};

/// Which venue.
#[derive(Debug, ClapArgs)]
pub(crate) struct ListArgs {
    #[command(flatten)]
    reach: Reach,
    /// Print the answer as it is, as JSON.
    #[arg(long)]
    json: bool,
}

/// Which shard.
#[derive(Debug, ClapArgs)]
pub(crate) struct AddArgs {
    /// Its name: the configuration file of the venue must have a `[[shards]]` entry of it by now.
    name: String,
    /// How much of what is new it takes, relative to the others, which have 100 unless somebody has changed that.
    #[arg(long, value_name = "W", value_parser = clap::value_parser!(u32).range(1..))]
    weight: Option<u32>,
    #[command(flatten)]
    reach: Reach,
}

/// What to change.
#[derive(Debug, ClapArgs)]
#[command(group = clap::ArgGroup::new("change").required(true).multiple(true))]
pub(crate) struct SetArgs {
    /// Name of the shard.
    name: String,
    /// How much of what is new it takes, relative to the others.
    #[arg(long, value_name = "W", group = "change", value_parser = clap::value_parser!(u32).range(1..))]
    weight: Option<u32>,
    /// It takes nothing new any more; what lives on it stays until it is moved.
    #[arg(long, group = "change", conflicts_with = "active")]
    draining: bool,
    /// It takes what is new (again).
    #[arg(long, group = "change")]
    active: bool,
    #[command(flatten)]
    reach: Reach,
}

pub(crate) fn list(args: &ListArgs) -> anyhow::Result<()> {
    let answer = args.reach.desk()?.get("/v1/admin/shards", "")?;
    if args.json {
        println!("{answer:#}");
        return Ok(());
    }
    let shards = answer["shards"].as_array().map(Vec::as_slice).unwrap_or_default();
    if shards.is_empty() {
        println!("no shards: one store holds everything");
    }
    for shard in shards {
        print_shard(shard);
    }
    for open in answer["moves"].as_array().map(Vec::as_slice).unwrap_or_default() {
        let subject = open["symbol"].as_str().map_or_else(|| format!("user {}", open["userId"]), str::to_owned);
        println!("moving: {subject} from {} to {}, begun at {}", text(&open["from"]), text(&open["to"]), open["begun"]);
    }
    Ok(())
}

fn print_shard(shard: &Value) {
    let configured = if shard["configured"] == true { "" } else { ", NOT IN THE CONFIGURATION" };
    println!(
        "{} (shard {}): {}, weight {}, {} symbols, {} users{configured}",
        text(&shard["name"]),
        shard["shardId"],
        text(&shard["status"]),
        shard["weight"],
        shard["symbols"],
        shard["users"]
    );
    for follower in shard["followers"].as_array().map(Vec::as_slice).unwrap_or_default() {
        let why = [("stopped", &follower["stopped"]), ("trouble", &follower["trouble"])];
        let why = why.into_iter().find_map(|(what, why)| Some(format!("; {what}: {}", why.as_str()?)));
        println!(
            "  {}: at {}, {} behind{}",
            text(&follower["name"]),
            follower["checkpoint"],
            follower["lag"],
            why.unwrap_or_default()
        );
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or("?")
}

pub(crate) fn add(args: &AddArgs) -> anyhow::Result<()> {
    // The request follows from the name: asked again, it is the same request.
    let mut body = body(&format!("add-{}", args.name), &args.name);
    if let Some(weight) = args.weight {
        body.insert("weight".into(), json!(weight));
    }
    let answer = args.reach.desk()?.request("shards", &Value::Object(body))?.map_err(|no| refused(&no))?;
    println!(
        "{} is shard {} and takes what is new from sequence {} on",
        args.name, answer["shardId"], answer["sequence"]
    );
    Ok(())
}

pub(crate) fn set(args: &SetArgs) -> anyhow::Result<()> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_micros();
    let mut body = body(&format!("set-{now}"), &args.name);
    if let Some(weight) = args.weight {
        body.insert("weight".into(), json!(weight));
    }
    if args.draining || args.active {
        body.insert("status".into(), json!(if args.draining { "draining" } else { "active" }));
    }
    let answer = args.reach.desk()?.request("shards/set", &Value::Object(body))?.map_err(|no| refused(&no))?;
    println!("{} is changed from sequence {} on", args.name, answer["sequence"]);
    Ok(())
}

fn body(request_id: &str, name: &str) -> Map<String, Value> {
    Map::from_iter([("requestId".to_owned(), json!(request_id)), ("name".to_owned(), json!(name))])
}

fn refused(no: &No) -> anyhow::Error {
    anyhow::anyhow!("{} ({})", no.message, no.code)
}
