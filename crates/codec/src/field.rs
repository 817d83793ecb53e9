//! Values as bytes. Each type says once what its bytes are; the macros make writer and reader of one list, so that they
//! cannot disagree about an order of fields or a tag.

use crate::error::DecodeError;
use crate::reader::Reader;

/// A value with one encoding.
pub(crate) trait Field: Sized {
    fn write(&self, out: &mut Vec<u8>);
    fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError>;
}

/// An enum each variant of which has one content: as a record, the kind stands in the frame.
pub(crate) trait Kind: Sized {
    fn kind(&self) -> u8;
    fn write_content(&self, out: &mut Vec<u8>);
    /// Absent if there is no such kind.
    fn read_content(kind: u8, reader: &mut Reader<'_>) -> Option<Result<Self, DecodeError>>;
}

/// `Field` of a struct: its fields in the order listed, which need not be the order of their declaration.
macro_rules! fields {
    ($name:ident { $($field:ident),* $(,)? }) => {
        impl $crate::field::Field for $name {
            #[inline]
            #[allow(unused_variables, reason = "a command without content has no fields")]
            fn write(&self, out: &mut Vec<u8>) {
                let Self { $($field),* } = self;
                $($crate::field::Field::write($field, out);)*
            }
            #[inline]
            #[allow(unused_variables, reason = "a command without content has no fields")]
            fn read(reader: &mut $crate::reader::Reader<'_>) -> Result<Self, $crate::error::DecodeError> {
                $(let $field = $crate::field::Field::read(reader)?;)*
                Ok(Self { $($field),* })
            }
        }
    };
}

/// `Field` of an enum without content: one byte. A variant with one of a few contents takes a tag for each.
macro_rules! tags {
    ($name:ident { $($variant:ident $(($content:path))? = $tag:literal),+ $(,)? }) => {
        impl $crate::field::Field for $name {
            #[inline]
            fn write(&self, out: &mut Vec<u8>) {
                out.push(match self {
                    $(Self::$variant $(($content))? => $tag,)+
                });
            }
            #[inline]
            fn read(reader: &mut $crate::reader::Reader<'_>) -> Result<Self, $crate::error::DecodeError> {
                match reader.u8()? {
                    $($tag => Ok(Self::$variant $(($content))?),)+
                    tag => {
                        let what = $crate::error::DecodeFault::UnknownTag { of: stringify!($name), tag };
                        Err(reader.fault_before(1, what))
                    }
                }
            }
        }
    };
}

/// `Kind` of an enum each variant of which has one content.
macro_rules! kinds {
    ($name:ident { $($variant:ident = $kind:literal),+ $(,)? $(; $($group:ident),+ $(,)?)? }) => {
        impl $crate::field::Kind for $name {
            #[inline]
            fn kind(&self) -> u8 {
                match self {
                    $(Self::$variant(_) => $kind,)+
                    $($(Self::$group(of) => of.kind(),)+)?
                }
            }
            #[inline]
            fn write_content(&self, out: &mut Vec<u8>) {
                match self {
                    $(Self::$variant(content) => $crate::field::Field::write(content, out),)+
                    $($(Self::$group(of) => of.write_content(out),)+)?
                }
            }
            #[inline]
            fn read_content(
                kind: u8,
                reader: &mut $crate::reader::Reader<'_>,
            ) -> Option<Result<Self, $crate::error::DecodeError>> {
                match kind {
                    $($kind => Some($crate::field::Field::read(reader).map(Self::$variant)),)+
                    _ => {
                        $($(if let Some(of) = $crate::field::Kind::read_content(kind, reader) {
                            return Some(of.map(Self::$group));
                        })+)?
                        None
                    }
                }
            }
        }
    };
}

/// `Field` of an enum some variants of which have one content: a tag, then the content.
macro_rules! tagged {
    ($name:ident { $($variant:ident $(($content:ident))? = $tag:literal),+ $(,)? }) => {
        impl $crate::field::Field for $name {
            #[inline]
            fn write(&self, out: &mut Vec<u8>) {
                match self {
                    $(Self::$variant $(($content))? => {
                        out.push($tag);
                        $($crate::field::Field::write($content, out);)?
                    })+
                }
            }
            #[inline]
            fn read(reader: &mut $crate::reader::Reader<'_>) -> Result<Self, $crate::error::DecodeError> {
                match reader.u8()? {
                    $($tag => {
                        $(let $content = $crate::field::Field::read(reader)?;)?
                        Ok(Self::$variant $(($content))?)
                    })+
                    tag => {
                        let what = $crate::error::DecodeFault::UnknownTag { of: stringify!($name), tag };
                        Err(reader.fault_before(1, what))
                    }
                }
            }
        }
    };
}

pub(crate) use {fields, kinds, tagged, tags};
