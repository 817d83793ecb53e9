//! What an API key may do and how it signs.

use domain::command::create_api_key::{Credential, Roles};

use crate::error::{DecodeError, DecodeFault};
use crate::field::{Field, tags};
use crate::reader::Reader;

/// Which [`Credential`].
enum Scheme {
    HmacSha256,
    Ed25519,
}

tags!(Scheme { HmacSha256 = 1, Ed25519 = 2 });

impl Field for Credential {
    fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::HmacSha256 { sealed_secret } => {
                Scheme::HmacSha256.write(out);
                let len = u16::try_from(sealed_secret.len());
                len.expect("the gateway seals secrets of a few dozen bytes").write(out);
                out.extend_from_slice(sealed_secret);
            }
            Self::Ed25519 { public_key } => {
                Scheme::Ed25519.write(out);
                public_key.write(out);
            }
        }
    }
    fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        match Scheme::read(reader)? {
            Scheme::HmacSha256 => {
                let len = u16::read(reader)?;
                Ok(Self::HmacSha256 { sealed_secret: reader.slice(usize::from(len))?.into() })
            }
            Scheme::Ed25519 => Ok(Self::Ed25519 { public_key: reader.array()? }),
        }
    }
}

const READ: u8 = 1;
const TRADE: u8 = 1 << 1;
const ADMIN: u8 = 1 << 2;
const AUDIT: u8 = 1 << 3;

impl Field for Roles {
    fn write(&self, out: &mut Vec<u8>) {
        let Self { read, trade, admin, audit } = *self;
        let bit = |set: bool, bit: u8| if set { bit } else { 0 };
        out.push(bit(read, READ) | bit(trade, TRADE) | bit(admin, ADMIN) | bit(audit, AUDIT));
    }
    fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let bits = reader.u8()?;
        if bits & !(READ | TRADE | ADMIN | AUDIT) != 0 {
            return Err(reader.fault_before(1, DecodeFault::UnknownFlags(bits)));
        }
        let is_set = |bit: u8| bits & bit != 0;
        Ok(Self { read: is_set(READ), trade: is_set(TRADE), admin: is_set(ADMIN), audit: is_set(AUDIT) })
    }
}
