//! Client order ids for callers who have none of their own.

use std::sync::atomic::{AtomicU64, Ordering};

use domain::text::ClientOrderId;

const LETTERS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const HALF: usize = 11;

/// Names of 22 characters: a random half for this process, then a count.
#[derive(Debug)]
pub(crate) struct Names {
    prefix: [u8; HALF],
    count: AtomicU64,
}

impl Names {
    pub(crate) fn new() -> Result<Self, getrandom::Error> {
        Ok(Self { prefix: letters(getrandom::u64()?), count: AtomicU64::new(0) })
    }

    /// A name that no other call gives.
    pub(crate) fn next(&self) -> ClientOrderId {
        // An odd factor keeps different counts different and makes names look unlike each other.
        let count = self.count.fetch_add(1, Ordering::Relaxed).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let mut name = [0; 2 * HALF];
        for (to, from) in name.iter_mut().zip(self.prefix.iter().copied().chain(letters(count))) {
            *to = from;
        }
        ClientOrderId::from_bytes(&name).expect("22 letters and digits")
    }
}

/// Eleven letters hold any number of 64 bits.
fn letters(mut number: u64) -> [u8; HALF] {
    let mut text = [b'0'; HALF];
    for letter in &mut text {
        let index = usize::try_from(number % 62).unwrap_or(0);
        *letter = LETTERS.get(index).copied().unwrap_or(b'0');
        number /= 62;
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_differ() {
        let names = Names::new().unwrap();
        let mut seen: Vec<_> = (0..1_000).map(|_| names.next()).collect();
        assert!(seen.iter().all(|name| name.as_str().len() == 22));
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen.len(), 1_000);
    }
}
