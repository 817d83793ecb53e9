//! Notes: what is recorded and changes nothing.

use domain::command::Note;
use domain::command::note_access::{AccessKind, AccessMethod, Claim, EndpointName, NoteAccess};
use domain::command::note_head::NoteHead;

use crate::field::{fields, kinds, tagged, tags};

kinds!(Note { Access = 6, Head = 7 });

fields!(NoteAccess { kind, count, first, last, about, claim, endpoint });
fields!(EndpointName { method, path });
fields!(NoteHead { seq, block });

tags!(AccessKind { BadSignature = 1, UnknownKey = 2, RevokedKey = 3, RoleMissing = 4, Replayed = 5, Read = 6 });
tags!(AccessMethod { Get = 1, Post = 2, Put = 3, Delete = 4 });
tagged!(Claim { Key(key) = 1, Text(hash) = 2 });
