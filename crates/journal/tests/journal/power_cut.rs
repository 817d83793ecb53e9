//! Random lives of a log: after every crash it is a prefix of what was appended and holds all that was synced.

use domain::units::{Epoch, Seq, UnixNanos};
use journal::block::{BlockKind, BlockToWrite};
use journal::config::{Config, Insist};
use journal::faulty::FaultyDisk;
use journal::faulty::fault::Fault;
use journal::journal::Journal;
use journal::verify::verify;
use proptest::prelude::*;

use crate::fixture::{config, directory};

#[derive(Debug, Clone)]
enum Op {
    /// Append blocks of these record counts; 0 is a leader block.
    Append(Vec<u32>),
    Sync,
    Prepare,
    /// Remove the last of the blocks.
    Truncate(usize),
    Inject(Fault, u32),
    /// The process ends, with or without the machine; recovery itself may fail once.
    Crash {
        power: bool,
        fault_in_recovery: Option<(Fault, u32)>,
    },
    Seal,
}

fn fault() -> impl Strategy<Value = Fault> {
    prop_oneof![Just(Fault::WriteError), Just(Fault::NoSpace), Just(Fault::ShortWrite), Just(Fault::SyncError)]
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        12 => prop::collection::vec(0_u32..6, 1..4).prop_map(Op::Append),
        6 => Just(Op::Sync),
        2 => Just(Op::Prepare),
        1 => (0_usize..5).prop_map(Op::Truncate),
        2 => (fault(), 0_u32..4).prop_map(|(fault, skip)| Op::Inject(fault, skip)),
        3 => (any::<bool>(), prop::option::of((fault(), 0_u32..4)))
            .prop_map(|(power, fault_in_recovery)| Op::Crash { power, fault_in_recovery }),
        1 => Just(Op::Seal),
    ]
}

/// A block as the test remembers it.
#[derive(Debug, Clone, PartialEq)]
struct Remembered {
    last_seq: Seq,
    payload: Vec<u8>,
}

/// The log, and all the test knows about it.
struct World {
    disk: FaultyDisk,
    config: Config,
    journal: Option<Journal>,
    /// All blocks that may be in the log, in order.
    blocks: Vec<Remembered>,
    /// So many of them must be.
    durable: usize,
    blocks_made: u64,
}

impl World {
    fn new(seed: u64, config: Config) -> Self {
        let disk = FaultyDisk::new(seed);
        let mut world = Self { disk, config, journal: None, blocks: Vec::new(), durable: 0, blocks_made: 0 };
        world.reopen();
        world
    }

    fn run(&mut self, op: &Op) {
        match op {
            Op::Append(counts) => self.append(counts),
            Op::Sync => {
                if self.done(|journal| journal.sync().is_ok()) {
                    self.durable = self.blocks.len();
                }
            }
            Op::Prepare => {
                self.done(|journal| {
                    journal.prepare_step();
                    true
                });
            }
            Op::Truncate(blocks) => self.truncate(*blocks),
            Op::Inject(fault, skip) => self.disk.inject(*fault, *skip),
            Op::Crash { power, fault_in_recovery } => self.crash(*power, *fault_in_recovery),
            Op::Seal => self.seal(),
        }
    }

    /// Does something with the journal; after a failure the process ends, as it must.
    fn done(&mut self, action: impl FnOnce(&mut Journal) -> bool) -> bool {
        let journal = self.journal.as_mut().unwrap();
        if action(journal) {
            return true;
        }
        self.crash(self.blocks_made.is_multiple_of(2), None);
        false
    }

    fn append(&mut self, counts: &[u32]) {
        let mut first_seq = self.journal.as_ref().unwrap().tip().seq.next();
        let mut made = Vec::new();
        for count in counts {
            self.blocks_made += 1;
            let filler = usize::try_from(self.blocks_made * 37 % 900).unwrap();
            let mut payload = vec![u8::try_from(self.blocks_made % 251).unwrap(); filler];
            payload.extend_from_slice(&self.blocks_made.to_le_bytes());
            let kind = if *count == 0 { BlockKind::Leader } else { BlockKind::Commands };
            made.push((kind, first_seq, *count, payload));
            first_seq = Seq(first_seq.0 + u64::from(*count));
        }
        let blocks = made.iter().map(|(kind, first_seq, count, payload)| BlockToWrite {
            kind: *kind,
            rules_version: 1,
            epoch: Epoch(1),
            first_seq: *first_seq,
            count: *count,
            time: UnixNanos(5),
            payload,
        });
        let blocks: Vec<_> = blocks.collect();
        let remembered = made.iter().map(|(_, first_seq, count, payload)| {
            let last_seq = Seq(first_seq.0 + u64::from(*count) - 1);
            Remembered { last_seq, payload: payload.clone() }
        });
        // Remembered before the attempt: what failed may be there all the same.
        self.blocks.extend(remembered);
        self.done(|journal| journal.append(&blocks).is_ok());
    }

