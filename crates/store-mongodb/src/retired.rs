//! Closed orders and their fills that a shard gives up: documents that are added once.
//!
//! How far they reach is one more document, which is raised before they are added and lowered after they were removed: it may reach
//! further than they do, never less far.

use documents::checkpoint::CHECKPOINTS;
use documents::collection::Collection;
use documents::document::Document;
use documents::extent::{self, CLOSED_ORDERS};
use documents::rows::closed::{fill_document, order_document};
use documents::units::Units;
use domain::ids::{OrderId, TradeId, VenueId};
use domain::units::{Seq, UnixNanos};
use mongodb::bson::raw::{RawArrayBuf, RawDocumentBuf};
use mongodb::bson::rawdoc;
use projector::retired::{Extent, RetireError, RetiredStore};
use projector::rows::{FillRow, OrderRow};
use projector::store::Divergence;

use crate::config::MongoConfig;
use crate::encode::{decode, encode};
use crate::fault::{DUPLICATE_KEY, Fault};
use crate::session::{Find, Replacement, Session};
use crate::store::{Writer, read_units};
use crate::stream::each_heads;
use crate::write::add;

/// Writes the closed orders of a database. It connects when it is first asked.
#[derive(Debug)]
pub struct MongoRetired {
    writer: Writer,
    venue: VenueId,
}

/// What came of a change.
enum Change {
    Made,
    /// Whose rows are there.
    AnotherVenue(VenueId),
}

impl MongoRetired {
    /// A writer of rows of this venue.
    pub fn open(config: MongoConfig, venue: VenueId) -> Self {
        Self { writer: Writer::new(config, CLOSED_ORDERS), venue }
    }

    fn change(
        &mut self,
        change: impl AsyncFnOnce(&Session, &mut Units, Option<Extent>) -> Result<(), Fault>,
    ) -> Result<(), RetireError> {
        let venue = self.venue;
        let changed = self.writer.link().and_then(|(link, units)| {
            link.run(async |session| {
                let stored = read(session).await?;
                if let Some(other) = stored.filter(|stored| stored.venue != venue) {
                    return Ok(Change::AnotherVenue(other.venue));
                }
                change(session, units, stored).await?;
                Ok(Change::Made)
            })
        });
        match self.writer.conclude(changed)? {
            Change::Made => Ok(()),
            Change::AnotherVenue(other) => Err(RetireError::Diverged(Divergence::Venue(other))),
        }
    }
}

impl RetiredStore for MongoRetired {
    fn add(&mut self, orders: &[OrderRow], fills: &[FillRow]) -> Result<(), RetireError> {
        let nothing = Extent::none(self.venue);
        self.change(async |session, units, stored| {
            let known = |units: &Units| {
                orders.iter().all(|row| units.symbol(row.symbol).is_ok())
                    && fills.iter().all(|row| units.asset(row.fee_asset).is_ok() && units.symbol(row.symbol).is_ok())
            };
            if !known(units) {
                read_units(session, units).await?;
            }
            let documents = orders.iter().map(|row| order_document(row, units)).collect::<Result<Vec<_>, _>>()?;
            let of_fills = fills.iter().map(|row| fill_document(row, units)).collect::<Result<Vec<_>, _>>()?;
            set(session, stored, stored.unwrap_or(nothing).with(orders, fills)).await?;
            add_all(session, Collection::ClosedOrders, &documents).await?;
            add_all(session, Collection::ClosedOrderFills, &of_fills).await
        })
    }

    fn forget_after(&mut self, fork: Seq) -> Result<(), RetireError> {
        self.change(async |session, units, stored| {
            // Assets and symbols of the abandoned branch may have meant something else.
            *units = Units::default();
            let Some(stored) = stored.filter(|stored| stored.last_seq > fork) else { return Ok(()) };
            // Interrupted, the extent still says that there are later ones, and another call goes on.
            for collection in [Collection::ClosedOrders, Collection::ClosedOrderFills] {
                delete_later(session, collection, fork).await?;
            }
            let left = found(session, stored.venue).await?;
            set(session, Some(stored), Extent { additions: stored.additions, ..left }).await
        })
    }
}

/// Deletes the documents of later commands. Ids are in the order of orders, not of commands, so each is looked at.
async fn delete_later(session: &Session, collection: Collection, fork: Seq) -> Result<(), Fault> {
    each_heads(session, collection, async |heads| {
        let mut later = RawArrayBuf::new();
        for (id, _) in heads.iter().filter(|(_, seq)| *seq > fork) {
            later.push(id.as_str());
        }
        if !later.is_empty() {
            session.delete(collection.name(), rawdoc! { "_id": { "$in": later } }).await?;
        }
        Ok(true)
    })
    .await
}

async fn add_all(session: &Session, collection: Collection, documents: &[Document]) -> Result<(), Fault> {
    for some in documents.chunks(session.documents_max) {
        let some: Vec<&Document> = some.iter().collect();
        add(session, collection, &some).await?;
    }
    Ok(())
}

/// How far the documents reach.
pub(crate) async fn read(session: &Session) -> Result<Option<Extent>, Fault> {
    let found = session.find_ids(CHECKPOINTS, [CLOSED_ORDERS].into_iter()).await?.pop();
    found.map(|found| Ok(extent::of(&decode(found)?)?)).transpose()
}

/// Says it anew, unless somebody else has.
async fn set(session: &Session, stored: Option<Extent>, to: Extent) -> Result<(), Fault> {
    if stored == Some(to) {
        return Ok(());
    }
    let document = encode(&extent::document(&to))?;
    let written = match stored {
        None => session.insert(CHECKPOINTS, vec![document]).await?,
        Some(stored) => {
            let query = encode(&extent::document(&stored))?;
            session.replace(CHECKPOINTS, vec![Replacement { query, document, adds: false }]).await?
        }
    };
    match written.errors.into_iter().next() {
        Some(error) if error.code == DUPLICATE_KEY => Err(Fault::Overtaken),
        Some(error) => Err(error.into()),
        None if written.count == 1 => Ok(()),
        None => Err(Fault::Overtaken),
    }
}

/// How far those reach that are there.
async fn found(session: &Session, venue: VenueId) -> Result<Extent, Fault> {
    let mut found = Extent::none(venue);
    if let Some(last) = last(session, Collection::ClosedOrders, rawdoc! { "_id": -1 }).await? {
        found.order = OrderId(last.long("order_id")?);
    }
    // Time does not go back with the sequence.
    if let Some(last) = last(session, Collection::ClosedOrders, rawdoc! { "seq": -1 }).await? {
        (found.last_seq, found.time) = (last.seq, UnixNanos(last.long("updated_time")?));
    }
    if let Some(last) = last(session, Collection::ClosedOrderFills, rawdoc! { "trade_id": -1 }).await? {
        found.trade = TradeId(last.long("trade_id")?);
    }
    // Added before their orders, by an attempt that was interrupted.
    if let Some(last) = last(session, Collection::ClosedOrderFills, rawdoc! { "_id": -1 }).await? {
        found.order = found.order.max(OrderId(last.long("order_id")?));
    }
    if let Some(last) = last(session, Collection::ClosedOrderFills, rawdoc! { "seq": -1 }).await? {
        found.last_seq = found.last_seq.max(last.seq);
        found.time = found.time.max(UnixNanos(last.long("time")?));
    }
    Ok(found)
}

async fn last(session: &Session, collection: Collection, sort: RawDocumentBuf) -> Result<Option<Document>, Fault> {
    let found = session.find(collection.name(), Find { filter: rawdoc! {}, sort, limit: 1 }).await?.pop();
    Ok(found.map(decode).transpose()?)
}
