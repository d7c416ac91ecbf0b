//! The OpenTelemetry example against a collector of the test's own: one trace over two programs and a `kill -9`.

#![expect(clippy::unwrap_used, reason = "a test that cannot set its scene has failed")]

use std::collections::{BTreeMap, HashMap, HashSet};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

/// Longer than any step here takes; past it the test fails instead of hanging.
const PATIENCE: Duration = Duration::from_secs(120);

/// A span, as far as it matters here.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Span {
    trace: Vec<u8>,
    id: Vec<u8>,
    parent: Vec<u8>,
    name: String,
    service: String,
}

/// An OTLP endpoint on loopback: protocol buffers over HTTP.
struct Collector {
    address: String,
    arrivals: Receiver<Span>,
    spans: Vec<Span>,
}

impl Collector {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let (sender, arrivals) = channel();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let sender = sender.clone();
                std::thread::spawn(move || serve(&stream.unwrap(), &sender));
            }
        });
        Collector { address, arrivals, spans: Vec::new() }
    }

    /// Waits until so many spans of this name have arrived.
    fn wait_for(&mut self, name: &str, times: usize) {
        while self.spans.iter().filter(|span| span.name == name).count() < times {
            let span = self.arrivals.recv_timeout(PATIENCE);
            self.spans.push(span.unwrap_or_else(|_| panic!("no span `{name}` among {:#?}", self.spans)));
        }
    }

    /// Everything that has arrived.
    fn all(&mut self) -> &[Span] {
        self.spans.extend(self.arrivals.try_iter());
        &self.spans
    }
}

/// Answers requests of one connection until it is closed.
fn serve(stream: &TcpStream, spans: &Sender<Span>) {
    let mut reader = BufReader::new(stream);
    loop {
        let mut line = String::new();
        let mut length = 0;
        if reader.read_line(&mut line).unwrap_or(0) == 0 {
            return;
        }
        assert!(line.starts_with("POST /v1/traces "), "{line}");
        loop {
            line.clear();
            reader.read_line(&mut line).unwrap();
            let header = line.trim_end().to_lowercase();
            if header.is_empty() {
                break;
            }
            if let Some(value) = header.strip_prefix("content-length:") {
                length = value.trim().parse().unwrap();
            }
        }
        let mut body = vec![0; length];
        if reader.read_exact(&mut body).is_err() {
            return;
        }
        for span in spans_in(&body) {
            // The test may be over.
            let _ = spans.send(span);
        }
        let mut stream = stream;
        let answer = "HTTP/1.1 200 OK\r\ncontent-type: application/x-protobuf\r\ncontent-length: 0\r\n\r\n";
        if stream.write_all(answer.as_bytes()).is_err() {
            return;
        }
    }
}

/// The spans of an `ExportTraceServiceRequest`.
fn spans_in(request: &[u8]) -> Vec<Span> {
    let mut spans = Vec::new();
    for resource_spans in messages(request, 1) {
        let attributes = messages(resource_spans, 1).into_iter().flat_map(|resource| messages(resource, 1));
        let service = attributes
            .filter(|attribute| messages(attribute, 1) == [b"service.name"])
            .flat_map(|attribute| messages(attribute, 2))
            .flat_map(|value| messages(value, 1))
            .map(text)
            .collect::<String>();
        for span in messages(resource_spans, 2).into_iter().flat_map(|scope| messages(scope, 2)) {
            let bytes = |field| messages(span, field).concat();
            let name = text(&bytes(5));
            let (trace, id, parent, service) = (bytes(1), bytes(2), bytes(4), service.clone());
            spans.push(Span { trace, id, parent, name, service });
        }
    }
    spans
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// The values of a field that has a length, in a protocol buffer.
fn messages(mut buffer: &[u8], wanted: u64) -> Vec<&[u8]> {
    let mut found = Vec::new();
    while !buffer.is_empty() {
        let key = varint(&mut buffer);
        let length = match key & 7 {
            0 => {
                varint(&mut buffer);
                continue;
            }
            1 => 8,
            2 => usize::try_from(varint(&mut buffer)).unwrap(),
            5 => 4,
            other => panic!("no wire type of protocol buffers: {other}"),
        };
        let (value, rest) = buffer.split_at(length);
        if key >> 3 == wanted && key & 7 == 2 {
            found.push(value);
        }
        buffer = rest;
    }
    found
}

fn varint(buffer: &mut &[u8]) -> u64 {
    let mut value = 0;
    for shift in (0..).step_by(7) {
        let (byte, rest) = buffer.split_first().unwrap();
        *buffer = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            break;
        }
    }
    value
}

