//! DynamoDB: trades and audit log as the projector writes them, in tables of its own, which are deleted at the end.

#[cfg(feature = "dynamodb")]
use anyhow::Context;
use clap::Args as ClapArgs;
#[cfg(feature = "dynamodb")]
use store_dynamodb::{config::DynamoConfig, cost::DOLLARS_PER_MILLION_WRITES, scratch::Scratch, store::DynamoStore};

#[cfg(feature = "dynamodb")]
use super::archives::{self, STREAMS};
use super::work::Work;
use super::{Figure, Found};

/// Which services.
#[derive(Debug, Clone, ClapArgs)]
pub(super) struct DynamoServices {
    /// A DynamoDB to measure, as `dynamodb://REGION/PREFIX`; may be said several times. Tables of its own are made there, and deleted at
    /// the end; what is written to them is charged.
    #[arg(long = "dynamodb", value_name = "URL")]
    dynamodb_urls: Vec<String>,
}

pub(super) fn reach(options: &super::Options) -> anyhow::Result<()> {
    options.dynamodb.dynamodb_urls.iter().try_for_each(|url| reach_one(url))
}

pub(super) fn measure(options: &super::Options, work: &Work, found: &mut Found) {
    let urls = &options.dynamodb.dynamodb_urls;
    if urls.is_empty() {
        println!("DynamoDB is left out, for no --dynamodb URL names a service");
    }
    for url in urls {
        found.add(at(url, work));
    }
}

/// Service, and tables to measure in that are not there yet.
#[cfg(feature = "dynamodb")]
fn scratch(url: &str) -> anyhow::Result<(String, Scratch)> {
    let named = DynamoConfig::new(url)?;
    let place = named.place();
    let service = place.rsplit_once('/').map_or(place.as_str(), |(service, _)| service);
    let service = service.rsplit('/').next().unwrap_or(service).to_owned();
    Ok((service, Scratch::beside(&named, &super::scratch_name()?)))
}

/// Deletes tables that are not there.
#[cfg(feature = "dynamodb")]
fn reach_one(url: &str) -> anyhow::Result<()> {
    let (service, scratch) = scratch(url)?;
    scratch.drop_now().with_context(|| format!("DynamoDB {service} cannot be measured in"))
}

#[cfg(feature = "dynamodb")]
fn at(url: &str, work: &Work) -> anyhow::Result<Vec<Figure>> {
    let (service, scratch) = scratch(url)?;
    let measured = one(&service, &scratch, work).with_context(|| format!("DynamoDB {service}"));
    let dropped =
        scratch.drop_now().with_context(|| format!("DynamoDB {service}: the tables that were measured in stay"));
    let figures = measured?;
    dropped?;
    Ok(figures)
}

#[cfg(feature = "dynamodb")]
fn one(service: &str, scratch: &Scratch, work: &Work) -> anyhow::Result<Vec<Figure>> {
    let [reference, trades, audit] = STREAMS.map(|stream| DynamoStore::open(scratch.config(), stream));
    let costs = |stores: &[DynamoStore; 3]| {
        let units: f64 = stores.iter().map(DynamoStore::consumed).sum();
        Some(units * DOLLARS_PER_MILLION_WRITES / 1e6)
    };
    archives::measure(&format!("DynamoDB {service}"), &mut [reference?, trades?, audit?], work, costs)
}

#[cfg(not(feature = "dynamodb"))]
fn reach_one(_: &str) -> anyhow::Result<()> {
    anyhow::bail!("--dynamodb names a service of {}", crate::config::archives::Kind::DynamoDb.missing())
}

#[cfg(not(feature = "dynamodb"))]
fn at(_: &str, _: &Work) -> anyhow::Result<Vec<Figure>> {
    anyhow::bail!("--dynamodb names a service of {}", crate::config::archives::Kind::DynamoDb.missing())
}
