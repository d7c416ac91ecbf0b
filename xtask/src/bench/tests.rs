//! The command line, and the arithmetic of the report.

use serde_json::{Value, json};

use super::cases::{CASES, Case, POSTGRES};
use super::programs::{Setting, Subject, Trial};
use super::report::{Series, Spread, json_lines, table};
use super::server::tps;
use super::{Sync, Wish};
use crate::failure::Failure;

fn wish(line: &str) -> Result<Wish, String> {
    let arguments: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
    Wish::parse(&arguments).map_err(|failure| match failure {
        Failure::Usage(text) => text,
        Failure::Failed(text) => panic!("understood, and failed: {text}"),
    })
}

#[test]
fn the_command_line_is_read_and_mistakes_are_named() {
    let all = wish("w1 w3 --sync normal --json x.json --rounds 5 --ours").unwrap();
    assert_eq!((all.workloads.len(), all.sync, all.rounds, all.only_ours), (2, Sync::Normal, 5, true));
    for (line, text) in [
        ("w1 --sync off", "`--sync` expects full or normal, found `off`"),
        ("--rounds 0", "`--rounds` expects a number from 1, found `0`"),
        ("--json", "`--json` expects a file"),
        (
            "w99",
            "`bench` knows the workloads w1, w2, w3, w4, w5, w6, w7, w8, waiting, weight, postgres, found `w99`; `bench typed` stands alone",
        ),
    ] {
        assert_eq!(wish(line).unwrap_err(), text);
    }
}

#[test]
fn a_spread_has_the_middle_and_the_ends() {
    assert_eq!(Spread::of(vec![3.0, 1.0, 2.0]), Some(Spread { median: 2.0, least: 1.0, most: 3.0 }));
    assert_eq!(Spread::of(vec![4.0, 1.0]), Some(Spread { median: 2.5, least: 1.0, most: 4.0 }));
    assert_eq!(Spread::of(vec![f64::NAN]), None);
}

fn case(workload: &str, in_flight: usize) -> &'static Case {
    CASES.iter().find(|case| (case.workload, case.in_flight) == (workload, in_flight)).unwrap()
}

fn trial(figures: Value) -> Trial {
    Trial(figures)
}

#[test]
fn the_ratio_is_to_the_published_crates_best_and_says_how_much_better() {
    let mut rates = Series::new(case("w1", 500));
    let rate = |rate: f64| trial(json!({ "rate": rate, "fdatasync_ms": 0.5 }));
    rates.add(Subject::Ours, Setting::Best, rate(8_000.0)).unwrap();
    rates.add(Subject::Published, Setting::Best, rate(76.0)).unwrap();
    rates.add(Subject::Published, Setting::Default, rate(100.0)).unwrap();
    let mut times = Series::new(case("w3", 1));
    let time = |p50: f64| trial(json!({ "p50_ms": p50, "fdatasync_ms": 0.5 }));
    times.add(Subject::Ours, Setting::Best, time(0.5)).unwrap();
    times.add(Subject::Published, Setting::Best, time(17.0)).unwrap();
    let series = [rates, times];

    let lines = json_lines(&series, "full");
    let line = lines.lines().next().unwrap();
    assert!(line.starts_with(
        r#"{"workload":"w1","in_flight":500,"sync":"full","unit":"orchestrations/s","ours":8000.0,"published":100.0,"ratio":80.0,"fdatasync_ms":0.5"#
    ), "{line}");
    let values: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let p50 = values.iter().find(|value| value["workload"] == "w3").unwrap();
    assert_eq!((p50["ratio"].as_f64(), p50["unit"].as_str()), (Some(34.0), Some("ms p50")));

    let text = table(&series, "here", "full");
    assert!(text.contains("| ≥ 80 × | met |"), "{text}");
    assert!(text.contains("| ≤ 3 flushes + 0.35 = 1.85 | met |"), "{text}");
}

#[test]
fn a_failed_orchestration_of_ours_ends_the_run() {
    let mut series = Series::new(case("w1", 50));
    let failed = || trial(json!({ "rate": 1.0, "failed": 2 }));
    assert!(series.add(Subject::Published, Setting::Best, failed()).is_ok());
    assert!(series.add(Subject::Ours, Setting::Best, failed()).is_err());
}

#[test]
fn what_the_published_crate_did_not_finish_is_told() {
    let mut series = Series::new(case("w1", 50));
    series.add(Subject::Ours, Setting::Best, trial(json!({ "rate": 1.0 }))).unwrap();
    assert!(!table(std::slice::from_ref(&series), "here", "full").contains("did not finish"));
    series.unfinished(Setting::Best);
    series.unfinished(Setting::Best);
    let text = table(&[series], "here", "full");
    assert!(text.contains("| | trials that did not finish | | | 2 | 0 | | | | |"), "{text}");
}

#[test]
fn on_postgres_the_server_itself_is_the_measure() {
    let said = "number of failed transactions: 0 (0.000%)\ntps = 5000.5 (without initial connection time)\n";
    assert_eq!(tps(said).unwrap(), 5_000.5);
    assert!(tps("no such line").is_err());
    let find = |in_flight| POSTGRES.iter().find(|case| (case.workload, case.in_flight) == ("w1", in_flight)).unwrap();
    let mut rates = Series::new(find(500));
    let figures = json!({ "rate": 600.0, "inserts_per_s": 5_000.0, "commit_ms": 0.4 });
    rates.add(Subject::Ours, Setting::Best, trial(figures)).unwrap();
    let text = table(&[rates], "here", "full");
    assert!(text.contains("| ≥ 0.1 of 5000 inserts/s = 500 | met |"), "{text}");
}
