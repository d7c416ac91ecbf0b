//! What a disk may hold after its power was cut: all that was synced, and any part of the rest.

use std::collections::BTreeMap;

use crate::random::Random;

/// One thing that happened, in order.
#[derive(Debug, Clone)]
pub(crate) enum Entry {
    Created(String),
    Written {
        file: String,
        at: usize,
        bytes: Vec<u8>,
    },
    Truncated {
        file: String,
        size: usize,
    },
    /// With zeros, by the store itself.
    Lengthened {
        file: String,
        size: usize,
    },
    Synced(String),
    Deleted(String),
    /// Which names the folder has is durable.
    FolderSynced,
    Told(Told),
}

/// What a client was told to have happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Told {
    /// This instance is started.
    Started(usize),
    /// This message of this instance is sent.
    Sent(usize, usize),
    /// This instance has ended.
    Ended(usize),
}

/// Which part of what was not synced is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cut {
    Nothing,
    Everything,
    /// Each write is there or not, whatever came before it.
    SomeWrites,
    /// Each sector of each write is there or not.
    SomeSectors {
        bytes: usize,
    },
}

impl Cut {
    pub(crate) fn draw(random: &mut Random) -> Cut {
        match random.below(8) {
            0..2 => Cut::Nothing,
            2 => Cut::Everything,
            3..5 => Cut::SomeWrites,
            5..7 => Cut::SomeSectors { bytes: 512 },
            _ => Cut::SomeSectors { bytes: 4_096 },
        }
    }
}

/// A disk at one moment.
#[derive(Debug, Default, Clone)]
pub(crate) struct Disk {
    files: BTreeMap<String, File>,
}

#[derive(Debug, Default, Clone)]
struct File {
    synced: Vec<u8>,
    since: Vec<Change>,
    name: Name,
}

/// Whether a cut may take the name of a file, or bring it back.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Name {
    #[default]
    Durable,
    New,
    Deleted,
}

#[derive(Debug, Clone)]
enum Change {
    Write { at: usize, bytes: Vec<u8> },
    Resize(usize),
}

/// The files that a state consists of.
pub(crate) type Files = BTreeMap<String, Vec<u8>>;

impl Disk {
    /// What happens next.
    pub(crate) fn apply(&mut self, entry: &Entry) {
        match entry {
            Entry::Created(name) => {
                self.files.insert(name.clone(), File { name: Name::New, ..File::default() });
            }
            Entry::Written { file, at, bytes } => self.change(file, Change::Write { at: *at, bytes: bytes.clone() }),
            Entry::Truncated { file, size } | Entry::Lengthened { file, size } => {
                self.change(file, Change::Resize(*size));
            }
            Entry::Synced(name) => {
                if let Some(file) = self.files.get_mut(name) {
                    for change in std::mem::take(&mut file.since) {
                        change.apply(&mut file.synced);
                    }
                }
            }
            Entry::Deleted(name) => {
                if let Some(file) = self.files.get_mut(name) {
                    file.name = Name::Deleted;
                }
            }
            Entry::FolderSynced => {
                self.files.retain(|_, file| file.name != Name::Deleted);
                self.files.values_mut().for_each(|file| file.name = Name::Durable);
            }
            Entry::Told(_) => {}
        }
    }

    /// Files that were there before SQLite opened them are taken to be there for good.
    fn change(&mut self, name: &str, change: Change) {
        self.files.entry(name.to_owned()).or_default().since.push(change);
    }

    /// One state that a cut may leave now.
    pub(crate) fn after(&self, cut: Cut, random: &mut Random) -> Files {
        let mut files = Files::new();
        for (name, file) in &self.files {
            let is_there = match (file.name, cut) {
                (Name::Durable, _) | (Name::New, Cut::Everything) | (Name::Deleted, Cut::Nothing) => true,
                (Name::New, Cut::Nothing) | (Name::Deleted, Cut::Everything) => false,
                (Name::New | Name::Deleted, _) => random.per_mille(500),
            };
            if is_there {
                files.insert(name.clone(), file.after(cut, random));
            }
        }
        files
    }
}

