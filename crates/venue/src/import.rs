//! `buttonwood import`: brings users, balances, positions and open orders of an existing PostgreSQL system along, as commands in the
//! journal of a venue that does not serve meanwhile. See `docs/import.md`.

mod mapping;
mod source;
mod number;
mod target;
mod plan;
mod carry;
mod reconcile;
mod report;

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::Args as ClapArgs;
use store_postgres::config::PostgresConfig;
use store_postgres::foreign::ForeignTables;

use crate::config::Config;
use carry::Carrier;
use mapping::Mapping;
use report::Report;
use target::{Rehearsal, Running};

/// From where, as what, and where to.
#[derive(Debug, ClapArgs)]
pub(crate) struct Args {
    /// The existing system's database: `postgres://…`; nothing is written there.
    #[arg(long, value_name = "URL")]
    from: String,
    /// Authorities to trust for its server, as PEM; the public ones by default.
    #[arg(long, value_name = "FILE")]
    ca_file: Option<PathBuf>,
    /// What its tables and columns mean: TOML, see docs/import.md.
    #[arg(long, value_name = "FILE")]
    mapping: PathBuf,
    /// Data directory of the venue, which must not be running; a new one is made.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Configuration file of the venue.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Do everything but write: into a copy of the venue in memory.
    #[arg(long)]
    dry_run: bool,
    /// Where to write the whole report; only its beginning is printed.
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// Where to write which user is which: CSV of the source's key and the venue's user id.
    #[arg(long, value_name = "FILE")]
    users: Option<PathBuf>,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    let mut config = Config::load(args.config.as_deref())?;
    if let Some(data) = &args.data {
        config.data.clone_from(data);
    }
    let mapping = Mapping::load(&args.mapping)?;
    let place = PostgresConfig::new(&args.from, args.ca_file.as_ref()).context("--from")?;
    let tables = ForeignTables::open(&place).with_context(|| format!("the source {}", place.place()))?;
    let source = source::read(&tables, &mapping)?;
    drop(tables);
    println!(
        "read from {}: {} users, {} balances, {} positions, {} open orders",
        place.place(),
        source.users.len(),
        source.balances.len(),
        source.positions.len(),
        source.orders.len()
    );
    let before = target::state_at_rest(&config)?;
    let mut report = Report::default();
    let (users, after) = if args.dry_run {
        let mut rehearsal = Rehearsal::new(&before)?;
        let users = Carrier::new(&mut rehearsal, &mapping, &before, &mut report).carry(&source)?;
        (users, rehearsal.state())
    } else {
        let mut running = Running::start(&config)?;
        let carried = Carrier::new(&mut running, &mapping, &before, &mut report).carry(&source);
        // Whatever came of it: what was journaled is stored and sealed.
        running.finish()?;
        (carried?, target::state_at_rest(&config)?)
    };
    reconcile::reconcile(&source, &mapping, &users, &after, &mut report);
    if let Some(file) = &args.users
        && !args.dry_run
    {
        write_users(file, &users)?;
    }
    if let Some(file) = &args.report {
        fs::write(file, report.text(usize::MAX)).with_context(|| file.display().to_string())?;
    }
    print!("{}", report.text(report::SHOWN));
    anyhow::ensure!(report.is_clean(), "not clean: {}", report.verdict());
    println!("clean: {}", if args.dry_run { "it would all be brought along" } else { "it is all there" });
    Ok(())
}

fn write_users(file: &Path, users: &plan::Users) -> anyhow::Result<()> {
    let mut out = std::io::BufWriter::new(fs::File::create(file).with_context(|| file.display().to_string())?);
    writeln!(out, "key,user_id")?;
    for (key, user) in users {
        let quoted = key.contains([',', '"', '\n', '\r']);
        let key = if quoted { format!("\"{}\"", key.replace('"', "\"\"")) } else { key.clone() };
        writeln!(out, "{key},{}", user.0)?;
    }
    Ok(out.flush()?)
}
