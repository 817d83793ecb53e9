//! Numbers, identifiers and texts.

use domain::ids::{
    AddressId, AssetId, ExecutionNumber, Hash256, KeyId, OrderId, SessionId, ShardId, SymbolId, TradeId, UserId,
    VenueId, WithdrawalId,
};
use domain::text::Text;
use domain::units::{Amount, Epoch, Lots, Ppm, Seq, Ticks, UnixNanos, Weight};

use crate::error::{DecodeError, DecodeFault};
use crate::field::Field;
use crate::reader::Reader;

macro_rules! integers {
    ($($integer:ident),+) => {
        $(impl Field for $integer {
            #[inline]
            fn write(&self, out: &mut Vec<u8>) {
                out.extend_from_slice(&self.to_le_bytes());
            }
            #[inline]
            fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
                reader.array().map(Self::from_le_bytes)
            }
        })+
    };
}

/// A type around one number or array.
macro_rules! wrappers {
    ($($name:ident),+ $(,)?) => {
        $(impl Field for $name {
            #[inline]
            fn write(&self, out: &mut Vec<u8>) {
                self.0.write(out);
            }
            #[inline]
            fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
                Field::read(reader).map(Self)
            }
        })+
    };
}

integers!(u8, u16, u32, u64);
wrappers!(UserId, AssetId, SymbolId, KeyId, AddressId, ShardId, Ppm, Weight);
wrappers!(OrderId, TradeId, WithdrawalId, SessionId, ExecutionNumber, Seq, Epoch, Ticks, Lots, UnixNanos);
wrappers!(VenueId, Hash256);

impl<const N: usize> Field for [u8; N] {
    #[inline]
    fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self);
    }
    #[inline]
    fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        reader.array()
    }
}

impl Field for Amount {
    #[inline]
    fn write(&self, out: &mut Vec<u8>) {
        assert!(Self::in_range(self.0).is_some(), "an amount out of range would be a record nobody can read");
        out.extend_from_slice(&self.0.to_le_bytes());
    }
    #[inline]
    fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let minor_units = i128::from_le_bytes(reader.array()?);
        Self::in_range(minor_units).ok_or_else(|| reader.fault_before(16, DecodeFault::AmountOutOfRange))
    }
}

impl Field for bool {
    #[inline]
    fn write(&self, out: &mut Vec<u8>) {
        out.push(u8::from(*self));
    }
    #[inline]
    fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        match reader.u8()? {
            0 => Ok(false),
            1 => Ok(true),
            tag => Err(reader.fault_before(1, DecodeFault::UnknownTag { of: "bool", tag })),
        }
    }
}

impl<const N: usize> Field for Text<N> {
    #[inline]
    fn write(&self, out: &mut Vec<u8>) {
        let bytes = self.as_bytes();
        out.push(u8::try_from(bytes.len()).expect("a text has at most 255 bytes"));
        out.extend_from_slice(bytes);
    }
    #[inline]
    fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let len = usize::from(reader.u8()?);
        let bytes = reader.slice(len)?;
        Self::from_bytes(bytes).map_err(|error| reader.fault_before(len, DecodeFault::TextInvalid(error)))
    }
}

impl<T: Field> Field for Option<T> {
    #[inline]
    fn write(&self, out: &mut Vec<u8>) {
        self.is_some().write(out);
        if let Some(value) = self {
            value.write(out);
        }
    }
    #[inline]
    fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        if bool::read(reader)? { T::read(reader).map(Some) } else { Ok(None) }
    }
}

impl<T: Field> Field for Box<T> {
    #[inline]
    fn write(&self, out: &mut Vec<u8>) {
        T::write(self, out);
    }
    #[inline]
    fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        T::read(reader).map(Self::new)
    }
}
