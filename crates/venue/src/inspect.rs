//! `buttonwood inspect`: what is in a journal, an event log or a snapshot, as text.

use std::fmt::Write as _;
use std::path::PathBuf;

use clap::{Args as ClapArgs, ValueEnum};
use codec::command::CommandReader;
use codec::event::EventReader;
use domain::ids::{Hash256, VenueId};
use domain::units::Seq;
use journal::block::BlockView;
use journal::read::SegmentSource;
use sequencer::recovery::Places;
use sequencer::snapshots::Snapshots;

use crate::config::Config;
use crate::live;

/// What to look at.
#[derive(Debug, ClapArgs)]
pub(crate) struct Args {
    /// Which part.
    #[arg(value_enum)]
    what: What,
    /// The venue's data directory.
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// First sequence to show.
    #[arg(long, value_name = "SEQ", default_value_t = 1)]
    from: u64,
    /// Blocks to show.
    #[arg(long, value_name = "N", default_value_t = 20)]
    blocks: usize,
    /// Show the commands or events in each block.
    #[arg(long)]
    records: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum What {
    /// The command journal.
    Journal,
    /// The event log.
    Events,
    /// Snapshots.
    Snapshot,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    let places = Places::in_directory(&args.data);
    let venue = places.venue()?;
    let venue = venue.ok_or_else(|| anyhow::anyhow!("{} holds no venue", args.data.display()))?;
    println!("venue {}", hex::encode(venue.0));
    let logs = live::logs(&Config { data: args.data.clone(), ..Config::default() }, venue, &places);
    match args.what {
        What::Journal => blocks(args, venue, &logs.journal),
        What::Events => blocks(args, venue, &logs.event_log),
        What::Snapshot => snapshots(&Snapshots::look(places.snapshots)),
    }
}

fn blocks(args: &Args, venue: VenueId, source: &SegmentSource) -> anyhow::Result<()> {
    let mut end = Seq::ZERO;
    for place in source.places() {
        let report = journal::verify::verify(place, source.identity())?;
        println!(
            "{}: {} segments, {} blocks, {} records, {} payload bytes, ends at {} in epoch {}",
            place.path().display(),
            report.segments,
            report.blocks,
            report.records,
            report.payload_bytes,
            report.tip.seq.0,
            report.tip.epoch.0
        );
        if let Some(bad) = &report.bad {
            println!("DAMAGED {bad}");
        }
        end = end.max(report.tip.seq);
    }
    let oldest = source.oldest()?.unwrap_or(Seq(1));
    let mut reader = source.reader(Seq(args.from).max(oldest));
    for _ in 0..args.blocks {
        let Some(block) = reader.next_block(end)? else { break };
        println!("{}", describe(&block));
        assert_eq!(block.header.venue, venue, "the reader checks this");
        if args.records {
            records(args.what, &block)?;
        }
    }
    Ok(())
}

fn describe(block: &BlockView<'_>) -> String {
    let header = &block.header;
    let mut text = format!("{:?} ", header.kind);
    if header.count > 0 {
        write!(text, "{}..={} ", header.first_seq.0, header.last_seq().0).expect("writing to a string");
    } else {
        write!(text, "before {} ", header.first_seq.0).expect("writing to a string");
    }
    write!(
        text,
        "epoch {} rules {} time {} bytes {} hash {}",
        header.epoch.0,
        header.rules_version,
        header.time.0,
        header.length,
        short(block.hash)
    )
    .expect("writing to a string");
    text
}

fn records(what: What, block: &BlockView<'_>) -> anyhow::Result<()> {
    let header = &block.header;
    match what {
        What::Journal => {
            for command in CommandReader::new(block.payload, header.first_seq, header.count, header.time) {
                let command = command?;
                println!("  {} {:?}", command.seq.0, command.content);
            }
        }
        What::Events => {
            for group in EventReader::new(block.payload) {
                let (seq, _, events) = group?;
                for event in events {
                    println!("  {} {event:?}", seq.0);
                }
            }
        }
        What::Snapshot => {}
    }
    Ok(())
}

fn snapshots(snapshots: &Snapshots) -> anyhow::Result<()> {
    for (seq, path) in snapshots.list()? {
        match snapshots.load(seq) {
            Ok((header, state)) => println!(
                "{}: seq {} epoch {} time {} journal {} events {}; {} users, {} assets, {} symbols, {} keys, {} balances, {} positions, {} open orders, {} requests",
                path.display(),
                header.seq.0,
                header.epoch.0,
                header.time.0,
                short(header.journal_hash),
                short(header.event_log_hash),
                state.users.len(),
                state.assets.len(),
                state.symbols.len(),
                state.keys.len(),
                state.balances.len(),
                state.positions.len(),
                state.orders.len(),
                state.requests.len()
            ),
            Err(error) => println!("{}: {error}", path.display()),
        }
    }
    Ok(())
}

fn short(hash: Hash256) -> String {
    hex::encode(&hash.0[..8])
}
