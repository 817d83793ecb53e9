//! The file: one recorded day as orders, with what must come of each.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use anyhow::Context;
use domain::order::Side;
use domain::units::{Lots, Ticks};
use liblzma::read::XzDecoder;

/// Prices in the file are in ten-thousandths of a dollar; a tick is a cent.
const FILE_PRICE_PER_TICK: u64 = 100;

/// So much at a price.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct AtPrice {
    pub(crate) price: Ticks,
    pub(crate) size: Lots,
}

/// A fill against a resting order of the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Maker {
    pub(crate) id: u64,
    pub(crate) size: Lots,
    pub(crate) price: Ticks,
}

/// One line of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Line {
    /// Row of the recording it comes from.
    pub(crate) row: u64,
    pub(crate) what: What,
}

/// What to do, and expect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum What {
    /// A limit order that rests and must not trade.
    Add { id: u64, side: Side, price: Ticks, size: Lots },
    /// Reduce an order by `size`; it keeps its place.
    Reduce { id: u64, size: Lots },
    /// Cancel what is left of an order.
    Cancel { id: u64 },
    /// Immediate or cancel; fills whole, against exactly these makers in this order.
    Cross { side: Side, price: Ticks, size: Lots, makers: Vec<Maker> },
    /// The best of both sides.
    Best { bid: Option<AtPrice>, ask: Option<AtPrice> },
    /// The ten best levels of both sides.
    Depth { bids: Vec<AtPrice>, asks: Vec<AtPrice> },
}

/// Reads the whole file.
pub(crate) fn read(path: &Path) -> anyhow::Result<Vec<Line>> {
    let file = File::open(path).with_context(|| format!("cannot open {}", path.display()))?;
    let packed = path.extension().is_some_and(|extension| extension == "xz");
    let reader: Box<dyn Read> = if packed { Box::new(XzDecoder::new(file)) } else { Box::new(file) };
    let mut lines = Vec::new();
    for (number, text) in BufReader::new(reader).lines().enumerate().skip(1) {
        let text = text.with_context(|| format!("cannot read {}", path.display()))?;
        lines.push(parse(&text).with_context(|| format!("{}, line {}: {text:?}", path.display(), number + 1))?);
    }
    Ok(lines)
}

fn parse(text: &str) -> anyhow::Result<Line> {
    let fields: Vec<&str> = text.split(',').collect();
    // A check of the best prices has them in the four columns behind the row.
    let [operation, row, id, sign, at, size, rest] = fields[..] else {
        anyhow::bail!("seven columns are expected, not {}", fields.len())
    };
    let what = match operation {
        "A" => What::Add { id: id.parse()?, side: side(sign)?, price: price(at)?, size: Lots(size.parse()?) },
        "R" => What::Reduce { id: id.parse()?, size: Lots(size.parse()?) },
        "C" => What::Cancel { id: id.parse()? },
        "X" => What::Cross { side: side(sign)?, price: price(at)?, size: Lots(size.parse()?), makers: makers(rest)? },
        "B" => What::Best { bid: at_price(id, sign)?, ask: at_price(at, size)? },
        "D" => {
            let (bids, asks) = rest.split_once('|').context("a bar between bids and asks")?;
            What::Depth { bids: levels(bids)?, asks: levels(asks)? }
        }
        other => anyhow::bail!("unknown operation {other:?}"),
    };
    Ok(Line { row: row.parse()?, what })
}

fn side(text: &str) -> anyhow::Result<Side> {
    match text {
        "B" => Ok(Side::Buy),
        "S" => Ok(Side::Sell),
        other => anyhow::bail!("unknown side {other:?}"),
    }
}

fn price(text: &str) -> anyhow::Result<Ticks> {
    let price: u64 = text.parse()?;
    anyhow::ensure!(price.is_multiple_of(FILE_PRICE_PER_TICK), "{price} is not a whole cent");
    Ok(Ticks(price / FILE_PRICE_PER_TICK))
}

fn at_price(at: &str, size: &str) -> anyhow::Result<Option<AtPrice>> {
    if at.is_empty() {
        return Ok(None);
    }
    Ok(Some(AtPrice { price: price(at)?, size: Lots(size.parse()?) }))
}

fn makers(text: &str) -> anyhow::Result<Vec<Maker>> {
    let maker = |part: &str| {
        let (id, rest) = part.split_once(':').context("id:size@price")?;
        let (size, at) = rest.split_once('@').context("id:size@price")?;
        Ok(Maker { id: id.parse()?, size: Lots(size.parse()?), price: price(at)? })
    };
    text.split(';').map(maker).collect()
}

fn levels(text: &str) -> anyhow::Result<Vec<AtPrice>> {
    let level = |part: &str| {
        let (at, size) = part.split_once(':').context("price:size")?;
        Ok(AtPrice { price: price(at)?, size: Lots(size.parse()?) })
    };
    text.split_whitespace().map(level).collect()
}
