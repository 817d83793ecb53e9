//! Acknowledgements against what the journal and the event log have.

use std::iter::Peekable;
use std::slice::Iter;

use anyhow::Context;
use codec::command::CommandReader;
use codec::event::EventReader;
use domain::command::{Action, Command};
use domain::units::Seq;
use journal::read::SegmentSource;
use journal::segment::Identity;
use journal::storage::Directory;
use sequencer::recovery::Places;

use crate::ack::Ack;
use crate::rig::Rig;

/// Each acknowledged sequence has exactly the command that was sent and exactly the outcome that was answered.
pub(crate) fn check(rig: &Rig, acks: &[Ack]) -> anyhow::Result<()> {
    let (Some(first), Some(last)) = (acks.first(), acks.last()) else { return Ok(()) };
    for (earlier, later) in acks.iter().zip(&acks[1..]) {
        let in_order = earlier.seq < later.seq && earlier.number < later.number;
        anyhow::ensure!(in_order, "answered out of order, or twice: {earlier:?}, {later:?}");
    }
    let places = Places::in_directory(&rig.data);
    let venue = places.venue()?.context("a venue")?;
    let journal = source(rig, places.journal, Places::journal_identity(venue), "journal");
    let events = source(rig, places.event_log, Places::event_log_identity(venue), "events");
    check_commands(&journal, acks, first.seq, last.seq).context("the journal")?;
    check_events(&events, acks, first.seq, last.seq).context("the event log")
}

fn source(rig: &Rig, local: Directory, identity: Identity, name: &str) -> SegmentSource {
    SegmentSource::new(local, identity).with_store(Directory::on_disk(rig.segments.join(name)))
}

fn check_commands(journal: &SegmentSource, acks: &[Ack], first: Seq, last: Seq) -> anyhow::Result<()> {
    let mut acks = acks.iter().peekable();
    let mut reader = journal.reader(first);
    while let Some(block) = reader.next_block(last)? {
        let header = block.header;
        for command in CommandReader::new(block.payload, header.first_seq, header.count, header.time) {
            let command = command?;
            if let Some(ack) = at(&mut acks, command.seq) {
                check_command(ack, &command.content)?;
            }
        }
    }
    none_left(acks)
}

fn check_events(events: &SegmentSource, acks: &[Ack], first: Seq, last: Seq) -> anyhow::Result<()> {
    let mut acks = acks.iter().peekable();
    let mut reader = events.reader(first);
    while let Some(block) = reader.next_block(last)? {
        for group in EventReader::new(block.payload) {
            let (seq, _, events) = group?;
            if let Some(ack) = at(&mut acks, seq) {
                let found = Ack::of(ack.number, seq, &events);
                anyhow::ensure!(found == *ack, "answered was {ack:?}, found is {found:?}: {events:?}");
            }
        }
    }
    none_left(acks)
}

/// A new order has the name that follows from its number.
fn check_command(ack: &Ack, command: &Command) -> anyhow::Result<()> {
    if let Action::PlaceOrder(place) = &command.action {
        let name = format!("load-{:016x}", ack.number);
        anyhow::ensure!(place.client_order_id.as_str() == name, "{ack:?} is {name}, found is {place:?}");
        return Ok(());
    }
    let sent = matches!(command.action, Action::CancelOrder(_));
    anyhow::ensure!(sent, "{ack:?} was not sent: {:?}", command.action);
    Ok(())
}

/// The acknowledgement of this sequence, if it is the next.
fn at<'a>(acks: &mut Peekable<Iter<'a, Ack>>, seq: Seq) -> Option<&'a Ack> {
    acks.next_if(|ack| ack.seq == seq)
}

fn none_left(mut acks: Peekable<Iter<'_, Ack>>) -> anyhow::Result<()> {
    anyhow::ensure!(acks.peek().is_none(), "lost: {:?} and those after it", acks.peek());
    Ok(())
}
