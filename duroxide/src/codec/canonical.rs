//! JSON with the members of each object sorted: written as serde asks for it, and moved only where needed.

use std::borrow::Cow;
use std::cell::Cell;
use std::cmp::Ordering;
use std::io::{self, Write};

use serde::Serialize;
use serde_json::ser::{CharEscape, CompactFormatter, Formatter, Serializer};

/// Room for a small payload, so that it is not moved while it grows.
const FIRST_BYTES: usize = 128;
/// Room for the objects of a small payload.
const FIRST_MEMBERS: usize = 24;

/// Writes `value` behind `text`.
///
/// # Errors
/// When the value has no JSON form.
pub(super) fn append<T: Serialize + ?Sized>(mut text: Vec<u8>, value: &T) -> Result<Vec<u8>, serde_json::Error> {
    if text.capacity() == 0 {
        text.reserve(FIRST_BYTES);
    }
    let (begin, written) = (text.len(), Cell::new(text.len()));
    let mut page = Page { text, written: &written };
    let mut order = Order { written: &written, in_key: false, members: Vec::new(), object: 0, unsorted: Vec::new() };
    value.serialize(&mut Serializer::with_formatter(&mut page, &mut order))?;
    let (mut text, unsorted) = (page.text, order.unsorted);
    // Inner objects ended first, so that each is in order when the one around it is moved.
    let is_sorted = unsorted.iter().all(|members| sort(&mut text, members.clone()));
    if !is_sorted {
        text.truncate(begin);
        text.extend(sorted_by_tree(value)?);
    }
    Ok(text)
}

/// The slow way, for objects that have a key twice: of these the last counts.
fn sorted_by_tree<T: Serialize + ?Sized>(value: &T) -> Result<Vec<u8>, serde_json::Error> {
    let mut tree = serde_json::to_value(value)?;
    tree.sort_all_objects();
    serde_json::to_vec(&tree)
}

struct Page<'a> {
    text: Vec<u8>,
    /// Its length, for the formatter, which does not see the page.
    written: &'a Cell<usize>,
}

impl Write for Page<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write_all(bytes).map(|()| bytes.len())
    }

    #[inline]
    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.text.extend_from_slice(bytes);
        self.written.set(self.text.len());
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// `"key":value` on the page.
#[derive(Debug, Clone, Copy, Default)]
struct Member {
    start: usize,
    key_end: usize,
    end: usize,
    /// The first bytes of a key that is written as it is, which mostly tell its place.
    prefix: Option<u128>,
    /// In how many pieces the key was written; one, when it is written as it is.
    pieces: usize,
}

/// Writes like serde's own formatter, and notes which objects are not in order.
struct Order<'a> {
    written: &'a Cell<usize>,
    in_key: bool,
    /// The objects that are open, the outermost first: for each a row that stands for itself, and its members. That row
    /// has the place of the one around it as `start`, and an `end` when it is not in order.
    members: Vec<Member>,
    /// The row of the innermost object.
    object: usize,
    /// The members of objects that are not in order, as the objects ended.
    unsorted: Vec<Vec<Member>>,
}

