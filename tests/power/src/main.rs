//! Cuts the power of a disk, in a model of it, and looks at what is left.
//!
//! `cargo run -p duroxide-power -- [--states N] [--seed S]`
#![deny(unsafe_code)]

mod disk;
mod random;
mod recorder;
mod scene;
mod verdict;

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, sync_channel};

use disk::{Cut, Disk, Entry, Files, Told};
use random::Random;
use scene::Flushes;
use verdict::{Breach, Depth};

/// Of so many states one is also run to its end.
const ONE_GOES_ON: usize = 15;

/// The two controls look at this part of the states.
const CONTROL_PART: usize = 5;

fn main() -> ExitCode {
    // Whoever sets one first keeps it; the runtimes under test try later.
    let _ = tracing::subscriber::set_global_default(tracing::subscriber::NoSubscriber::new());
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (states, seed) = match read(&arguments) {
        Ok(asked) => asked,
        Err(mistake) => {
            eprintln!("{mistake}\nusage: power [--states N] [--seed S]");
            return ExitCode::from(2);
        }
    };
    println!("seed {seed}");
    let full = cut_power(Flushes::Full, states, seed);
    let normal = cut_power(Flushes::Normal, (states / CONTROL_PART).max(1), seed);
    let off = cut_power(Flushes::Off, (states / CONTROL_PART).max(1), seed);
    let mut verdict = ExitCode::SUCCESS;
    for (is_right, what) in [
        (full.lost.is_none() && full.broken.is_none(), "with flushes nothing that was acknowledged is lost"),
        (full.covers_everything(), "all kinds of cuts were made, and the log was folded"),
        (full.lengthenings > 0, "the log was lengthened ahead of its commits"),
        (normal.broken.is_none(), "without the last flush what is left is whole"),
        (off.lost.is_some(), "the control without flushes loses what was acknowledged"),
    ] {
        println!("{} {what}", if is_right { "ok    " } else { "FAILED" });
        if !is_right {
            verdict = ExitCode::FAILURE;
        }
    }
    verdict
}

fn read(arguments: &[String]) -> Result<(usize, u64), String> {
    let (mut states, mut seed) = (300, u64::from(std::process::id()));
    let mut words = arguments.iter();
    while let Some(word) = words.next() {
        let number = words.next().and_then(|word| word.parse::<u64>().ok());
        match (word.as_str(), number) {
            ("--states", Some(number)) if number > 0 => states = usize::try_from(number).unwrap_or(usize::MAX),
            ("--seed", Some(number)) => seed = number,
            _ => return Err(format!("`{word}` is not understood, or lacks its number")),
        }
    }
    Ok((states, seed))
}

/// One state and what clients had been told.
struct Case {
    number: usize,
    at: usize,
    cut: Cut,
    files: Files,
    told: Vec<Told>,
}

/// What the states of one run came to.
#[derive(Default)]
struct Sum {
    judged: usize,
    went_on: usize,
    losses: usize,
    lost: Option<String>,
    broken: Option<String>,
    cuts: BTreeMap<&'static str, usize>,
    /// How often the log was folded into the database.
    foldings: usize,
    /// How often the store made a file longer itself.
    lengthenings: usize,
}

impl Sum {
    fn covers_everything(&self) -> bool {
        self.foldings > 0 && self.went_on > 0 && (self.judged < 100 || self.cuts.len() == 5)
    }
}

fn name_of(cut: Cut) -> &'static str {
    match cut {
        Cut::Nothing => "nothing unsynced",
        Cut::Everything => "everything",
        Cut::SomeWrites => "some writes",
        Cut::SomeSectors { bytes: 512 } => "some sectors of 512",
        Cut::SomeSectors { .. } => "some sectors of 4096",
    }
}

