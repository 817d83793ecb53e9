//! Collection `assets`.

use domain::ids::AssetId;
use domain::instrument::Asset;
use domain::text::Text;
use projector::rows::AssetRow;

use crate::document::{Document, Malformed};

pub(crate) fn id(asset: AssetId) -> String {
    format!("{:010}", asset.0)
}

pub(crate) fn document(row: &AssetRow) -> Document {
    let asset = &row.asset;
    let fields = [
        ("asset_id", asset.id.0.into()),
        ("code", asset.code.as_str().to_owned().into()),
        ("scale", asset.scale.into()),
    ];
    Document::new(id(asset.id), row.last_seq, fields)
}

pub(crate) fn row(document: &Document) -> Result<AssetRow, Malformed> {
    let asset = Asset {
        id: AssetId(document.small("asset_id")?),
        code: text(document, "code")?,
        scale: document.small("scale")?,
    };
    Ok(AssetRow { asset, last_seq: document.seq })
}

/// A text of ours.
pub(super) fn text<const N: usize>(document: &Document, name: &str) -> Result<Text<N>, Malformed> {
    let text = document.text(name)?;
    Text::new(text).map_err(|error| Malformed(format!("{}: {name} is {text:?}: {error}", document.id)))
}
