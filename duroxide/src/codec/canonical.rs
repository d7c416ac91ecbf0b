//! JSON in one pass, the members of each object sorted where they stand.

use std::borrow::Cow;
use std::cell::RefCell;
use std::io::{self, Write};
use std::rc::Rc;

use serde::Serialize;
use serde_json::ser::{CompactFormatter, Formatter, Serializer};

/// Writes `value` behind `text`.
///
/// # Errors
/// When the value has no JSON form.
pub(super) fn append<T: Serialize + ?Sized>(text: Vec<u8>, value: &T) -> Result<Vec<u8>, serde_json::Error> {
    let page = Page(Rc::new(RefCell::new(text)));
    let sorting = Sorting { page: page.clone(), members: Vec::new(), objects: Vec::new(), in_key: false };
    value.serialize(&mut Serializer::with_formatter(page.clone(), sorting))?;
    Ok(page.0.take())
}

/// What was written so far. The serializer writes on it, and the formatter moves what is there; never at once.
#[derive(Clone)]
struct Page(Rc<RefCell<Vec<u8>>>);

impl Page {
    fn len(&self) -> usize {
        self.0.borrow().len()
    }
}

impl Write for Page {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.borrow_mut().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.write(bytes).map(|_| ())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// `"key":value` on the page.
#[derive(Clone, Copy, Default)]
struct Member {
    start: usize,
    key_end: usize,
    end: usize,
}

struct Sorting {
    page: Page,
    /// Of all objects that are open, the outermost first.
    members: Vec<Member>,
    /// Where in `members` each of these objects begins.
    objects: Vec<usize>,
    in_key: bool,
}

impl Formatter for Sorting {
    fn begin_object<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.objects.push(self.members.len());
        writer.write_all(b"{")
    }

    fn begin_object_key<W: ?Sized + Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        self.in_key = true;
        if !first {
            writer.write_all(b",")?;
        }
        self.members.push(Member { start: self.page.len(), ..Member::default() });
        Ok(())
    }

    fn end_object_key<W: ?Sized + Write>(&mut self, _: &mut W) -> io::Result<()> {
        self.in_key = false;
        let at = self.page.len();
        self.last(|member| member.key_end = at);
        Ok(())
    }

    fn end_object_value<W: ?Sized + Write>(&mut self, _: &mut W) -> io::Result<()> {
        let at = self.page.len();
        self.last(|member| member.end = at);
        Ok(())
    }

    fn end_object<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        let begin = self.objects.pop().unwrap_or_default();
        sort(&mut self.page.0.borrow_mut(), &self.members[begin..]);
        self.members.truncate(begin);
        writer.write_all(b"}")
    }

    // The shortest text for a number of the type `f64`, which is what JSON has.
    fn write_f32<W: ?Sized + Write>(&mut self, writer: &mut W, value: f32) -> io::Result<()> {
        self.write_f64(writer, f64::from(value))
    }

    fn write_u128<W: ?Sized + Write>(&mut self, writer: &mut W, value: u128) -> io::Result<()> {
        self.fits(u64::try_from(value).is_ok())?;
        CompactFormatter.write_u128(writer, value)
    }

    fn write_i128<W: ?Sized + Write>(&mut self, writer: &mut W, value: i128) -> io::Result<()> {
        self.fits(i64::try_from(value).is_ok() || u64::try_from(value).is_ok())?;
        CompactFormatter.write_i128(writer, value)
    }
}

impl Sorting {
    fn last(&mut self, change: impl FnOnce(&mut Member)) {
        if let Some(member) = self.members.last_mut() {
            change(member);
        }
    }

    /// A greater number would come back as another; as a key it is text.
    fn fits(&self, fits: bool) -> io::Result<()> {
        if fits || self.in_key { Ok(()) } else { Err(io::Error::other("number out of range")) }
    }
}

/// Puts the members of one object, which end the page, in the order of their keys. Of two with one key the later counts.
fn sort(page: &mut Vec<u8>, members: &[Member]) {
    if members.windows(2).all(|pair| is_plainly_before(page, pair[0], pair[1])) {
        return;
    }
    let begin = members[0].start;
    let before = page.split_off(begin);
    let place = |member: &Member| member.start - begin..member.end - begin;
    let key = |member: &Member| text_of(&before[member.start - begin..member.key_end - begin]);
    let mut sorted: Vec<(Cow<'_, [u8]>, &Member)> = members.iter().map(|member| (key(member), member)).collect();
    sorted.sort_by(|(left, _), (right, _)| left.cmp(right));
    for (at, (key, member)) in sorted.iter().enumerate() {
        if sorted.get(at + 1).is_some_and(|(next, _)| next == key) {
            continue;
        }
        if page.len() > begin {
            page.push(b',');
        }
        page.extend_from_slice(&before[place(member)]);
    }
}

/// Whether that can be seen without taking the keys apart.
fn is_plainly_before(page: &[u8], first: Member, second: Member) -> bool {
    let [first, second] = [first, second].map(|member| &page[member.start + 1..member.key_end - 1]);
    first < second && !first.contains(&b'\\') && !second.contains(&b'\\')
}

/// Input: `"key"` as JSON writes it
/// Output: `key`
fn text_of(written: &[u8]) -> Cow<'_, [u8]> {
    if written.contains(&b'\\') {
        let text: String = serde_json::from_slice(written).expect("the serializer wrote this as a JSON string");
        return Cow::Owned(text.into_bytes());
    }
    Cow::Borrowed(&written[1..written.len() - 1])
}
