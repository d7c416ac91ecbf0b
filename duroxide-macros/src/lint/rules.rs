//! The table: call -> why it breaks replay -> what to write instead.

/// One thing that must not be called in an orchestration.
pub(crate) struct Rule {
    pub(crate) code: &'static str,
    /// Paths as the standard library or the crate has them. A call may leave out what stands before the `/`;
    /// a `*` stands for one segment or more; a `!` at the end means a macro.
    pub(crate) paths: &'static [&'static str],
    /// Names of methods.
    pub(crate) methods: &'static [&'static str],
    /// What the call does, completing "`x` …".
    pub(crate) why: &'static str,
    /// What to write instead.
    pub(crate) instead: &'static str,
}

pub(crate) const RULES: &[Rule] = &[
    Rule {
        code: "DX0001",
        paths: &[
            "std::time::/SystemTime::now",
            "std::time::/Instant::now",
            "tokio::time::/Instant::now",
            "chrono::/Utc::now",
            "chrono::/Local::now",
            "time::/OffsetDateTime::now_utc",
            "time::/OffsetDateTime::now_local",
            "time::/UtcDateTime::now",
            "jiff::/Zoned::now",
            "jiff::/Timestamp::now",
        ],
        methods: &[],
        why: "reads the clock, and a replay reads another time",
        instead: "write `ctx.utc_now().await?`, whose answer is recorded",
    },
    Rule {
        code: "DX0002",
        paths: &[
            "/rand::*",
            "/fastrand::*",
            "/getrandom::*",
            "uuid::/Uuid::new_v1",
            "uuid::/Uuid::now_v1",
            "uuid::/Uuid::new_v4",
            "uuid::/Uuid::new_v6",
            "uuid::/Uuid::now_v6",
            "uuid::/Uuid::new_v7",
            "uuid::/Uuid::now_v7",
            "ulid::/Ulid::new",
            "ulid::/Ulid::generate",
        ],
        methods: &[],
        why: "draws randomness, and a replay draws something else",
        instead: "write `ctx.new_guid().await?`, whose answer is recorded, or draw it in an activity",
    },
    Rule {
        code: "DX0003",
        paths: &[
            "tokio::/time::sleep",
            "tokio::/time::sleep_until",
            "tokio::/time::timeout",
            "tokio::/time::timeout_at",
            "tokio::/time::interval",
            "tokio::/time::interval_at",
            "std::/thread::sleep",
            "async_std::/task::sleep",
            "futures::/executor::block_on",
            "futures_timer::/Delay::new",
            "/pollster::block_on",
        ],
        methods: &["block_on"],
        why: "waits in this process, and that wait is lost when the process ends",
        instead: "write `ctx.schedule_timer(duration).await`, and for a timeout `duroxide::select!` with it",
    },
    Rule {
        code: "DX0004",
        paths: &[
            "/tokio::spawn",
            "tokio::/task::spawn",
            "tokio::/task::spawn_blocking",
            "tokio::/task::spawn_local",
            "tokio::/task::block_in_place",
            "tokio::task::/JoinSet::new",
            "tokio::/runtime::Runtime::new",
            "std::/thread::spawn",
            "std::/thread::scope",
            "std::/thread::Builder::new",
            "/async_std::task::spawn",
            "/smol::spawn",
            "/rayon::*",
        ],
        methods: &[],
        why: "starts work that history does not know, and a replay starts it again",
        instead: "write an activity for the work, and `ctx.join(..)` or `duroxide::join!` to have several at once",
    },
    Rule {
        code: "DX0005",
        paths: &[
            "std::/fs::*",
            "tokio::/fs::*",
            "std::fs::/File::open",
            "std::fs::/File::create",
            "/std::net::*",
            "/tokio::net::*",
            "/tokio::process::*",
            "net::/TcpStream::connect",
            "net::/TcpListener::bind",
            "net::/UdpSocket::bind",
            "std::/process::Command::new",
            "/std::process::exit",
            "/std::io::*",
            "/reqwest::*",
            "/hyper::*",
            "/sqlx::*",
            "/ureq::*",
        ],
        methods: &[],
        why: "talks to the world outside, which a replay would do again and find changed",
        instead: "do it in an `#[activity]` and await `x::call(&ctx, ..)`",
    },
    Rule {
        code: "DX0006",
        paths: &["std::/env::*", "std::/process::id", "std::/thread::current"],
        methods: &[],
        why: "reads what this process was started with, and a replay may run in another",
        instead: "pass it in as an argument, or read it in an activity (`env!` is fine)",
    },
    Rule {
        code: "DX0007",
        paths: &[
            "/tokio::select!",
            "/tokio::join!",
            "/tokio::try_join!",
            "/futures::select!",
            "/futures::select_biased!",
            "/futures::join!",
            "/futures::try_join!",
            "/futures_util::select!",
            "/futures_util::select_biased!",
            "/futures_util::join!",
            "/futures_util::try_join!",
            "/select!",
            "/select_biased!",
            "/join!",
            "/try_join!",
            "futures::stream::/FuturesUnordered::new",
            "futures::stream::/FuturesOrdered::new",
        ],
        methods: &[],
        why: "may poll in an order that changes from run to run",
        instead: "write `duroxide::select!` or `duroxide::join!` with that path, or `ctx.join(..)`",
    },
];

/// The codes that an `allow` may name.
pub(crate) fn codes() -> Vec<&'static str> {
    RULES.iter().map(|rule| rule.code).collect()
}

pub(crate) fn is_known(code: &str) -> bool {
    codes().contains(&code)
}

/// The rule that forbids a call of the path with these segments.
pub(crate) fn for_path(segments: &[String]) -> Option<&'static Rule> {
    RULES.iter().find(|rule| rule.paths.iter().any(|pattern| !pattern.ends_with('!') && matches(pattern, segments)))
}

/// The rule that forbids the macro with this path.
pub(crate) fn for_macro(segments: &[String]) -> Option<&'static Rule> {
    let is_macro = |pattern: &str| pattern.strip_suffix('!').is_some_and(|pattern| matches(pattern, segments));
    RULES.iter().find(|rule| rule.paths.iter().copied().any(is_macro))
}

/// The rule that forbids the method.
pub(crate) fn for_method(name: &str) -> Option<&'static Rule> {
    RULES.iter().find(|rule| rule.methods.contains(&name))
}

/// Whether a written path is the one the pattern names.
fn matches(pattern: &str, written: &[String]) -> bool {
    let (optional, required) = pattern.split_once('/').expect("every path in the table has its `/`");
    let (required, open) = match required.strip_suffix("::*") {
        Some(required) => (required, true),
        None => (required, false),
    };
    let optional: Vec<&str> = optional.split("::").filter(|segment| !segment.is_empty()).collect();
    let required: Vec<&str> = required.split("::").collect();
    // The user may start anywhere in the optional part, `std::time::Instant::now` or `time::Instant::now`.
    (0..=optional.len()).any(|start| {
        let full: Vec<&str> = optional[start..].iter().chain(&required).copied().collect();
        if open {
            written.len() > full.len() && full.iter().zip(written).all(|(a, b)| *a == b.as_str())
        } else {
            written.len() == full.len() && full.iter().zip(written).all(|(a, b)| *a == b.as_str())
        }
    })
}
