//! Reading: from any sequence, out of the local directory or a store, while the writer goes on.

use std::collections::BTreeMap;
use std::io;

use domain::units::Seq;

use crate::block::{BLOCK_HEADER_BYTES, BlockHeader, BlockView, OwnedBlock};
use crate::cursor::{At, Cursor, Found};
use crate::damage::{Corruption, Damage};
use crate::error::ReadError;
use crate::segment::{Identity, SEGMENT_HEADER_BYTES, Segment, covering, list_segments};
use crate::storage::{Directory, OpenMode};
use crate::tip::Tip;
use crate::window::Window;

/// A reader remembers one block in about so many bytes, so that seeking again need not walk the segment.
const INDEX_STEP_BYTES: u64 = 256 << 10;
const INDEX_ENTRIES_MAX: usize = 65_536;

/// Where the segments of one log are: the local directory, then any number of stores.
#[derive(Debug, Clone)]
pub struct SegmentSource {
    places: Vec<Directory>,
    identity: Identity,
}

impl SegmentSource {
    /// A source that reads a local directory.
    pub fn new(local: Directory, identity: Identity) -> Self {
        Self { places: vec![local], identity }
    }

    /// The same, with a store to look in for what the places before it do not have.
    #[must_use]
    pub fn with_store(mut self, store: Directory) -> Self {
        self.places.push(store);
        self
    }

    /// The directories, in the order in which they are looked into.
    pub fn places(&self) -> &[Directory] {
        &self.places
    }

    /// Which log of which venue.
    pub const fn identity(&self) -> Identity {
        self.identity
    }

    /// A reader whose first block is the one that holds `from`; blocks without records are seen only behind that.
    /// `Seq::ZERO` reads everything there is, from the oldest block on.
    pub fn reader(&self, from: Seq) -> Reader {
        Reader { source: self.clone(), from, at: None, filled_at: Seq::ZERO, index: Index::default() }
    }

    /// The first sequence of the oldest segment; absent where there is none.
    pub fn oldest(&self) -> Result<Option<Seq>, ReadError> {
        let mut oldest = None;
        for place in &self.places {
            oldest = oldest.into_iter().chain(list_segments(place)?.first().copied()).min();
        }
        Ok(oldest)
    }

    /// The blocks from the one that holds `from` to the one that holds `to`, both committed. Ends early, behind at
    /// least one block, once the payloads exceed `payload_bytes_max`.
    pub fn read(&self, from: Seq, to: Seq, payload_bytes_max: usize) -> Result<Vec<OwnedBlock>, ReadError> {
        let mut reader = self.reader(from);
        let mut blocks = Vec::new();
        let mut bytes: usize = 0;
        while bytes <= payload_bytes_max
            && let Some(block) = reader.next_block(to)?
        {
            bytes = bytes.saturating_add(block.payload.len());
            blocks.push(block.to_owned_block());
        }
        Ok(blocks)
    }

    /// The segment that holds `seq`, or the oldest one for `Seq::ZERO`.
    fn find(&self, seq: Seq) -> Result<Option<Segment>, ReadError> {
        if seq == Seq::ZERO {
            return self.oldest()?.map(|oldest| self.open(oldest)).transpose();
        }
        for place in &self.places {
            if let Some(first_seq) = covering(&list_segments(place)?, seq) {
                return self.open(first_seq).map(Some);
            }
        }
        Err(ReadError::Missing(seq))
    }

    /// Opens a segment by its exact first sequence, wherever it is. It may move to a store at any time.
    fn open(&self, first_seq: Seq) -> Result<Segment, ReadError> {
        for place in &self.places {
            match Segment::open(place, first_seq, self.identity, OpenMode::Read) {
                Err(ReadError::Io(failure)) if failure.source.kind() == io::ErrorKind::NotFound => {}
                opened => return opened,
            }
        }
        Err(ReadError::Missing(first_seq))
    }
}

/// Reads blocks in order, each verified: checksums, sequence, chain. Reuses its buffers.
#[derive(Debug)]
pub struct Reader {
    source: SegmentSource,
    /// Where to begin, as long as `at` is absent.
    from: Seq,
    at: Option<Cursor>,
    /// What was committed when the window was filled: nothing behind it in the window can be believed.
    filled_at: Seq,
    index: Index,
}