impl Formatter for &mut Order<'_> {
    #[inline]
    fn begin_object<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        if self.members.capacity() == 0 {
            self.members.reserve(FIRST_MEMBERS);
        }
        let around = std::mem::replace(&mut self.object, self.members.len());
        self.members.push(Member { start: around, ..Member::default() });
        writer.write_all(b"{")
    }

    #[inline]
    fn begin_object_key<W: ?Sized + Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        self.in_key = true;
        if !first {
            writer.write_all(b",")?;
        }
        self.members.push(Member { start: self.written.get(), ..Member::default() });
        Ok(())
    }

    #[inline]
    fn write_string_fragment<W: ?Sized + Write>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()> {
        if self.in_key {
            self.last(|member| {
                member.prefix = (member.pieces == 0).then(|| prefix(fragment));
                member.pieces += 1;
            });
        }
        writer.write_all(fragment.as_bytes())
    }

    fn write_char_escape<W: ?Sized + Write>(&mut self, writer: &mut W, escape: CharEscape) -> io::Result<()> {
        if self.in_key {
            self.last(|member| {
                member.prefix = None;
                member.pieces += 1;
            });
        }
        CompactFormatter.write_char_escape(writer, escape)
    }

    #[inline]
    fn end_object_key<W: ?Sized + Write>(&mut self, _: &mut W) -> io::Result<()> {
        self.in_key = false;
        let at = self.written.get();
        self.last(|member| member.key_end = at);
        if let [.., before, this] = &self.members[self.object + 1..] {
            let is_plainly_next = matches!((before.prefix, this.prefix), (Some(left), Some(right)) if left < right);
            if !is_plainly_next {
                self.members[self.object].end = at;
            }
        }
        Ok(())
    }

    #[inline]
    fn end_object_value<W: ?Sized + Write>(&mut self, _: &mut W) -> io::Result<()> {
        let at = self.written.get();
        self.last(|member| member.end = at);
        Ok(())
    }

    #[inline]
    fn end_object<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        let row = self.members[self.object];
        if row.end > 0 {
            self.unsorted.push(self.members[self.object + 1..].to_vec());
        }
        self.members.truncate(self.object);
        self.object = row.start;
        writer.write_all(b"}")
    }

    // JSON has one kind of number, which most readers take for `f64` and 64-bit integers.
    fn write_f32<W: ?Sized + Write>(&mut self, writer: &mut W, value: f32) -> io::Result<()> {
        self.write_f64(writer, f64::from(value))
    }

    fn write_u128<W: ?Sized + Write>(&mut self, writer: &mut W, value: u128) -> io::Result<()> {
        self.require(u64::try_from(value).is_ok())?;
        CompactFormatter.write_u128(writer, value)
    }

    fn write_i128<W: ?Sized + Write>(&mut self, writer: &mut W, value: i128) -> io::Result<()> {
        self.require(i64::try_from(value).is_ok() || u64::try_from(value).is_ok())?;
        CompactFormatter.write_i128(writer, value)
    }
}

impl Order<'_> {
    #[inline]
    fn last(&mut self, change: impl FnOnce(&mut Member)) {
        if let Some(member) = self.members.last_mut() {
            change(member);
        }
    }

    /// A greater number would come back as another; as a key it is text.
    fn require(&self, fits: bool) -> io::Result<()> {
        if fits || self.in_key { Ok(()) } else { Err(io::Error::other("number out of range")) }
    }
}

/// Orders like the text as far as it goes.
#[inline]
fn prefix(text: &str) -> u128 {
    let mut first = [0; size_of::<u128>()];
    let bytes = text.as_bytes();
    let length = bytes.len().min(first.len());
    first[..length].copy_from_slice(&bytes[..length]);
    u128::from_be_bytes(first)
}

/// Puts the members of one object in the order of their keys; `false` when two have the same.
fn sort(text: &mut [u8], mut members: Vec<Member>) -> bool {
    let (Some(first), Some(last)) = (members.first(), members.last()) else {
        return true;
    };
    let (begin, end) = (first.start, last.end);
    members.sort_by(|left, right| compare(text, left, right));
    if members.windows(2).any(|pair| compare(text, &pair[0], &pair[1]) == Ordering::Equal) {
        return false;
    }
    let mut sorted = Vec::with_capacity(end - begin);
    for member in &members {
        if !sorted.is_empty() {
            sorted.push(b',');
        }
        sorted.extend_from_slice(&text[member.start..member.end]);
    }
    text[begin..end].copy_from_slice(&sorted);
    true
}

fn compare(text: &[u8], left: &Member, right: &Member) -> Ordering {
    match (left.prefix, right.prefix) {
        (Some(left), Some(right)) if left != right => left.cmp(&right),
        _ => key(text, left).cmp(&key(text, right)),
    }
}

/// Input: `"key"` as JSON writes it
/// Output: `key`
fn key<'a>(text: &'a [u8], member: &Member) -> Cow<'a, [u8]> {
    let written = &text[member.start..member.key_end];
    if member.prefix.is_none() {
        let plain: String = serde_json::from_slice(written).expect("the serializer wrote this as a JSON string");
        return Cow::Owned(plain.into_bytes());
    }
    Cow::Borrowed(&written[1..written.len() - 1])
}
