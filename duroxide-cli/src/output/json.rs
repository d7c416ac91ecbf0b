//! JSON for programs, in which a terminal finds nothing to obey either.

use std::io;

use serde::Serialize;
use serde_json::ser::{CompactFormatter, Formatter, PrettyFormatter, Serializer};

use super::text;

/// On several lines.
pub(crate) fn pretty(value: &impl Serialize) -> io::Result<String> {
    written(value, Shown(PrettyFormatter::new()))
}

/// On one line.
pub(crate) fn compact(value: &impl Serialize) -> io::Result<String> {
    written(value, Shown(CompactFormatter))
}

/// JSON that somebody else wrote, with all that is hidden in its strings escaped: it can stand nowhere else.
pub(crate) fn shown(json: &str) -> io::Result<String> {
    let mut bytes = Vec::with_capacity(json.len());
    Shown(CompactFormatter).write_string_fragment(&mut bytes, json)?;
    String::from_utf8(bytes).map_err(io::Error::other)
}

fn written<F: Formatter>(value: &impl Serialize, formatter: F) -> io::Result<String> {
    let mut bytes = Vec::new();
    value.serialize(&mut Serializer::with_formatter(&mut bytes, formatter))?;
    String::from_utf8(bytes).map_err(io::Error::other)
}

/// A formatter that escapes more than JSON asks for: all that is hidden.
struct Shown<F>(F);

macro_rules! as_before {
    ($($method:ident($($argument:ident: $type:ty),*);)*) => {$(
        fn $method<W: ?Sized + io::Write>(&mut self, writer: &mut W $(, $argument: $type)*) -> io::Result<()> {
            self.0.$method(writer $(, $argument)*)
        }
    )*};
}

impl<F: Formatter> Formatter for Shown<F> {
    as_before! {
        begin_array();
        end_array();
        begin_array_value(first: bool);
        end_array_value();
        begin_object();
        end_object();
        begin_object_key(first: bool);
        end_object_key();
        begin_object_value();
        end_object_value();
    }

    fn write_string_fragment<W: ?Sized + io::Write>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()> {
        let mut rest = fragment;
        while let Some((place, hidden)) = rest.char_indices().find(|(_, c)| text::is_hidden(*c)) {
            writer.write_all(&rest.as_bytes()[..place])?;
            for unit in hidden.encode_utf16(&mut [0; 2]) {
                write!(writer, "\\u{unit:04x}")?;
            }
            rest = &rest[place + hidden.len_utf8()..];
        }
        writer.write_all(rest.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::{compact, pretty};

    #[test]
    fn what_is_hidden_is_escaped_and_read_back_the_same() {
        let text = "a\u{9b}31m\u{202e}\u{1b}\u{e0001}\"ü";
        let json = compact(&[text]).unwrap();
        assert_eq!(json, r#"["a\u009b31m\u202e\u001b\udb40\udc01\"ü"]"#);
        assert_eq!(serde_json::from_str::<Vec<String>>(&json).unwrap(), [text]);
        assert_eq!(pretty(&[1, 2]).unwrap(), "[\n  1,\n  2\n]");
    }
}
