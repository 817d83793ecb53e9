//! A hash of rows in any order: two databases give the same rows back in different orders.

/// The number of rows, and the sum of their hashes modulo 2^256.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Digest {
    pub(super) rows: u64,
    /// Least significant first.
    sum: [u64; 4],
}

impl Digest {
    /// Adds whole lines, as COPY writes them.
    pub(super) fn add(&mut self, lines: &[u8]) {
        for line in lines.split_inclusive(|byte| *byte == b'\n') {
            self.rows += 1;
            let hash = blake3::hash(line);
            let mut carry = false;
            for (sum, word) in self.sum.iter_mut().zip(hash.as_bytes().chunks_exact(8)) {
                let word = u64::from_le_bytes(word.try_into().expect("chunks of eight"));
                let (with_word, first) = sum.overflowing_add(word);
                let (with_carry, second) = with_word.overflowing_add(u64::from(carry));
                (*sum, carry) = (with_carry, first || second);
            }
        }
    }

    pub(super) fn bytes(&self) -> [u8; 32] {
        let mut bytes = [0; 32];
        for (place, word) in bytes.chunks_exact_mut(8).zip(self.sum) {
            place.copy_from_slice(&word.to_le_bytes());
        }
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::Digest;

    fn digest(lines: &[&str]) -> Digest {
        let mut digest = Digest::default();
        for line in lines {
            digest.add(line.as_bytes());
        }
        digest
    }

    #[test]
    fn the_order_does_not_matter_and_everything_else_does() {
        let both = digest(&["1\ta\n", "2\tb\n"]);
        assert_eq!(both.rows, 2);
        assert_eq!(both, digest(&["2\tb\n1\ta\n"]));
        for other in [&["1\ta\n"][..], &["1\ta\n", "2\tc\n"], &["1\ta\n", "2\tb\n", "2\tb\n"], &[]] {
            assert_ne!(both.bytes(), digest(other).bytes(), "{other:?}");
        }
    }
}
