//! MongoDB: trades and audit log as the projector writes them, in a database of its own, which is dropped at the end.

use std::path::PathBuf;

#[cfg(feature = "mongodb")]
use anyhow::Context;
use clap::Args as ClapArgs;
#[cfg(feature = "mongodb")]
use store_mongodb::{config::MongoConfig, scratch::Scratch, store::MongoStore};

#[cfg(feature = "mongodb")]
use super::archives::{self, STREAMS};
use super::work::Work;
use super::{Figure, Found};

/// Which servers.
#[derive(Debug, Clone, ClapArgs)]
pub(super) struct MongoServers {
    /// A MongoDB to measure, as `mongodb://user:password@host:port/database`; may be said several times. A database of its own is made
    /// beside the named one, and dropped at the end.
    #[arg(long = "mongodb", value_name = "URL")]
    mongodb_urls: Vec<String>,
    /// Certificate authorities that the servers' certificates are checked against, as PEM; the public ones by default.
    #[arg(long, value_name = "FILE")]
    mongodb_ca_file: Option<PathBuf>,
}

pub(super) fn reach(options: &super::Options) -> anyhow::Result<()> {
    let own = &options.mongodb;
    own.mongodb_urls.iter().try_for_each(|url| reach_one(url, own.mongodb_ca_file.as_ref()))
}

pub(super) fn measure(options: &super::Options, work: &Work, found: &mut Found) {
    let own = &options.mongodb;
    if own.mongodb_urls.is_empty() {
        println!("MongoDB is left out, for no --mongodb URL names a server");
    }
    for url in &own.mongodb_urls {
        found.add(at(url, own.mongodb_ca_file.as_ref(), work));
    }
}

/// Host, and a database to measure in that is not there yet.
#[cfg(feature = "mongodb")]
fn scratch(url: &str, ca_file: Option<&PathBuf>) -> anyhow::Result<(String, Scratch)> {
    let named = MongoConfig::new(url, ca_file)?;
    let place = named.place();
    let host = place.split_once('/').map_or(place.as_str(), |(host, _)| host).to_owned();
    Ok((host, Scratch::beside(&named, &super::scratch_name()?)))
}

/// Drops a database that is not there.
#[cfg(feature = "mongodb")]
fn reach_one(url: &str, ca_file: Option<&PathBuf>) -> anyhow::Result<()> {
    let (host, scratch) = scratch(url, ca_file)?;
    scratch.drop_now().with_context(|| format!("MongoDB {host} cannot be measured in"))
}

#[cfg(feature = "mongodb")]
fn at(url: &str, ca_file: Option<&PathBuf>, work: &Work) -> anyhow::Result<Vec<Figure>> {
    let (host, scratch) = scratch(url, ca_file)?;
    let measured = one(&host, &scratch, work).with_context(|| format!("MongoDB {host}"));
    let dropped =
        scratch.drop_now().with_context(|| format!("MongoDB {host}: the database that was measured in stays"));
    let figures = measured?;
    dropped?;
    Ok(figures)
}

#[cfg(feature = "mongodb")]
fn one(host: &str, scratch: &Scratch, work: &Work) -> anyhow::Result<Vec<Figure>> {
    let [reference, trades, audit] = STREAMS.map(|stream| MongoStore::open(scratch.config(), stream));
    archives::measure(&format!("MongoDB {host}"), &mut [reference?, trades?, audit?], work, |_| None)
}

#[cfg(not(feature = "mongodb"))]
fn reach_one(_: &str, _: Option<&PathBuf>) -> anyhow::Result<()> {
    anyhow::bail!("--mongodb names a server of {}", crate::config::archives::Kind::MongoDb.missing())
}

#[cfg(not(feature = "mongodb"))]
fn at(_: &str, _: Option<&PathBuf>, _: &Work) -> anyhow::Result<Vec<Figure>> {
    anyhow::bail!("--mongodb names a server of {}", crate::config::archives::Kind::MongoDb.missing())
}