fn cut_power(flushes: Flushes, states: usize, seed: u64) -> Sum {
    let folder = tempfile::tempdir().expect("a temporary folder");
    // Under its real name, by which SQLite opens it.
    let real = folder.path().canonicalize().expect("it is there");
    let entries = threads().block_on(scene::play(&real, flushes));
    let is_fold = |entry: &&Entry| matches!(entry, Entry::Synced(file) if file == scene::FILE);
    // Before there is a log, the first pages are written directly.
    let foldings = entries.iter().skip_while(|entry| !matches!(entry, Entry::Told(_))).filter(is_fold).count();
    let lengthenings = entries.iter().filter(|entry| matches!(entry, Entry::Lengthened { .. })).count();
    let sum = Mutex::new(Sum { foldings, lengthenings, ..Sum::default() });
    let (sender, receiver) = sync_channel(2);
    let receiver = Mutex::new(receiver);
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| judge_all(&receiver, flushes, &sum));
        }
        for case in cases(&entries, states, seed) {
            sender.send(case).expect("the judges wait for more");
        }
        drop(sender);
    });
    let sum = sum.into_inner().expect("no judge panicked");
    println!(
        "{flushes:?}: {} entries, the log folded {foldings} times; {} states judged, {} run to the end; {} lost something; {:?}",
        entries.len(),
        sum.judged,
        sum.went_on,
        sum.losses,
        sum.cuts
    );
    for told in sum.lost.iter().chain(&sum.broken) {
        println!("    {told}");
    }
    sum
}

fn threads() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("threads start")
}

/// Cuts at moments that are drawn over the whole run; a third of them right after somebody was told something.
fn cases(entries: &[Entry], states: usize, seed: u64) -> impl Iterator<Item = Case> {
    let mut random = Random::new(seed);
    let is_told = |at: &usize| matches!(entries[*at - 1], Entry::Told(_));
    let told: Vec<usize> = (1..=entries.len()).filter(is_told).collect();
    let mut moments: Vec<usize> = (0..states)
        .map(|n| match n % 3 {
            0 => told[random.below(told.len() as u64) as usize],
            _ => 1 + random.below(entries.len() as u64) as usize,
        })
        .collect();
    moments.sort_unstable();
    let (mut disk, mut happened, mut said) = (Disk::default(), 0, Vec::new());
    moments.into_iter().enumerate().map(move |(number, at)| {
        for entry in &entries[happened..at] {
            disk.apply(entry);
            said.extend(if let Entry::Told(told) = entry { Some(told.clone()) } else { None });
        }
        happened = at;
        let cut = Cut::draw(&mut random);
        Case { number, at, cut, files: disk.after(cut, &mut random), told: said.clone() }
    })
}

fn judge_all(cases: &Mutex<Receiver<Case>>, flushes: Flushes, sum: &Mutex<Sum>) {
    let threads = threads();
    let next = || cases.lock().expect("no judge panicked").recv().ok();
    while let Some(case) = next() {
        let depth = if case.number % ONE_GOES_ON == ONE_GOES_ON / 2 { Depth::GoesOn } else { Depth::Looks };
        let judged = threads.block_on(verdict::judge(&case.files, &case.told, depth));
        let mut sum = sum.lock().expect("no judge panicked");
        sum.judged += 1;
        sum.went_on += usize::from(depth == Depth::GoesOn && judged.is_ok());
        *sum.cuts.entry(name_of(case.cut)).or_default() += 1;
        let place = format!("state {} (entry {}, {}): ", case.number, case.at, name_of(case.cut));
        match judged {
            Ok(()) => {}
            Err(Breach::Lost(what)) => {
                sum.losses += 1;
                sum.lost.get_or_insert(format!("{place}{what} was acknowledged and is lost"));
            }
            Err(Breach::Broken(what)) => {
                // Nobody wonders at what is left without flushes.
                let kept = if flushes == Flushes::Off { String::new() } else { format!("; kept in {}", keep(&case)) };
                sum.broken.get_or_insert(format!("{place}{what}{kept}"));
            }
        }
    }
}

/// A run cannot be repeated exactly, so what it left is kept for whoever looks into it.
fn keep(case: &Case) -> String {
    let folder = std::env::temp_dir().join(format!("duroxide-power-{}-{}", std::process::id(), case.number));
    let kept = std::fs::create_dir_all(&folder)
        .and_then(|()| case.files.iter().try_for_each(|(name, bytes)| std::fs::write(folder.join(name), bytes)));
    match kept {
        Ok(()) => folder.display().to_string(),
        Err(error) => format!("no place: {error}"),
    }
}
