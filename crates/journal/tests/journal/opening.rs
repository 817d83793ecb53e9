//! Which logs open, as what, and what the refusals say.

use domain::ids::{Hash256, VenueId};
use domain::units::{Epoch, Seq, UnixNanos};
use journal::config::{Config, Insist};
use journal::error::{Mismatch, OpenError};
use journal::faulty::FaultyDisk;
use journal::journal::Journal;
use journal::segment::{Identity, LogName, peek};
use journal::tip::Tip;

use crate::fixture::{VENUE, append, config, directory, ends, fill, open, try_open};

#[test]
fn a_directory_opens_once() {
    let disk = FaultyDisk::new(1);
    let (journal, _) = open(&disk, config(64));
    assert!(matches!(try_open(&disk, config(64), 0), Err(OpenError::Locked(_))));
    drop(journal);
    open(&disk, config(64));
}

#[test]
fn a_log_opens_only_as_what_it_is() {
    let disk = FaultyDisk::new(1);
    let (mut journal, _) = open(&disk, config(64));
    fill(&mut journal, 30, 1);
    drop(journal);
    let other = VenueId([8; 16]);
    let mut venue = config(64);
    venue.identity.venue = other;
    let mut name = config(64);
    name.identity.name = LogName::EVENTS;
    let alignment = Config { segment_bytes: 1 << 20, ..config(128) };
    let cases = [
        (venue, Mismatch::Venue { found: VENUE }, "it belongs to venue 0707"),
        (name, Mismatch::Name { found: LogName::COMMANDS }, "it is the log \"commands\""),
        (alignment, Mismatch::Alignment { found_bytes: 64 }, "its alignment is 64 bytes"),
    ];
    for (config, expected, message) in cases {
        let error = try_open(&disk, config, 0).unwrap_err();
        assert!(error.to_string().contains(message), "{error}");
        assert!(matches!(error, OpenError::Mismatch { what, .. } if what == expected));
    }
    let header = peek(&directory(&disk)).unwrap().unwrap();
    assert_eq!(header.identity, Identity { venue: VENUE, name: LogName::COMMANDS });
    assert_eq!(peek(&directory(&FaultyDisk::new(2))).unwrap(), None);
    // The size of segments may change from one start to the next.
    let (mut journal, recovered) = open(&disk, Config { segment_bytes: 1 << 16, ..config(64) });
    assert_eq!(recovered.tip.seq, Seq(30));
    fill(&mut journal, 30, 1);
    assert_eq!(ends(&journal).len(), 60);
}

#[test]
fn settings_out_of_range_are_refused() {
    let good = config(64);
    let bad = [
        Config { alignment_bytes: 0, ..good },
        Config { alignment_bytes: 96, ..good },
        Config { alignment_bytes: 8192, ..good },
        Config { append_bytes_max: 0, ..good },
        Config { append_bytes_max: 1 << 33, segment_bytes: 1 << 34, ..good },
        Config { segment_bytes: 4096, ..good },
        Config { segment_bytes: good.segment_bytes + 1, ..good },
    ];
    for config in bad {
        assert!(matches!(try_open(&FaultyDisk::new(1), config, 0), Err(OpenError::Config(_))), "{config:?}");
    }
    assert!(LogName::new("a-name-of-17-byte").is_none() && LogName::new("").is_none() && LogName::new("a b").is_none());
    assert_eq!(LogName::new("events"), Some(LogName::EVENTS));
}

#[test]
fn a_log_may_begin_in_the_middle() {
    let disk = FaultyDisk::new(1);
    let start = Tip { seq: Seq(1000), hash: Hash256([3; 32]), epoch: Epoch(1), time: UnixNanos(900_000) };
    let (mut journal, recovered) = open(&disk, Config { start, ..config(64) });
    assert_eq!((recovered.tip, recovered.oldest), (start, Seq(1001)));
    append(&mut journal, 2).unwrap();
    assert_eq!(ends(&journal), [1002]);
    drop(journal);
    assert_eq!(open(&disk, config(64)).1.tip.seq, Seq(1002));
}

#[test]
fn a_log_that_ends_before_what_its_followers_know_does_not_open() {
    let disk = FaultyDisk::new(1);
    let missing = try_open(&disk, config(64), 1).unwrap_err().to_string();
    assert!(missing.contains("ends at sequence 0, but sequence 1 is known"), "{missing}");
    let (mut journal, _) = open(&disk, config(64));
    fill(&mut journal, 3, 1);
    drop(journal);
    assert!(try_open(&disk, config(64), 3).is_ok());
    let short = try_open(&disk, config(64), 4).unwrap_err();
    assert!(short.to_string().contains("ends at sequence 3, but sequence 4 is known to have been in it"), "{short}");
    assert!(short.to_string().contains("rewind the followers"), "{short}");
}

#[test]
fn a_clean_shutdown_is_told_from_a_crash() {
    let disk = FaultyDisk::new(1);
    let (mut journal, _) = open(&disk, config(64));
    append(&mut journal, 1).unwrap();
    journal.seal(1, UnixNanos(2000)).unwrap();
    disk.power_cut();
    let (mut journal, recovered) = open(&disk, config(64));
    assert!(recovered.sealed);
    assert_eq!((recovered.tip.seq, recovered.cut), (Seq(1), None));
    append(&mut journal, 1).unwrap();
    drop(journal);
    assert!(!open(&disk, config(64)).1.sealed);
}

#[test]
fn check_all_reads_what_is_otherwise_trusted() {
    let disk = FaultyDisk::new(1);
    let (mut journal, _) = open(&disk, config(64));
    fill(&mut journal, 60, 1);
    drop(journal);
    disk.flip_bit(crate::fixture::segment_path(1), 4096 + 112, 0);
    assert!(try_open(&disk, config(64), 0).is_ok());
    let insist = Insist { check_all: true, ..Insist::default() };
    let error = Journal::open(directory(&disk), config(64), insist).unwrap_err().to_string();
    assert!(error.contains("00000000000000000001.seg at offset 4096: the checksum of a payload"), "{error}");
    assert!(error.contains("replace this file by the copy from the segment store"), "{error}");
}
