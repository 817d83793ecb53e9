//! Assets and symbols.

use domain::instrument::{Asset, Fees, Instrument, Leg, PriceBand, Step, SymbolLimits, SymbolStatus};
use domain::limits::SCALE_MAX;

use crate::error::{DecodeError, DecodeFault};
use crate::field::{Field, fields, tags};
use crate::reader::Reader;

fields!(Step { mantissa, scale });
fields!(Fees { maker, taker });
fields!(PriceBand { above, below });
fields!(SymbolLimits { price_min, price_max, quantity_min, quantity_max, notional_min, notional_max, band });
tags!(SymbolStatus { Trading = 1, Halted = 2 });

impl Field for Asset {
    fn write(&self, out: &mut Vec<u8>) {
        self.id.write(out);
        write_scale(self.scale, out);
        self.code.write(out);
    }
    fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let id = Field::read(reader)?;
        let scale = read_scale(reader)?;
        let code = Field::read(reader)?;
        Ok(Self { id, code, scale })
    }
}

impl Field for Leg {
    fn write(&self, out: &mut Vec<u8>) {
        self.asset.write(out);
        write_scale(self.scale, out);
    }
    fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let asset = Field::read(reader)?;
        let scale = read_scale(reader)?;
        Ok(Self { asset, scale })
    }
}

impl Field for Instrument {
    fn write(&self, out: &mut Vec<u8>) {
        self.id().write(out);
        self.base_leg().write(out);
        self.quote_leg().write(out);
        self.tick_size().write(out);
        self.lot_size().write(out);
        self.code().write(out);
    }
    fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let start = *reader;
        let id = Field::read(reader)?;
        let base = Field::read(reader)?;
        let quote = Field::read(reader)?;
        let tick_size = Field::read(reader)?;
        let lot_size = Field::read(reader)?;
        let code = Field::read(reader)?;
        Self::of_legs(id, code, base, quote, tick_size, lot_size)
            .map_err(|error| start.fault(DecodeFault::InstrumentInvalid(error)))
    }
}

/// Decimals of an asset that exists; those of a command may be anything and are refused by the engine.
fn write_scale(scale: u8, out: &mut Vec<u8>) {
    assert!(scale <= SCALE_MAX, "a scale out of range would be a record nobody can read");
    scale.write(out);
}

fn read_scale(reader: &mut Reader<'_>) -> Result<u8, DecodeError> {
    let scale = reader.u8()?;
    if scale > SCALE_MAX { Err(reader.fault_before(1, DecodeFault::ScaleTooLarge)) } else { Ok(scale) }
}
