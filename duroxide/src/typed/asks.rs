//! What the bodies of orchestrations ask for, as the macros wrote it down, becomes places with registered names.

use super::{Entry, inventory};
use crate::model::insight::{Place, PlaceKind};

/// What a body asks for in one line, under the name that is written there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ask {
    kind: AskKind,
    written: Written,
    line: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum AskKind {
    Work,
    Event,
    Queue,
    Timer,
    /// A function that may be a `#[durable]` one, and asks for what it asks for.
    Helper,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Written {
    /// The path of a type, of a handler or of a function.
    Path(&'static str),
    /// The registered name itself.
    Name(&'static str),
    /// Of a timer, in milliseconds; 0 when it is computed.
    LengthMs(u64),
}

impl Ask {
    const fn new(kind: AskKind, written: Written, line: u32) -> Self {
        Ask { kind, written, line }
    }

    /// `path::call(..)`
    pub const fn call(path: &'static str, line: u32) -> Self {
        Ask::new(AskKind::Work, Written::Path(path), line)
    }

    /// An activity or a child by its registered name.
    pub const fn call_named(name: &'static str, line: u32) -> Self {
        Ask::new(AskKind::Work, Written::Name(name), line)
    }

    /// `ctx.wait::<path>()`
    pub const fn event(path: &'static str, line: u32) -> Self {
        Ask::new(AskKind::Event, Written::Path(path), line)
    }

    /// An event by its name.
    pub const fn event_named(name: &'static str, line: u32) -> Self {
        Ask::new(AskKind::Event, Written::Name(name), line)
    }

    /// `ctx.queue::<path>()`
    pub const fn queue(path: &'static str, line: u32) -> Self {
        Ask::new(AskKind::Queue, Written::Path(path), line)
    }

    /// A queue by its name.
    pub const fn queue_named(name: &'static str, line: u32) -> Self {
        Ask::new(AskKind::Queue, Written::Name(name), line)
    }

    /// A timer of this length in milliseconds; 0 when it is computed.
    pub const fn timer(length_ms: u64, line: u32) -> Self {
        Ask::new(AskKind::Timer, Written::LengthMs(length_ms), line)
    }

    /// A function that is given the context.
    pub const fn helper(path: &'static str) -> Self {
        Ask::new(AskKind::Helper, Written::Path(path), 0)
    }
}

/// A `#[durable]` function, as the macro wrote it down.
#[derive(Debug, Clone, Copy)]
pub struct Helper {
    /// The function's name.
    pub name: &'static str,
    /// Where in the program it is.
    pub module: &'static str,
    /// The file of its lines.
    pub file: &'static str,
    /// What its body asks for.
    pub asks: &'static [Ask],
}

/// An event that has another name than its type.
#[derive(Debug, Clone, Copy)]
pub struct Renamed {
    /// The type's name.
    pub ident: &'static str,
    /// Where in the program it is.
    pub module: &'static str,
    /// The event's name.
    pub name: &'static str,
}

::inventory::collect!(Helper);
::inventory::collect!(Renamed);

/// No orchestration that people write comes near it, and the row of a worker stays small.
const PLACES_MAX: usize = 256;

/// All that names can stand for in this program.
pub(crate) struct Names {
    handlers: Vec<Renamed>,
    events: Vec<Renamed>,
    helpers: Vec<Helper>,
}

impl Names {
    /// Those of these handlers and of what was linked into the program.
    pub(crate) fn with(entries: &[Entry]) -> Self {
        let linked = inventory::collected();
        let handlers = entries.iter().chain(&linked);
        Names {
            handlers: handlers.map(|it| Renamed { ident: it.ident(), module: it.module, name: it.name }).collect(),
            events: ::inventory::iter::<Renamed>.into_iter().copied().collect(),
            helpers: ::inventory::iter::<Helper>.into_iter().copied().collect(),
        }
    }

    /// Where an orchestration asks for what, in order: in its own body, and in the helpers that it calls.
    pub(crate) fn places(&self, entry: &Entry) -> Vec<Place> {
        let mut places = Vec::new();
        let mut open = vec![(entry.module, entry.file(), entry.asks())];
        let mut entered: Vec<(&str, &str)> = Vec::new();
        while let Some((module, file, asks)) = open.pop() {
            for ask in asks {
                if ask.kind == AskKind::Helper {
                    let called = self.helpers.iter().filter(|helper| ask.may_be(helper.module, helper.name));
                    for helper in called {
                        if !entered.contains(&(helper.module, helper.name)) {
                            entered.push((helper.module, helper.name));
                            open.push((helper.module, helper.file, helper.asks));
                        }
                    }
                } else {
                    places.extend(self.of(ask, module, file));
                }
            }
        }
        places.sort();
        places.dedup();
        places.truncate(PLACES_MAX);
        places
    }

    fn of(&self, ask: &Ask, module: &str, file: &str) -> Vec<Place> {
        let (kind, known) = match ask.kind {
            AskKind::Work => (PlaceKind::Work, &self.handlers[..]),
            AskKind::Event => (PlaceKind::Event, &self.events[..]),
            AskKind::Queue => (PlaceKind::Queue, &self.events[..]),
            AskKind::Timer => (PlaceKind::Timer, &[][..]),
            AskKind::Helper => return Vec::new(),
        };
        let place = |name: &str, length_ms| Place {
            kind,
            name: name.to_owned(),
            length_ms,
            file: file.to_owned(),
            line: ask.line,
        };
        match ask.written {
            Written::LengthMs(length_ms) => vec![place("", Some(length_ms).filter(|length_ms| *length_ms > 0))],
            Written::Name(name) => vec![place(name, None)],
            Written::Path(path) => ask.names(path, module, known).into_iter().map(|name| place(name, None)).collect(),
        }
    }
}

impl Ask {
    /// What a written path is registered as. One of the same module is what it says; otherwise a `use` may have brought
    /// in any of that name, or one that nobody renamed.
    fn names<'a>(&self, path: &'a str, module: &str, known: &'a [Renamed]) -> Vec<&'a str> {
        let mut names: Vec<&str> =
            known.iter().filter(|it| it.module == module && it.ident == path).map(|it| it.name).collect();
        if names.is_empty() {
            names.extend(known.iter().filter(|it| self.may_be(it.module, it.ident)).map(|it| it.name));
            names.push(last(path));
        }
        names
    }

    /// Whether what is written may be `ident` of `module`, whose path it is the end of.
    fn may_be(&self, module: &str, ident: &str) -> bool {
        let Written::Path(path) = self.written else { return false };
        let relative = ["crate", "self", "super", "Self"];
        let mut written = path.rsplit("::").filter(|name| !relative.contains(name));
        let mut known = std::iter::once(ident).chain(module.rsplit("::"));
        written.next() == known.next() && written.all(|name| known.next() == Some(name))
    }
}

fn last(path: &str) -> &str {
    path.rsplit("::").next().unwrap_or(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HELPERS: &[Helper] = &[
        Helper {
            name: "settle",
            module: "shop::money",
            file: "money.rs",
            asks: &[Ask::timer(60_000, 7), Ask::helper("settle"), Ask::event("Paid", 8)],
        },
        Helper { name: "settle", module: "shop::law", file: "law.rs", asks: &[Ask::event_named("judged", 9)] },
    ];

    fn names() -> Names {
        let renamed = |module, ident, name| Renamed { ident, module, name };
        Names {
            handlers: vec![renamed("shop", "charge", "Charge")],
            events: vec![renamed("shop", "Approved", "approved"), renamed("shop::law", "Approved", "decreed")],
            helpers: HELPERS.to_vec(),
        }
    }

    /// Registered names and lines of what a module of these asks.
    fn found(module: &str, asks: &[Ask]) -> Vec<(String, u32)> {
        let names = names();
        let found = asks.iter().flat_map(|ask| names.of(ask, module, "lib.rs"));
        found.map(|place| (place.name, place.line)).collect()
    }

    #[test]
    fn what_is_written_stands_for_what_is_registered() {
        let table: [(&str, Ask, &[&str]); 7] = [
            ("shop", Ask::call("charge", 1), &["Charge"]),
            ("other", Ask::call("shop::charge", 1), &["Charge", "charge"]),
            ("other", Ask::call("bank::charge", 1), &["charge"]),
            ("shop", Ask::event("Approved", 1), &["approved"]),
            ("shop::law", Ask::queue("Approved", 1), &["decreed"]),
            ("other", Ask::event("law::Approved", 1), &["decreed", "Approved"]),
            ("other", Ask::event_named("Approved", 1), &["Approved"]),
        ];
        for (module, ask, expected) in table {
            let found: Vec<String> = found(module, &[ask]).into_iter().map(|(name, _)| name).collect();
            assert_eq!(found, expected, "{ask:?} in {module}");
        }
    }

    #[test]
    fn only_the_helper_that_may_be_meant_is_one() {
        let meant = |path| {
            let ask = Ask::helper(path);
            HELPERS.iter().filter(|helper| ask.may_be(helper.module, helper.name)).map(|it| it.file).collect::<Vec<_>>()
        };
        assert_eq!(meant("settle"), ["money.rs", "law.rs"]);
        assert_eq!(meant("crate::money::settle"), ["money.rs"]);
        assert_eq!(meant("unsettle"), [""; 0]);
        assert_eq!(meant("bank::settle"), [""; 0]);
    }
}
