//! Fixed-width little-endian fields, and the few conversions between lengths and offsets.

/// Reads fields one behind the other from a buffer whose length the caller has fixed.
pub(crate) struct Take<'a>(pub(crate) &'a [u8]);

impl Take<'_> {
    /// The next `N` bytes; zeros where the buffer ends, which only a wrong layout constant could cause.
    pub(crate) fn bytes<const N: usize>(&mut self) -> [u8; N] {
        let Some((field, rest)) = self.0.split_first_chunk::<N>() else {
            debug_assert!(false, "the layout is longer than its buffer");
            return [0; N];
        };
        self.0 = rest;
        *field
    }

    pub(crate) fn u16(&mut self) -> u16 {
        u16::from_le_bytes(self.bytes())
    }

    pub(crate) fn u32(&mut self) -> u32 {
        u32::from_le_bytes(self.bytes())
    }

    pub(crate) fn u64(&mut self) -> u64 {
        u64::from_le_bytes(self.bytes())
    }
}

/// Writes fields one behind the other.
pub(crate) struct Put<'a>(pub(crate) &'a mut [u8]);

impl Put<'_> {
    pub(crate) fn bytes(&mut self, field: &[u8]) -> &mut Self {
        let buffer = std::mem::take(&mut self.0);
        if let Some((to, rest)) = buffer.split_at_mut_checked(field.len()) {
            to.copy_from_slice(field);
            self.0 = rest;
        } else {
            debug_assert!(false, "the layout is longer than its buffer");
        }
        self
    }

    pub(crate) fn u16(&mut self, value: u16) -> &mut Self {
        self.bytes(&value.to_le_bytes())
    }

    pub(crate) fn u32(&mut self, value: u32) -> &mut Self {
        self.bytes(&value.to_le_bytes())
    }

    pub(crate) fn u64(&mut self, value: u64) -> &mut Self {
        self.bytes(&value.to_le_bytes())
    }
}

/// The first `len` bytes, or all there are.
pub(crate) fn first(bytes: &[u8], len: usize) -> &[u8] {
    bytes.get(..len).unwrap_or(bytes)
}

/// A length in memory as an offset in a file.
pub(crate) fn offset(len: usize) -> u64 {
    u64::try_from(len).unwrap_or(u64::MAX)
}

/// A distance in a file as a length in memory; what does not fit cannot be loaded anyway.
pub(crate) fn length(distance: u64) -> usize {
    usize::try_from(distance).unwrap_or(usize::MAX)
}

/// Bytes that a run of `len` bytes takes once padded to `alignment`, a power of two.
pub(crate) fn padded(len: u64, alignment: u32) -> u64 {
    len.next_multiple_of(u64::from(alignment).max(1))
}