    fn truncate(&mut self, blocks: usize) {
        let kept = self.blocks.len().saturating_sub(blocks);
        let seq = kept.checked_sub(1).map_or(Seq::ZERO, |last| self.blocks[last].last_seq);
        // Blocks without records behind the last sequence go too.
        let kept = self.blocks.iter().position(|block| block.last_seq == seq).map_or(0, |index| index + 1);
        let kept = if seq == Seq::ZERO { 0 } else { kept };
        self.durable = self.durable.min(kept);
        if self.done(|journal| journal.truncate_after(seq).is_ok()) {
            self.blocks.truncate(kept);
            self.durable = kept;
        }
    }

    fn seal(&mut self) {
        let time = UnixNanos(5);
        let journal = self.journal.take().unwrap();
        let first_seq = journal.tip().seq.next();
        self.blocks.push(Remembered { last_seq: first_seq.previous(), payload: Vec::new() });
        if journal.seal(1, time).is_ok() {
            self.durable = self.blocks.len();
        }
        self.disk.process_exit();
        self.reopen();
    }

    fn crash(&mut self, power: bool, fault_in_recovery: Option<(Fault, u32)>) {
        self.journal = None;
        self.end_life(power);
        if let Some((fault, skip)) = fault_in_recovery {
            self.disk.inject(fault, skip);
            match Journal::open(directory(&self.disk), self.config, Insist::default()) {
                Ok((journal, _)) => drop(journal),
                Err(error) => assert!(
                    error.to_string().starts_with("cannot ") || error.to_string().starts_with("no space"),
                    "{error}"
                ),
            }
            self.end_life(power);
        }
        self.reopen();
    }

    fn end_life(&self, power: bool) {
        if power {
            self.disk.power_cut();
        } else {
            self.disk.process_exit();
        }
    }

    fn reopen(&mut self) {
        let must_reach = self.durable.checked_sub(1).map_or(Seq::ZERO, |last| self.blocks[last].last_seq);
        let insist = Insist { must_reach, check_all: true };
        let (journal, recovered) = Journal::open(directory(&self.disk), self.config, insist).unwrap();
        let report = verify(&directory(&self.disk), self.config.identity).unwrap();
        assert_eq!((report.tip, &report.bad, &report.torn), (recovered.tip, &None, &None));
        let there = usize::try_from(report.blocks).unwrap();
        assert!(
            self.durable <= there && there <= self.blocks.len(),
            "{} ≤ {there} ≤ {}",
            self.durable,
            self.blocks.len()
        );
        self.blocks.truncate(there);
        self.durable = there;
        assert_eq!(recovered.tip.seq, self.blocks.last().map_or(Seq::ZERO, |block| block.last_seq));
        let read = journal.source().read(Seq::ZERO, recovered.tip.seq, usize::MAX).unwrap();
        for (block, remembered) in read.iter().zip(&self.blocks) {
            assert_eq!((block.header.last_seq(), &block.payload), (remembered.last_seq, &remembered.payload));
        }
        let unseen = self.blocks.get(read.len()..).unwrap();
        assert!(
            unseen.iter().all(|block| block.last_seq == recovered.tip.seq),
            "only blocks without records are unseen"
        );
        self.journal = Some(journal);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn the_log_is_a_prefix_of_what_was_appended_and_holds_what_was_synced(
        seed in any::<u64>(), coarse in any::<bool>(), ops in prop::collection::vec(op(), 1..60),
    ) {
        let config = if coarse { config(4096) } else { config(64) };
        let mut world = World::new(seed, config);
        for op in &ops {
            world.run(op);
        }
        world.crash(true, None);
    }
}
