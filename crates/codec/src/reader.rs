//! A cursor over bytes from outside.

use crate::error::{DecodeError, DecodeFault};

/// What is left to read, and where it ends in the whole, so that faults can be placed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
    end: usize,
}

impl<'a> Reader<'a> {
    pub(crate) const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes, end: bytes.len() }
    }

    /// Where the next byte is.
    pub(crate) const fn offset(&self) -> usize {
        self.end - self.rest.len()
    }

    pub(crate) const fn rest_len(&self) -> usize {
        self.rest.len()
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    pub(crate) const fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// A fault at the next byte.
    #[cold]
    pub(crate) const fn fault(&self, what: DecodeFault) -> DecodeError {
        self.fault_before(0, what)
    }

    /// A fault in what was just read: `bytes` bytes back.
    #[cold]
    pub(crate) const fn fault_before(&self, bytes: usize, what: DecodeFault) -> DecodeError {
        DecodeError { offset: self.offset().saturating_sub(bytes), what }
    }

    #[inline]
    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        match self.rest.split_first_chunk() {
            Some((head, rest)) => {
                self.rest = rest;
                Ok(*head)
            }
            None => Err(self.fault(DecodeFault::Truncated)),
        }
    }

    #[inline]
    pub(crate) fn u8(&mut self) -> Result<u8, DecodeError> {
        let [byte] = self.array()?;
        Ok(byte)
    }

    #[inline]
    pub(crate) fn slice(&mut self, len: usize) -> Result<&'a [u8], DecodeError> {
        match self.rest.split_at_checked(len) {
            Some((head, rest)) => {
                self.rest = rest;
                Ok(head)
            }
            None => Err(self.fault(DecodeFault::Truncated)),
        }
    }

    /// The next `len` bytes as a reader of their own.
    #[inline]
    pub(crate) fn part(&mut self, len: usize) -> Result<Self, DecodeError> {
        let rest = self.slice(len)?;
        Ok(Self { rest, end: self.offset() })
    }

    /// Nothing may be left.
    #[inline]
    pub(crate) fn finish(self) -> Result<(), DecodeError> {
        if self.is_empty() { Ok(()) } else { Err(self.fault(DecodeFault::TrailingBytes)) }
    }

    /// Reads no further: a reader of records that met a fault ends there.
    pub(crate) const fn stop(&mut self) {
        self.rest = &[];
    }
}
