//! When the faulty disk fails, and its randomness.

use std::io;

/// EIO on Linux; the disk is simulated, the number is what callers log.
const EIO: i32 = 5;

/// One planned failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// A write fails; some of it may have been written.
    WriteError,
    /// A write fails for lack of space; some of it may have been written.
    NoSpace,
    /// A write writes only a part, and succeeds.
    ShortWrite,
    /// A sync of a file or directory fails; what it should have saved is never saved by a later one.
    SyncError,
}

/// Random failures, in parts per million of the operations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct FaultRates {
    /// Writes that fail.
    pub write_error_ppm: u32,
    /// Writes that are short.
    pub short_write_ppm: u32,
    /// Syncs that fail.
    pub sync_error_ppm: u32,
}

#[derive(Debug, Default)]
pub(super) struct Plan {
    pub(super) rates: FaultRates,
    injected: Vec<(Fault, u32)>,
}

pub(super) enum Outcome {
    Whole,
    Short(usize),
    Failed { written: usize, error: io::Error },
}

impl Plan {
    pub(super) fn inject(&mut self, fault: Fault, skip: u32) {
        self.injected.push((fault, skip));
    }

    pub(super) fn forget_injected(&mut self) {
        self.injected.clear();
    }

    pub(super) fn on_write(&mut self, random: &mut Random, bytes: usize) -> Outcome {
        let planned = self.due(|fault| fault != Fault::SyncError);
        let fault = planned.or_else(|| random.chance(self.rates.write_error_ppm).then_some(Fault::WriteError));
        let fault = fault.or_else(|| random.chance(self.rates.short_write_ppm).then_some(Fault::ShortWrite));
        let error = match fault {
            None | Some(Fault::SyncError) => return Outcome::Whole,
            Some(Fault::ShortWrite) if bytes < 2 => return Outcome::Whole,
            Some(Fault::ShortWrite) => {
                return Outcome::Short(random.below(bytes.saturating_sub(1)).saturating_add(1));
            }
            Some(Fault::WriteError) => io_error(),
            Some(Fault::NoSpace) => io::ErrorKind::StorageFull.into(),
        };
        Outcome::Failed { written: random.below(bytes.saturating_add(1)), error }
    }

    /// Whether this sync fails.
    pub(super) fn on_sync(&mut self, random: &mut Random) -> bool {
        self.due(|fault| fault == Fault::SyncError).is_some() || random.chance(self.rates.sync_error_ppm)
    }

    /// Counts down the planned faults of a kind; the one that is due, if any.
    fn due(&mut self, applies: impl Fn(Fault) -> bool) -> Option<Fault> {
        let mut due = None;
        self.injected.retain_mut(|(fault, skip)| {
            if !applies(*fault) || due.is_some() {
                return true;
            }
            if *skip == 0 {
                due = Some(*fault);
                return false;
            }
            *skip = skip.saturating_sub(1);
            true
        });
        due
    }
}

pub(super) fn io_error() -> io::Error {
    io::Error::from_raw_os_error(EIO)
}

/// `SplitMix64`.
#[derive(Debug)]
pub(super) struct Random(u64);

impl Random {
    pub(super) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number below `bound`; 0 if there is none.
    pub(super) fn below(&mut self, bound: usize) -> usize {
        let bound = crate::fields::offset(bound).max(1);
        crate::fields::length(self.next() % bound)
    }

    fn chance(&mut self, ppm: u32) -> bool {
        ppm > 0 && self.next() % 1_000_000 < u64::from(ppm)
    }
}
