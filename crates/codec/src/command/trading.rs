//! Orders: place, cancel, amend, replace.

use domain::command::amend_order::AmendOrder;
use domain::command::cancel_all::CancelAll;
use domain::command::cancel_order::CancelOrder;
use domain::command::place_order::PlaceOrder;
use domain::command::replace_order::{ReplaceMode, ReplaceOnlyIf, ReplaceOrder};
use domain::command::{Action, Note, OrderRef};

use crate::error::DecodeError;
use crate::field::{Field, Kind, fields, tagged, tags};
use crate::reader::Reader;

fields!(PlaceOrder { symbol, side, kind, client_order_id });
fields!(CancelOrder { symbol, order });
fields!(AmendOrder { symbol, quantity, order, new_client_order_id });
fields!(ReplaceOrder { only_if, mode, cancel, place });
fields!(CancelAll { symbol });

tagged!(OrderRef { Id(id) = 1, Client(id) = 2 });
tags!(ReplaceMode { StopOnFailure = 1, AllowFailure = 2 });
tags!(ReplaceOnlyIf { Open = 1, New = 2, PartiallyFilled = 3 });

/// Requests have their kinds from 16 on, notes 6 and 7.
impl Kind for Action {
    #[inline]
    fn kind(&self) -> u8 {
        match self {
            Self::PlaceOrder(_) => 1,
            Self::CancelOrder(_) => 2,
            Self::AmendOrder(_) => 3,
            Self::ReplaceOrder(_) => 4,
            Self::CancelAll(_) => 5,
            Self::Request(request) => request.content.kind(),
            Self::Note(note) => note.kind(),
        }
    }
    #[inline]
    fn write_content(&self, out: &mut Vec<u8>) {
        match self {
            Self::PlaceOrder(content) => content.write(out),
            Self::CancelOrder(content) => content.write(out),
            Self::AmendOrder(content) => content.write(out),
            Self::ReplaceOrder(content) => content.write(out),
            Self::CancelAll(content) => content.write(out),
            Self::Request(request) => super::request::write(request, out),
            Self::Note(note) => note.write_content(out),
        }
    }
    #[inline]
    fn read_content(kind: u8, reader: &mut Reader<'_>) -> Option<Result<Self, DecodeError>> {
        match kind {
            1 => Some(Field::read(reader).map(Self::PlaceOrder)),
            2 => Some(Field::read(reader).map(Self::CancelOrder)),
            3 => Some(Field::read(reader).map(Self::AmendOrder)),
            4 => Some(Field::read(reader).map(Self::ReplaceOrder)),
            5 => Some(Field::read(reader).map(Self::CancelAll)),
            other => match Note::read_content(other, reader) {
                Some(note) => Some(note.map(Self::Note)),
                None => super::request::read(other, reader).map(|request| request.map(Self::Request)),
            },
        }
    }
}