impl Reader {
    /// The next block, if it is committed. `committed` is the last sequence that the writer has declared committed; it
    /// must not be ahead of what was written. A block is committed as a whole: its first sequence decides.
    ///
    /// A block without records is seen once a sequence behind it is committed.
    pub fn next_block(&mut self, committed: Seq) -> Result<Option<BlockView<'_>>, ReadError> {
        if self.next_seq() > committed {
            return Ok(None);
        }
        let mut cursor = match self.at.take() {
            Some(cursor) => cursor,
            None => match self.position()? {
                Some(cursor) => cursor,
                None => return Ok(None),
            },
        };
        let advanced = self.advance(&mut cursor, committed);
        let at = self.at.insert(cursor);
        Ok(advanced?.map(|found| at.passed(&found)))
    }

    /// The first sequence that has not been read.
    pub fn next_seq(&self) -> Seq {
        self.at.as_ref().map_or(self.from, |cursor| cursor.tip.seq.next())
    }

    /// The end of what was read; absent before the first block.
    pub fn tip(&self) -> Option<Tip> {
        self.at.as_ref().map(|cursor| cursor.tip)
    }

    /// Goes on at the block that holds `from`, as [`SegmentSource::reader`] does. What has been learnt about the
    /// places of blocks is kept.
    pub fn seek(&mut self, from: Seq) {
        self.at = None;
        self.from = from;
        self.filled_at = Seq::ZERO;
    }

    fn advance(&mut self, cursor: &mut Cursor, committed: Seq) -> Result<Option<Found>, ReadError> {
        loop {
            let next = cursor.tip.seq.next();
            if next > committed {
                return Ok(None);
            }
            if next > self.filled_at {
                cursor.window.forget();
                self.filled_at = committed;
            }
            let (start, fills) = (cursor.offset, cursor.window.fills());
            let at = cursor.step()?;
            if cursor.window.fills() != fills {
                self.filled_at = committed;
            }
            match at {
                At::Block(found) => {
                    self.index.note(&cursor.segment, &found.header, start);
                    return Ok(Some(found));
                }
                At::Bad(damage) => return Err(cursor.corrupt(damage).into()),
                // Committed, and not here: the log has gone on in the next segment.
                At::Nothing if cursor.segment.header.first_seq() == next => {
                    return Err(cursor.corrupt(Damage::NotABlock).into());
                }
                At::Nothing => self.cross(cursor)?,
            }
        }
    }

    fn cross(&mut self, cursor: &mut Cursor) -> Result<(), ReadError> {
        let segment = self.source.open(cursor.tip.seq.next())?;
        if segment.header.before != cursor.tip {
            return Err(cursor.corrupt(Damage::SegmentJoin { last: cursor.tip.seq }).into());
        }
        let mut window = std::mem::replace(&mut cursor.window, Window::new());
        window.forget();
        *cursor = Cursor::new(segment, window);
        Ok(())
    }

    /// A cursor before the block that holds `from`; absent only if everything is asked for and there is nothing.
    fn position(&mut self) -> Result<Option<Cursor>, ReadError> {
        let Some(segment) = self.source.find(self.from)? else { return Ok(None) };
        let holder = segment.header.first_seq();
        let mut cursor = Cursor::new(segment, Window::new());
        if let Some((first_seq, place)) = self.index.nearest(self.from).filter(|(_, place)| place.segment == holder) {
            cursor.offset = place.offset;
            cursor.tip.seq = first_seq.previous();
        }
        if self.from != Seq::ZERO {
            self.skip(&mut cursor)?;
        }
        Ok(Some(cursor))
    }

    /// Walks from header to header up to the block that holds `from`.
    fn skip(&mut self, cursor: &mut Cursor) -> Result<(), ReadError> {
        loop {
            let Some(header) = header_at(cursor)? else { return Err(ReadError::Missing(self.from)) };
            if header.first_seq != cursor.tip.seq.next() {
                let what = Damage::Gap { expected: cursor.tip.seq.next(), found: header.first_seq };
                return Err(cursor.corrupt(what).into());
            }
            if header.count > 0 && header.last_seq() >= self.from {
                if cursor.offset > SEGMENT_HEADER_BYTES {
                    cursor.tip = Tip::before(&header);
                }
                return Ok(());
            }
            self.index.note(&cursor.segment, &header, cursor.offset);
            cursor.offset = cursor.offset.saturating_add(header.span(cursor.segment.header.alignment_bytes));
            cursor.tip.seq = header.last_seq();
        }
    }
}

/// The header at the cursor, checked by its own checksum; absent where there are zeros.
fn header_at(cursor: &Cursor) -> Result<Option<BlockHeader>, ReadError> {
    let mut bytes = [0; BLOCK_HEADER_BYTES];
    cursor.segment.file.read(&mut bytes, cursor.offset)?;
    if bytes.iter().all(|byte| *byte == 0) {
        return Ok(None);
    }
    let damaged = |what| Corruption { file: cursor.segment.file.path.clone(), offset: cursor.offset, what };
    Ok(Some(BlockHeader::decode(&bytes).map_err(damaged)?))
}

/// Where some of the blocks stand.
#[derive(Debug, Default)]
struct Index {
    places: BTreeMap<Seq, Place>,
    last: Option<Place>,
}

#[derive(Debug, Clone, Copy)]
struct Place {
    segment: Seq,
    offset: u64,
}

impl Index {
    fn note(&mut self, segment: &Segment, header: &BlockHeader, offset: u64) {
        let place = Place { segment: segment.header.first_seq(), offset };
        let near = |last: Place| last.segment == place.segment && place.offset.abs_diff(last.offset) < INDEX_STEP_BYTES;
        if header.count == 0 || self.last.is_some_and(near) || self.places.len() >= INDEX_ENTRIES_MAX {
            return;
        }
        self.places.insert(header.first_seq, place);
        self.last = Some(place);
    }

    /// The last known block at or before `seq`, possibly in an earlier segment.
    fn nearest(&self, seq: Seq) -> Option<(Seq, Place)> {
        self.places.range(..=seq).next_back().map(|(first_seq, place)| (*first_seq, *place))
    }
}
