//! The dashboard, as the program serves it.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::Stdio;

use super::program::{command, on};
use super::shop::Shop;

/// One request; the answer's first line and the rest.
fn get(address: &str, path: &str) -> (String, String) {
    let mut stream = TcpStream::connect(address).expect("it listens");
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n").expect("it reads");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("it writes text");
    let (first, rest) = answer.split_once("\r\n").expect("an answer has a first line");
    (first.to_owned(), rest.to_owned())
}

#[tokio::test]
async fn whoever_has_the_address_that_is_printed_is_let_in() {
    let shop = Shop::with_orders().await;
    let mut program = command();
    program.arg("--store").arg(shop.path()).args(["dashboard", "--listen", "127.0.0.1:0"]);
    let mut child = program.stdout(Stdio::piped()).spawn().expect("the program starts");
    let mut line = String::new();
    BufReader::new(child.stdout.take().expect("it is piped")).read_line(&mut line).expect("it writes text");
    let url = line.trim().strip_prefix("open http://").expect("an address");
    let (address, path) = url.split_once('/').expect("a path");
    let (refused, _) = get(address, "/overview");
    assert!(refused.contains("401") || refused.contains("403"), "{refused}");
    let (let_in, _) = get(address, &format!("/{path}"));
    assert!(let_in.contains("200") || let_in.contains("303"), "{let_in}");
    child.kill().expect("it is ours");
    child.wait().expect("it ended");
}

#[tokio::test]
async fn other_machines_and_weak_tokens_are_refused() {
    let shop = Shop::with_orders().await;
    let listen = ["dashboard", "--listen", "0.0.0.0:0"];
    let err = on(&shop.path(), &listen).ended(2);
    assert!(!err.is_empty(), "{err}");
    assert!(on(&shop.path(), &["dashboard", "--allow-remote"]).ended(2).contains("--host"));
    assert!(!on(&shop.path(), &["dashboard", "--token", "short"]).ended(2).is_empty());
}
