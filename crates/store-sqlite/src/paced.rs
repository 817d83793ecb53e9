//! SQLite's writes, handed on to the disk in small pieces.
//!
//! A commit writes some megabytes into the page cache, a checkpoint some hundred, and the sync that follows hands all of them to
//! the disk at once: a block of the journal that is synced meanwhile waits behind them (15 to 190 ms, measured). So each piece is
//! handed over while the next is written, and no more than two are on their way.

use std::cell::Cell;
use std::ffi::{c_int, c_void};
use std::sync::Once;

use rusqlite::ffi;

/// Bytes handed to the disk at once.
const PIECE_BYTES: usize = 512 * 1024;

/// The signature of pwrite(2).
type Pwrite = unsafe extern "C" fn(c_int, *const c_void, usize, i64) -> isize;

thread_local! {
    static WRITTEN: Cell<Written> = const { Cell::new(Written { file: -1, bytes: 0 }) };
}

/// What a thread wrote since it handed over a piece. It writes one file for long: the WAL, or at a checkpoint the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Written {
    file: c_int,
    bytes: usize,
}

impl Written {
    /// Counts what was written; true: a piece is full.
    fn add(&mut self, file: c_int, bytes: usize) -> bool {
        let before = if self.file == file { self.bytes } else { 0 };
        let is_full = before + bytes >= PIECE_BYTES;
        *self = Self { file, bytes: if is_full { 0 } else { before + bytes } };
        is_full
    }
}

/// Paces what is written by every connection of this process.
pub(crate) fn pace_writes() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        if !replace_pwrite() {
            tracing::warn!("SQLite's writes cannot be paced here: syncs of the journal may have to wait for them");
        }
    });
}

#[expect(unsafe_code, reason = "what SQLite calls is replaced through its C interface only")]
fn replace_pwrite() -> bool {
    // SAFETY: null asks for the default VFS, which is never freed. SQLite keeps its calls as functions without arguments and calls
    // what stands for "pwrite" as pwrite(2), whose signature `paced_pwrite` has.
    unsafe {
        let vfs = ffi::sqlite3_vfs_find(std::ptr::null());
        let Some(set) = vfs.as_ref().and_then(|vfs| vfs.xSetSystemCall) else { return false };
        let call = std::mem::transmute::<Pwrite, unsafe extern "C" fn()>(paced_pwrite);
        set(vfs, c"pwrite".as_ptr(), Some(call)) == ffi::SQLITE_OK
    }
}

/// pwrite(2), and after each piece the wait for the one before it. What the disk did not take is an error of this write: no later
/// sync would report it.
///
/// # Safety
/// As for pwrite(2).
#[expect(unsafe_code, reason = "SQLite calls it, with a buffer of its own")]
unsafe extern "C" fn paced_pwrite(file: c_int, buffer: *const c_void, count: usize, offset: i64) -> isize {
    // SAFETY: the caller's promise.
    let result = unsafe { libc::pwrite(file, buffer, count, offset) };
    let Ok(bytes) = usize::try_from(result) else { return result };
    let mut written = WRITTEN.get();
    let is_full = written.add(file, bytes);
    WRITTEN.set(written);
    if !is_full {
        return result;
    }
    let flags = libc::SYNC_FILE_RANGE_WAIT_BEFORE | libc::SYNC_FILE_RANGE_WRITE;
    // SAFETY: no memory is involved.
    if unsafe { libc::sync_file_range(file, 0, 0, flags) } == 0 { result } else { -1 }
}

#[cfg(test)]
mod tests {
    use rusqlite::ffi;

    use super::{PIECE_BYTES, Pwrite, Written, pace_writes, paced_pwrite};

    #[test]
    #[expect(unsafe_code, reason = "what SQLite calls is asked through its C interface only")]
    fn sqlite_calls_the_paced_write() {
        pace_writes();
        // SAFETY: as for setting it.
        let call = unsafe {
            let vfs = ffi::sqlite3_vfs_find(std::ptr::null());
            vfs.as_ref().and_then(|vfs| vfs.xGetSystemCall).and_then(|get| get(vfs, c"pwrite".as_ptr()))
        };
        assert_eq!(call.map(|call| call as usize), Some(paced_pwrite as Pwrite as usize));
    }

    #[test]
    fn a_piece_is_full_when_one_file_was_written_so_much() {
        let mut written = Written { file: -1, bytes: 0 };
        assert!(!written.add(5, PIECE_BYTES - 1));
        assert!(!written.add(6, PIECE_BYTES - 1), "another file begins anew");
        assert!(written.add(6, 1));
        assert!(!written.add(6, PIECE_BYTES - 1), "a piece that was handed over is not counted again");
        assert!(written.add(6, 4_096));
    }
}
