//! DynamoDB: trades and audit log as the projector writes them, in tables of its own, which are deleted at the end.

#[cfg(feature = "dynamodb")]
use anyhow::Context;
use clap::Args as ClapArgs;
#[cfg(feature = "dynamodb")]
use store_dynamodb::{config::DynamoConfig, cost::DOLLARS_PER_MILLION_WRITES, scratch::Scratch, store::DynamoStore};

use super::Figure;
#[cfg(feature = "dynamodb")]
use super::archives::{self, STREAMS};
use super::work::Work;

/// Which services.
#[derive(Debug, Clone, ClapArgs)]
pub(super) struct DynamoServices {
    /// A DynamoDB to measure, as `dynamodb://REGION/PREFIX`; may be said several times. Tables of its own are made there, and deleted at
    /// the end; what is written to them is charged.
    #[arg(long = "dynamodb", value_name = "URL")]
    dynamodb_urls: Vec<String>,
}

pub(super) fn measure(options: &super::Options, work: &Work) -> anyhow::Result<Vec<Figure>> {
    let urls = &options.dynamodb.dynamodb_urls;
    if urls.is_empty() {
        println!("DynamoDB is left out, for no --dynamodb URL names a service");
    }
    let mut figures = Vec::new();
    for url in urls {
        figures.extend(at(url, work)?);
    }
    Ok(figures)
}

#[cfg(feature = "dynamodb")]
fn at(url: &str, work: &Work) -> anyhow::Result<Vec<Figure>> {
    let named = DynamoConfig::new(url)?;
    let place = named.place();
    let service = place.rsplit_once('/').map_or(place.as_str(), |(service, _)| service);
    let service = service.rsplit('/').next().unwrap_or(service).to_owned();
    let scratch = Scratch::beside(&named, &super::scratch_name()?);
    let measured = one(&service, &scratch, work);
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
fn at(_: &str, _: &Work) -> anyhow::Result<Vec<Figure>> {
    anyhow::bail!("--dynamodb names a service of {}", crate::config::archives::Kind::DynamoDb.missing())
}
