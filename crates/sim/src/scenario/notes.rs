//! Reads and writes the lines of notes: `note read 3 by alice`, `note head 17`.
//!
//! Of a note of access, kind and count are said; it is of the moment. Nothing else of a note can make a difference.

use domain::command::Note;
use domain::command::note_access::{AccessKind, NoteAccess};
use domain::command::note_head::NoteHead;
use domain::ids::Hash256;
use domain::units::{Seq, UnixNanos};

use super::words::{Unreadable, Words, number};

const KINDS: [(AccessKind, &str); 6] = [
    (AccessKind::BadSignature, "bad-signature"),
    (AccessKind::UnknownKey, "unknown-key"),
    (AccessKind::RevokedKey, "revoked-key"),
    (AccessKind::RoleMissing, "role-missing"),
    (AccessKind::Replayed, "replayed"),
    (AccessKind::Read, "read"),
];

/// A note of access as lines say it.
pub(crate) fn access(kind: AccessKind, count: u64, now: UnixNanos) -> Note {
    let note = NoteAccess { kind, endpoint: None, claim: None, about: None, count, first: now, last: now };
    Note::Access(Box::new(note))
}

/// A note of the head as lines say it.
pub(crate) fn head(seq: Seq) -> Note {
    Note::Head(NoteHead { seq, block: Hash256([0; 32]) })
}

/// What follows the word `note`.
pub(super) fn read(words: &mut Words<'_>, now: UnixNanos) -> Result<Note, Unreadable> {
    let word = words.word()?;
    if word == "head" {
        return Ok(head(Seq(number(words.word()?)?)));
    }
    let (kind, _) = KINDS.iter().find(|(_, known)| *known == word).ok_or(format!("what is a note of `{word}`?"))?;
    Ok(access(*kind, number(words.word()?)?, now))
}

pub(super) fn write(note: &Note) -> String {
    match note {
        Note::Access(note) => {
            let word = KINDS.iter().find(|(kind, _)| *kind == note.kind).map_or("?", |(_, word)| word);
            format!("note {word} {}", note.count)
        }
        Note::Head(note) => format!("note head {}", note.seq.0),
    }
}
