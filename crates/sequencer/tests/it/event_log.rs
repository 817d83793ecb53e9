//! The event log's blocks follow the journal's, whatever happens in between.

use std::sync::Arc;

use domain::command::create_api_key::{Credential, Roles};
use domain::command::{Command, Envelope, Sequenced};
use domain::event::{ApiKeyCreated, Event, ReferenceEvent};
use domain::ids::{KeyId, UserId};
use domain::text::Text;
use domain::units::{Epoch, Seq, UnixNanos};
use journal::block::OwnedBlock;
use journal::config::{Config, Insist};
use journal::faulty::FaultyDisk;
use journal::journal::Journal;
use journal::storage::Directory;
use sequencer::batch::{Batch, ReplyTo};
use sequencer::event_log::{EVENT_BLOCK_BYTES, EventLog};

use crate::fixture::{VENUE, create_user};

const SECRET_BYTES: usize = 60_000;

fn log(disk: &FaultyDisk, segment_bytes: u64) -> EventLog {
    let config = Config { segment_bytes, append_bytes_max: 4 << 20, ..Config::events(VENUE) };
    let directory = Directory::new(Arc::new(disk.clone()), "events");
    EventLog::new(Journal::open(directory, config, Insist::default()).unwrap().0)
}

/// A batch of commands each of which has one event of 60 KB.
fn batch(first: u64, commands: u64) -> Batch {
    let Command { action, .. } = create_user("u");
    let content = Command { envelope: Envelope::VENUE, action };
    let time = UnixNanos(first);
    let mut batch = Batch { epoch: Epoch(1), time, ..Batch::default() };
    for seq in (first..).map(Seq).take(usize::try_from(commands).unwrap()) {
        batch.commands.push(Sequenced { seq, time, content: content.clone() });
        batch.replies.push(ReplyTo::Nobody);
        batch.events.push(Event::Reference(ReferenceEvent::ApiKeyCreated(Box::new(ApiKeyCreated {
            key: KeyId(1),
            user: UserId(1),
            roles: Roles::default(),
            api_key: Text::new("k").unwrap(),
            credential: Credential::HmacSha256 { sealed_secret: vec![seq.0.to_le_bytes()[0]; SECRET_BYTES].into() },
        }))));
        batch.ends.push(u32::try_from(batch.events.len()).unwrap());
    }
    batch
}

fn blocks(log: &EventLog) -> Vec<OwnedBlock> {
    let source = log.journal().source();
    let mut reader = source.reader(Seq::ZERO);
    let mut blocks = Vec::new();
    while let Some(block) = reader.next_block(log.progress().committed()).unwrap() {
        blocks.push(block.to_owned_block());
    }
    blocks
}

#[test]
fn a_block_ends_with_the_command_that_brings_it_to_its_size_and_with_its_journal_block() {
    let mut log = log(&FaultyDisk::new(1), 16 << 20);
    log.write(&batch(1, 100)).unwrap();
    log.write(&batch(101, 2)).unwrap();
    let blocks = blocks(&log);
    let lengths: Vec<_> = blocks.iter().map(|block| block.payload.len()).collect();
    let per_command = lengths[3] / 2;
    let full = EVENT_BLOCK_BYTES.div_ceil(per_command);
    let counts: Vec<_> = blocks.iter().map(|block| block.header.count as usize).collect();
    assert_eq!(counts, [full, full, 100 - 2 * full, 2]);
    assert_eq!(lengths, counts.iter().map(|count| count * per_command).collect::<Vec<_>>());
    assert_eq!(blocks[3].header.first_seq, Seq(101));
}

#[test]
fn readers_hear_only_of_whole_journal_blocks() {
    let mut log = log(&FaultyDisk::new(2), 16 << 20);
    let batch = batch(1, 40);
    for (command, events) in batch.iter() {
        log.add(batch.epoch, command.seq, command.time, events).unwrap();
        assert_eq!(log.progress().committed(), Seq::ZERO);
    }
    assert!(log.journal().tip().seq > Seq::ZERO, "the first part is written");
    log.end_block(batch.epoch, batch.time).unwrap();
    assert_eq!(log.progress().committed(), Seq(40));
}

/// However often space runs out in between, the log is the same.
#[test]
fn a_batch_that_found_no_space_goes_on_where_it_stopped() {
    let plain = FaultyDisk::new(3);
    let mut expected = log(&plain, 5 << 20);
    let tight = FaultyDisk::new(4);
    let mut found = log(&tight, 5 << 20);
    let mut refusals = 0;
    let mut capacity = 5 << 20;
    for round in 0..4 {
        let batch = batch(round * 100 + 1, 100);
        expected.write(&batch).unwrap();
        tight.set_capacity_bytes(Some(capacity));
        let mut written = found.write(&batch);
        while written.is_err() {
            refusals += 1;
            capacity += 1 << 20;
            tight.set_capacity_bytes(Some(capacity));
            written = found.write_rest(&batch);
        }
    }
    assert!(refusals > 10, "{refusals}");
    assert_eq!(blocks(&found), blocks(&expected));
    assert_eq!(found.journal().tip().hash, expected.journal().tip().hash);
}
