//! Stands between SQLite and its files, and writes down what is asked of them, in order.
//!
//! SQLite reaches files through tables of C functions. A copy of its table for Unix is made the default, in which opening
//! and deleting are ours; and every file that is opened gets a copy of its own table, in which writing, truncating,
//! syncing and closing are ours. All of them call the original and then note what was done. What a client was told is
//! noted in the same list, so that it is known what had been asked of the disk by then.
#![expect(unsafe_code, reason = "the interface of SQLite to its files is one of C")]

use std::collections::HashMap;
use std::ffi::{CStr, c_int, c_void};
use std::path::{Path, PathBuf};
use std::ptr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use libsqlite3_sys::{
    SQLITE_OK, SQLITE_OPEN_MAIN_JOURNAL, SQLITE_OPEN_WAL, sqlite3_file, sqlite3_filename, sqlite3_io_methods,
    sqlite3_vfs, sqlite3_vfs_find, sqlite3_vfs_register,
};

use crate::disk::{Entry, Told};

static RECORDING: Mutex<Option<Recording>> = Mutex::new(None);

/// What happens in one folder.
struct Recording {
    folder: PathBuf,
    entries: Vec<Entry>,
    /// Open files by where SQLite keeps them, and whether their first sync also makes their folder's entries durable.
    open: HashMap<usize, (String, bool)>,
    /// How long each file was when something was last noted of it.
    lengths: HashMap<String, usize>,
}

impl Recording {
    /// The store lengthens its log itself, with zeros, past SQLite: noted when SQLite next does something with that file.
    fn note_length(&mut self, file: &str) {
        let size = std::fs::metadata(self.folder.join(file)).map_or(0, |metadata| metadata.len());
        let size = usize::try_from(size).expect("it fits into memory");
        if self.lengths.get(file).is_some_and(|noted| size > *noted) {
            self.entries.push(Entry::Lengthened { file: file.to_owned(), size });
        }
    }

    fn keep_length(&mut self, file: &str) {
        let size = std::fs::metadata(self.folder.join(file)).map_or(0, |metadata| metadata.len());
        self.lengths.insert(file.to_owned(), usize::try_from(size).expect("it fits into memory"));
    }
}

fn recording() -> MutexGuard<'static, Option<Recording>> {
    RECORDING.lock().unwrap_or_else(PoisonError::into_inner)
}

/// From now on everything is noted that happens to files of this folder.
pub(crate) fn start(folder: &Path) {
    install();
    *recording() = Some(Recording {
        folder: folder.to_owned(),
        entries: Vec::new(),
        open: HashMap::new(),
        lengths: HashMap::new(),
    });
}

/// Everything that was noted.
pub(crate) fn stop() -> Vec<Entry> {
    recording().take().map(|recording| recording.entries).unwrap_or_default()
}

/// A client was told.
pub(crate) fn told(told: Told) {
    if let Some(recording) = recording().as_mut() {
        recording.entries.push(Entry::Told(told));
    }
}

/// A table of ours, with the one that it stands for. SQLite sees its first field.
#[repr(C)]
struct Methods {
    ours: sqlite3_io_methods,
    real: *const sqlite3_io_methods,
}

fn real_vfs() -> *mut sqlite3_vfs {
    // SAFETY: the name is a C string, and SQLite initialises itself.
    let real = unsafe { sqlite3_vfs_find(c"unix".as_ptr()) };
    assert!(!real.is_null(), "SQLite for Unix has its files there");
    real
}

fn install() {
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| {
        // SAFETY: `real_vfs` is not null and lives as long as the process; its functions that are copied read nothing
        // of it but `pAppData`, which is copied as well. What is registered is never freed.
        let registered = unsafe {
            let mut vfs = Box::new(*real_vfs());
            vfs.zName = c"recording".as_ptr();
            vfs.pNext = ptr::null_mut();
            vfs.xOpen = Some(open);
            vfs.xDelete = Some(delete);
            sqlite3_vfs_register(Box::into_raw(vfs), 1)
        };
        assert_eq!(registered, SQLITE_OK, "SQLite takes another way to its files");
    });
}

/// The name within the folder, if the path is in it.
///
/// # Safety
/// `path` is null or a C string.
unsafe fn name_of(recording: &Recording, path: *const std::ffi::c_char) -> Option<String> {
    if path.is_null() {
        return None;
    }
    // SAFETY: as the caller promises.
    let path = Path::new(unsafe { CStr::from_ptr(path) }.to_str().ok()?);
    let name = path.strip_prefix(&recording.folder).ok()?;
    Some(name.to_str()?.to_owned())
}

