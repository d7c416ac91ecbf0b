//! The Model Context Protocol, spoken with the real program over its standard input and output.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Stdio};

use serde_json::{Value, json};

use super::live::Working;
use super::program::command;
use super::shop::Shop;

/// A conversation.
struct Talk {
    child: Child,
    to: Option<ChildStdin>,
    from: BufReader<ChildStdout>,
    asked: u64,
}

impl Talk {
    fn begin(shop: &Shop, arguments: &[&str]) -> Self {
        let mut program = command();
        program.arg("--store").arg(shop.path()).arg("mcp").args(arguments);
        let mut child = program.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("the program starts");
        let (to, from) = (child.stdin.take(), BufReader::new(child.stdout.take().expect("it is piped")));
        let mut talk = Talk { child, to, from, asked: 0 };
        let hello =
            json!({"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}});
        let answer = talk.ask("initialize", hello);
        assert_eq!(answer["result"]["serverInfo"]["name"], "duroxide", "{answer}");
        assert!(answer["result"]["capabilities"]["tools"].is_object(), "{answer}");
        talk.say(&json!({"jsonrpc": "2.0", "method": "notifications/initialized"}));
        talk
    }

    fn say(&mut self, message: &Value) {
        let to = self.to.as_mut().expect("the talk goes on");
        writeln!(to, "{message}").and_then(|()| to.flush()).expect("the program reads");
    }

    fn ask(&mut self, method: &str, params: Value) -> Value {
        self.asked += 1;
        let id = self.asked;
        self.say(&json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}));
        loop {
            let mut line = String::new();
            assert!(self.from.read_line(&mut line).expect("the program writes text") > 0, "no answer to {method}");
            let message: Value = serde_json::from_str(&line).expect("a message a line");
            if message["id"] == json!(id) {
                return message;
            }
        }
    }

    /// What a tool answers, or why not.
    fn call(&mut self, tool: &str, arguments: Value) -> Result<Value, String> {
        let answer = self.ask("tools/call", json!({"name": tool, "arguments": arguments}));
        if let Some(error) = answer["error"]["message"].as_str() {
            return Err(error.to_owned());
        }
        let result = &answer["result"];
        match result["isError"] == json!(true) {
            true => Err(result["content"][0]["text"].as_str().expect("a reason").to_owned()),
            false => Ok(result["structuredContent"].clone()),
        }
    }

    fn tools(&mut self) -> Vec<String> {
        let answer = self.ask("tools/list", json!({}));
        let tools = answer["result"]["tools"].as_array().expect("tools");
        let mut names: Vec<String> =
            tools.iter().map(|tool| tool["name"].as_str().expect("a name").to_owned()).collect();
        names.sort();
        names
    }

    fn end(mut self) {
        drop(self.to.take());
        assert!(self.child.wait().expect("it ends").success());
    }
}

#[tokio::test]
async fn a_program_asks_and_is_answered() {
    let shop = Shop::with_orders().await;
    let mut talk = Talk::begin(&shop, &[]);
    assert_eq!(talk.tools(), ["explain", "get_instance", "history", "list_instances", "workers"]);
    let page = talk.call("list_instances", json!({"status": "Failed", "limit": 1})).unwrap();
    assert_eq!(
        (&page["instances"][0]["instance_id"], page["instances"].as_array().unwrap().len()),
        (&json!("order-4"), 1)
    );
    let next = talk.call("list_instances", json!({"status": "Failed", "after": page["next"]})).unwrap();
    assert_eq!(next["instances"][0]["instance_id"], "order-3");

    let hidden = talk.call("get_instance", json!({"instance": "order-2"})).unwrap();
    assert_eq!((&hidden["status"], hidden.get("output")), (&json!("Completed"), None));
    let shown = talk.call("get_instance", json!({"instance": "order-2", "payloads": true})).unwrap();
    assert_eq!(shown["output"], "{\"receipt\":\"c-1\"}");
    let history = talk.call("history", json!({"instance": "order-2", "last": 2})).unwrap();
    assert_eq!((&history["event_count"], history["events"].as_array().unwrap().len()), (&json!(5), 2));
    assert!(talk.call("explain", json!({"instance": "order-3"})).unwrap().to_string().contains("card declined"));
    assert!(talk.call("workers", json!({})).unwrap()["workers"].is_array());

    let unknown = talk.call("get_instance", json!({"instance": "nobody"})).unwrap_err();
    assert_eq!(unknown, "there is no instance `nobody` in this store");
    assert!(talk.call("list_instances", json!({"after": "x"})).unwrap_err().contains("expected `MILLISECONDS/ID`"));
    assert!(talk.call("list_instances", json!({"stauts": "Failed"})).is_err(), "a word that is not known");
    assert!(talk.call("cancel", json!({"instance": "order-1", "reason": "x"})).is_err(), "nobody allowed it");
    talk.end();
}

#[tokio::test]
async fn changes_are_made_where_they_are_allowed() {
    let shop = Shop::empty();
    let working = Working::on(&shop).await;
    for id in ["order-1", "order-2"] {
        working.client.start_orchestration(id, "Checkout", "1250").await.unwrap();
        working.waits(id).await;
    }
    let path = shop.path();
    let talked = tokio::task::spawn_blocking(move || {
        let mut talk = Talk::begin(&shop, &["--allow-changes"]);
        assert!(talk.tools().iter().any(|tool| tool == "raise_event"));
        talk.call("raise_event", json!({"instance": "order-1", "name": "approved", "data": {"by": "me"}})).unwrap();
        talk.call("cancel", json!({"instance": "order-2", "reason": "not wanted"})).unwrap();
        assert!(talk.call("raise_event", json!({"instance": "nobody", "name": "approved"})).is_err());
        talk.end();
        shop
    });
    let _shop = talked.await.unwrap();
    assert!(path.exists());
    let long = std::time::Duration::from_secs(60);
    let done = working.client.wait_for_orchestration("order-1", long).await.unwrap();
    assert!(matches!(done, duroxide::OrchestrationStatus::Completed { .. }), "{done:?}");
    let ended = working.client.wait_for_orchestration("order-2", long).await.unwrap();
    assert!(matches!(ended, duroxide::OrchestrationStatus::Failed { .. }), "{ended:?}");
    working.stop().await;
}
