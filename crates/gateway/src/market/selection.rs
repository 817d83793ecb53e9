//! Which symbols a request is about: one, some, or all.

use std::collections::HashSet;

use domain::instrument::SymbolStatus;
use readmodel::reference::Reference;

use crate::error::Error;
use crate::request::Call;
use crate::units::Units;

/// One symbol is answered with an object, more with a list.
pub(crate) enum Symbols {
    One(Box<Units>),
    Many(Vec<Units>),
}

impl Symbols {
    /// Reads `symbol`, `symbols` and `symbolStatus`.
    pub(crate) fn read(call: &Call<'_>) -> Result<Self, Error> {
        let status = status(call)?;
        let wanted = |units: &Units| status.is_none_or(|status| units.symbol.status == status);
        match (call.params.optional("symbol")?, call.params.optional("symbols")?) {
            (Some(_), Some(_)) => Err(Error::bad(-1128, "Combination of optional parameters invalid.")),
            (Some(code), None) => {
                let units = call.symbol_named(code)?;
                if !wanted(&units) {
                    return Err(Error::bad(-1220, "The symbol's status does not match the requested symbolStatus."));
                }
                Ok(Self::One(Box::new(units)))
            }
            (None, Some(list)) => Ok(Self::Many(some(call, list)?.into_iter().filter(wanted).collect())),
            (None, None) => Ok(Self::Many(all(&call.model().reference()).filter(wanted).collect())),
        }
    }
}

/// `symbolStatus`.
fn status(call: &Call<'_>) -> Result<Option<SymbolStatus>, Error> {
    match call.params.optional("symbolStatus")? {
        None => Ok(None),
        Some("TRADING") => Ok(Some(SymbolStatus::Trading)),
        Some("HALT" | "BREAK") => Ok(Some(SymbolStatus::Halted)),
        Some(_) => Err(Error::bad(-1122, "Invalid symbolStatus.")),
    }
}

fn some(call: &Call<'_>, list: &str) -> Result<Vec<Units>, Error> {
    let codes: Vec<String> = serde_json::from_str(list)
        .or(Err(Error::illegal("symbols", "^\\[\"[A-Z0-9-_.]{1,32}\"(,\"[A-Z0-9-_.]{1,32}\"){0,}\\]$")))?;
    let different: HashSet<&str> = codes.iter().map(String::as_str).collect();
    if different.len() < codes.len() {
        return Err(Error::bad(-1151, "Symbol is present multiple times in the list."));
    }
    codes.iter().map(|code| call.symbol_named(code)).collect()
}

pub(crate) fn all(reference: &Reference) -> impl Iterator<Item = Units> {
    reference.symbols().iter().filter_map(|symbol| Units::new(reference, symbol).ok())
}
