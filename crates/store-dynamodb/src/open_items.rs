//! What a writer knows of the items that its batch goes into.

use std::collections::HashMap;

use crate::fault::Fault;
use crate::item::Key;
use crate::pack::{Pack, PackPlace};
use crate::session::Session;

/// The last item of each partition, as it is in the table. It is the only one that may still grow.
#[derive(Debug, Default)]
pub(crate) struct OpenItems {
    known: HashMap<PackPlace, Pack>,
    /// Everything behind the checkpoint was written by this writer: what it does not know is not there.
    complete: bool,
}

impl OpenItems {
    /// Everything may be otherwise than it was.
    pub(crate) fn forget(&mut self) {
        *self = Self::default();
    }

    /// A commit went through: there is nothing behind the checkpoint now.
    pub(crate) fn committed(&mut self) {
        self.complete = true;
        self.known.retain(|place, pack| pack.count() < place.capacity());
    }

    /// Reads what is there of these places, as far as it is not known. `grows` says of each whether there must be something already.
    pub(crate) async fn look(&mut self, session: &Session, places: &[(PackPlace, bool)]) -> Result<(), Fault> {
        let unknown =
            |(place, grows): &&(PackPlace, bool)| !self.known.contains_key(place) && (*grows || !self.complete);
        let unknown: HashMap<Key, PackPlace> =
            places.iter().filter(unknown).map(|(place, _)| (place.key(), *place)).collect();
        for (key, item) in session.get_all(unknown.keys().cloned()).await? {
            let place = unknown.get(&key).ok_or_else(|| Fault::Answer(format!("nobody asked for {key}")))?;
            self.known.insert(*place, Pack::of_item(&item)?);
        }
        Ok(())
    }

    /// What is there.
    pub(crate) fn get(&self, place: &PackPlace) -> Option<&Pack> {
        self.known.get(place)
    }

    /// It is so now. Items that are full are not needed again.
    pub(crate) fn set(&mut self, place: PackPlace, pack: Pack) {
        if pack.count() < place.capacity() {
            self.known.insert(place, pack);
        } else {
            self.known.remove(&place);
        }
    }
}