/// # Safety
/// SQLite calls it as it calls the original.
unsafe extern "C" fn open(
    _vfs: *mut sqlite3_vfs,
    path: sqlite3_filename,
    file: *mut sqlite3_file,
    flags: c_int,
    out_flags: *mut c_int,
) -> c_int {
    let mut recording = recording();
    // SAFETY: SQLite gives null for files without a name, and a C string otherwise.
    let name = recording.as_ref().and_then(|recording| unsafe { name_of(recording, path) });
    let is_new = name.as_ref().zip(recording.as_ref()).is_some_and(|(name, all)| !all.folder.join(name).exists());
    // SAFETY: the arguments are SQLite's own.
    let opened = unsafe { (*real_vfs()).xOpen.expect("it opens files")(real_vfs(), path, file, flags, out_flags) };
    if let (SQLITE_OK, Some(recording), Some(name)) = (opened, recording.as_mut(), name) {
        // SQLite syncs the folder with the first sync of a log that it created.
        let syncs_folder = is_new && flags & (SQLITE_OPEN_WAL | SQLITE_OPEN_MAIN_JOURNAL) != 0;
        if is_new {
            recording.entries.push(Entry::Created(name.clone()));
        }
        recording.open.insert(file as usize, (name, syncs_folder));
        // SAFETY: an open file has a table that lives as long as the process. Ours begins with a copy of it.
        unsafe {
            let real = (*file).pMethods;
            let mut ours = *real;
            ours.xWrite = Some(write);
            ours.xTruncate = Some(truncate);
            ours.xSync = Some(sync);
            ours.xClose = Some(close);
            (*file).pMethods = Box::into_raw(Box::new(Methods { ours, real })).cast();
        }
    }
    opened
}

/// # Safety
/// SQLite calls it as it calls the original.
unsafe extern "C" fn delete(_vfs: *mut sqlite3_vfs, path: *const std::ffi::c_char, sync_folder: c_int) -> c_int {
    let mut recording = recording();
    // SAFETY: the arguments are SQLite's own.
    let deleted = unsafe { (*real_vfs()).xDelete.expect("it deletes files")(real_vfs(), path, sync_folder) };
    if let (SQLITE_OK, Some(recording)) = (deleted, recording.as_mut()) {
        // SAFETY: what SQLite deletes has a name.
        if let Some(name) = unsafe { name_of(recording, path) } {
            recording.entries.push(Entry::Deleted(name));
            recording.entries.extend((sync_folder != 0).then_some(Entry::FolderSynced));
        }
    }
    deleted
}

/// The original table of a file of ours.
///
/// # Safety
/// `file` was opened by [`open`], which gave it a table of ours.
unsafe fn real(file: *mut sqlite3_file) -> &'static sqlite3_io_methods {
    // SAFETY: as the caller promises; neither table is ever freed.
    unsafe { &*(*(*file).pMethods.cast::<Methods>()).real }
}

/// Does what was asked and notes it if it was done. Under the lock, so that the list has the order of the deeds.
fn noted(file: *mut sqlite3_file, act: impl FnOnce() -> c_int, note: impl FnOnce(String) -> Entry) -> c_int {
    let mut recording = recording();
    let name =
        recording.as_ref().and_then(|recording| recording.open.get(&(file as usize))).map(|(name, _)| name.clone());
    if let (Some(recording), Some(name)) = (recording.as_mut(), &name) {
        recording.note_length(name);
    }
    let done = act();
    if let (SQLITE_OK, Some(recording), Some(name)) = (done, recording.as_mut(), name) {
        recording.keep_length(&name);
        recording.entries.push(note(name));
    }
    done
}

/// # Safety
/// SQLite calls it as it calls the original.
unsafe extern "C" fn write(file: *mut sqlite3_file, from: *const c_void, bytes: c_int, at: i64) -> c_int {
    // SAFETY: the arguments are SQLite's own; it gives as many bytes as it says.
    unsafe {
        noted(
            file,
            || real(file).xWrite.expect("files are written")(file, from, bytes, at),
            |file| Entry::Written {
                file,
                at: usize::try_from(at).expect("offsets are not negative"),
                bytes: std::slice::from_raw_parts(from.cast::<u8>(), bytes.unsigned_abs() as usize).to_vec(),
            },
        )
    }
}

/// # Safety
/// SQLite calls it as it calls the original.
unsafe extern "C" fn truncate(file: *mut sqlite3_file, size: i64) -> c_int {
    // SAFETY: the arguments are SQLite's own.
    let act = || unsafe { real(file).xTruncate.expect("files are truncated")(file, size) };
    noted(file, act, |file| Entry::Truncated { file, size: usize::try_from(size).expect("sizes are not negative") })
}

/// # Safety
/// SQLite calls it as it calls the original.
unsafe extern "C" fn sync(file: *mut sqlite3_file, flags: c_int) -> c_int {
    // SAFETY: the arguments are SQLite's own.
    let synced = noted(file, || unsafe { real(file).xSync.expect("files are synced")(file, flags) }, Entry::Synced);
    if let (SQLITE_OK, Some(recording)) = (synced, recording().as_mut())
        && let Some((_, syncs_folder)) = recording.open.get_mut(&(file as usize))
        && std::mem::take(syncs_folder)
    {
        recording.entries.push(Entry::FolderSynced);
    }
    synced
}

/// # Safety
/// SQLite calls it as it calls the original.
unsafe extern "C" fn close(file: *mut sqlite3_file) -> c_int {
    if let Some(recording) = recording().as_mut() {
        recording.open.remove(&(file as usize));
    }
    // SAFETY: the argument is SQLite's own.
    unsafe { real(file).xClose.expect("files are closed")(file) }
}