/// Built by `cargo test` before the tests of its package.
fn binary() -> PathBuf {
    let this = std::env::current_exe().unwrap();
    let folder = this.parent().and_then(Path::parent).unwrap().join("examples");
    let binary = folder.join(format!("10_opentelemetry{}", std::env::consts::EXE_SUFFIX));
    assert!(binary.exists(), "{} is missing: run `cargo build --example 10_opentelemetry`", binary.display());
    binary
}

fn example(command: &str, file: &Path, collector: &Collector) -> Command {
    let mut example = Command::new(binary());
    example.arg(command).arg(file).arg("order-1");
    example.env("OTEL_EXPORTER_OTLP_ENDPOINT", &collector.address).env("OTEL_BSP_SCHEDULE_DELAY", "50");
    example.env_remove("RUST_LOG").stdout(Stdio::piped());
    example
}

fn run(command: &str, file: &Path, collector: &Collector) {
    let status = example(command, file, collector).status().unwrap();
    assert!(status.success(), "{command}: {status}");
}

fn end(worker: Child) -> String {
    let output = worker.wait_with_output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn one_trace_spans_two_programs_and_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("orders.db");
    let mut collector = Collector::start();

    // The request: a process of its own, which ends before anybody works.
    run("order", &file, &collector);
    collector.wait_for("POST /orders", 1);
    assert!(!collector.all().iter().any(|span| span.name.starts_with("orchestration")));

    // The first worker is killed while the order waits for approval.
    let mut worker = example("work", &file, &collector).spawn().unwrap();
    // Its second turn took the goods and is committed.
    collector.wait_for("orchestration order", 2);
    worker.kill().unwrap();
    worker.wait().unwrap();

    // The second one goes on, and says goodbye.
    run("approve", &file, &collector);
    let worker = example("work", &file, &collector).spawn().unwrap();
    assert_eq!(end(worker), "label of order-1, approved by Ada\n");

    // All was answered before it ended.
    let spans = collector.all().to_vec();
    let traces: HashSet<_> = spans.iter().map(|span| &span.trace).collect();
    assert_eq!(traces.len(), 1, "one trace: {spans:#?}");
    let ids: HashSet<_> = spans.iter().map(|span| &span.id).collect();
    assert_eq!(ids.len(), spans.len(), "no span twice: {spans:#?}");

    let by_id: HashMap<_, _> = spans.iter().map(|span| (&span.id, span)).collect();
    let mut lines: BTreeMap<String, usize> = BTreeMap::new();
    for span in &spans {
        let above = by_id.get(&span.parent).map_or_else(String::new, |parent| format!(" < {}", parent.name));
        *lines.entry(format!("{}: {}{above}", span.service, span.name)).or_default() += 1;
    }
    let expected_once = [
        "shop: POST /orders",
        "shop: start order < POST /orders",
        "worker: activity reserve < start order",
        "worker: ask the warehouse < activity reserve",
        "worker: activity charge < start order",
        "worker: activity label < orchestration order",
    ];
    for line in expected_once {
        assert_eq!(lines.remove(line), Some(1), "{line} in {spans:#?}");
    }
    // Start, goods, approval, payment, label: one for each, although the second worker replayed the first two.
    assert_eq!(lines.remove("worker: orchestration order < start order"), Some(5), "{spans:#?}");
    assert_eq!(lines.remove("worker: orchestration ship < orchestration order"), Some(2), "{spans:#?}");
    assert!(lines.is_empty(), "{lines:#?}");
}