impl File {
    fn after(&self, cut: Cut, random: &mut Random) -> Vec<u8> {
        let mut bytes = self.synced.clone();
        // How much a disk keeps differs from cut to cut.
        let kept = random.below(1_001);
        for change in &self.since {
            match (cut, change) {
                (Cut::Nothing, _) => {}
                (Cut::Everything, change) => change.apply(&mut bytes),
                (Cut::SomeSectors { bytes: sector }, Change::Write { at, bytes: written }) => {
                    for (from, piece) in sectors(*at, written, sector) {
                        if random.per_mille(kept) {
                            put(&mut bytes, from, piece);
                        }
                    }
                }
                (Cut::SomeWrites | Cut::SomeSectors { .. }, change) => {
                    if random.per_mille(kept) {
                        change.apply(&mut bytes);
                    }
                }
            }
        }
        bytes
    }
}

impl Change {
    fn apply(&self, bytes: &mut Vec<u8>) {
        match self {
            Change::Write { at, bytes: written } => put(bytes, *at, written),
            Change::Resize(size) => bytes.resize(*size, 0),
        }
    }
}

fn put(bytes: &mut Vec<u8>, at: usize, written: &[u8]) {
    let end = at + written.len();
    if bytes.len() < end {
        bytes.resize(end, 0);
    }
    bytes[at..end].copy_from_slice(written);
}

/// The pieces of a write, cut where sectors of the disk begin.
fn sectors(at: usize, written: &[u8], sector: usize) -> Vec<(usize, &[u8])> {
    let mut pieces = Vec::new();
    let mut from = 0;
    while from < written.len() {
        let to = (((at + from) / sector + 1) * sector - at).min(written.len());
        pieces.push((at + from, &written[from..to]));
        from = to;
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(at: usize, text: &str) -> Entry {
        Entry::Written { file: "f".into(), at, bytes: text.as_bytes().to_vec() }
    }

    fn disk(entries: &[Entry]) -> Disk {
        let mut disk = Disk::default();
        entries.iter().for_each(|entry| disk.apply(entry));
        disk
    }

    #[test]
    fn what_was_synced_is_there_and_the_rest_may_be() {
        let disk = disk(&[written(0, "abc"), Entry::Synced("f".into()), written(1, "XY"), written(5, "Z")]);
        let mut random = Random::new(1);
        assert_eq!(disk.after(Cut::Nothing, &mut random)["f"], b"abc");
        assert_eq!(disk.after(Cut::Everything, &mut random)["f"], b"aXY\0\0Z");
        let seen: std::collections::BTreeSet<Vec<u8>> =
            (0..200).map(|_| disk.after(Cut::SomeWrites, &mut random)["f"].clone()).collect();
        let expected: [&[u8]; 4] = [b"aXY", b"aXY\0\0Z", b"abc", b"abc\0\0Z"];
        assert_eq!(seen.into_iter().collect::<Vec<_>>(), expected);
    }

    #[test]
    fn a_name_counts_when_its_folder_was_synced() {
        let mut disk = disk(&[Entry::Created("f".into()), written(0, "a"), Entry::Synced("f".into())]);
        let mut random = Random::new(1);
        assert!(disk.after(Cut::Nothing, &mut random).is_empty());
        disk.apply(&Entry::FolderSynced);
        assert_eq!(disk.after(Cut::Nothing, &mut random).len(), 1);
        disk.apply(&Entry::Deleted("f".into()));
        assert_eq!(disk.after(Cut::Nothing, &mut random).len(), 1, "it may come back");
        disk.apply(&Entry::FolderSynced);
        assert!(disk.after(Cut::Nothing, &mut random).is_empty());
    }

    #[test]
    fn writes_are_torn_where_sectors_begin() {
        let pieces: Vec<(usize, usize)> =
            sectors(500, &[0; 600], 512).iter().map(|(at, piece)| (*at, piece.len())).collect();
        assert_eq!(pieces, [(500, 12), (512, 512), (1_024, 76)]);
    }
}
