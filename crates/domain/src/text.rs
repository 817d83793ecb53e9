//! Short texts held in place: no allocation per order.

use std::fmt;

use crate::limits::CLIENT_ID_LEN_MAX;

/// At most `N` (≤ 255) bytes of printable ASCII without spaces, `0x21 ..= 0x7e`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Text<const N: usize> {
    bytes: [u8; N],
    len: u8,
}

/// The caller's name for an order; `1 ..= 36` characters of `A-Z a-z 0-9 . : / _ -` (Binance's pattern, checked by the gateway).
pub type ClientOrderId = Text<CLIENT_ID_LEN_MAX>;
/// The caller's name for a request that moves money or administers the venue; remembered for ever.
pub type RequestId = Text<CLIENT_ID_LEN_MAX>;
/// Code of an asset, for example `BTC`.
pub type AssetCode = Text<16>;
/// Code of a symbol, for example `BTCUSDT`.
pub type SymbolCode = Text<32>;
/// The operator's name for a shard, for example `frankfurt-1`.
pub type ShardName = Text<32>;
/// Path of an endpoint, for example `/api/v3/order`.
pub type PathText = Text<40>;
/// Public part of an API key (the `X-MBX-APIKEY` header).
pub type ApiKeyText = Text<64>;

/// Why a text was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TextError {
    /// Nothing in it.
    Empty,
    /// More than the type holds.
    TooLong,
    /// A byte outside `0x21 ..= 0x7e`.
    NotPrintable,
}

impl<const N: usize> Text<N> {
    const CAPACITY_FITS: () = assert!(N > 0 && N <= 255, "the length is one byte");

    /// The text, if it is `1 ..= N` bytes of printable ASCII.
    pub const fn new(text: &str) -> Result<Self, TextError> {
        Self::from_bytes(text.as_bytes())
    }

    /// As [`Text::new`], from bytes.
    #[expect(
        clippy::as_conversions,
        clippy::cast_possible_truncation,
        reason = "N is at most 255, checked when compiling"
    )]
    pub const fn from_bytes(source: &[u8]) -> Result<Self, TextError> {
        let () = Self::CAPACITY_FITS;
        if source.is_empty() {
            return Err(TextError::Empty);
        }
        if source.len() > N {
            return Err(TextError::TooLong);
        }
        let mut bytes = [0; N];
        let mut index = 0;
        while index < source.len() {
            if source[index] < 0x21 || source[index] > 0x7e {
                return Err(TextError::NotPrintable);
            }
            bytes[index] = source[index];
            index = index.saturating_add(1);
        }
        Ok(Self { bytes, len: source.len() as u8 })
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(self.as_bytes()).expect("printable ASCII, checked on the way in")
    }

    /// The text's bytes.
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..usize::from(self.len)).expect("the length was checked on the way in")
    }
}

impl<const N: usize> fmt::Debug for Text<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl<const N: usize> fmt::Display for Text<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for TextError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "is empty",
            Self::TooLong => "is too long",
            Self::NotPrintable => "has a character that is not printable ASCII",
        })
    }
}

impl std::error::Error for TextError {}
