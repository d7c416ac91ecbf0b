//! A headless Chromium, driven over two pipes by its own protocol: nothing to install but the browser.

use std::collections::VecDeque;
use std::process::Stdio;

use base64::Engine as _;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

/// Where Debian and others put it.
const PROGRAMS: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

/// A browser with one page, closed when it is dropped.
pub(crate) struct Chromium {
    child: Child,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
    next_id: u64,
    session: Option<String>,
    events: VecDeque<Value>,
    _profile: tempfile::TempDir,
}

impl Chromium {
    /// Starts it. The name `evil.test` leads to this machine, as a rebound name would.
    pub(crate) async fn start() -> Self {
        let program = program();
        let profile = tempfile::tempdir().expect("a temporary folder");
        // The protocol is on the descriptors 3 and 4; what the browser prints must not get between.
        let script = format!(
            "exec {program} --headless=new --no-sandbox --disable-gpu --disable-dev-shm-usage --no-first-run \
             --hide-scrollbars --disable-background-networking --disable-component-update --disable-sync \
             --force-color-profile=srgb --host-resolver-rules='MAP evil.test 127.0.0.1' --user-data-dir='{}' \
             --remote-debugging-pipe about:blank 3<&0 4>&1 </dev/null >/dev/null 2>&1",
            profile.path().display()
        );
        let mut child = Command::new("sh")
            .args(["-c", &script])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("a shell");
        let to = child.stdin.take().expect("a pipe");
        let from = BufReader::new(child.stdout.take().expect("a pipe"));
        let mut chromium =
            Chromium { child, to, from, next_id: 0, session: None, events: VecDeque::new(), _profile: profile };
        let target = chromium.call("Target.createTarget", json!({ "url": "about:blank" })).await;
        let attach = json!({ "targetId": target["targetId"], "flatten": true });
        let session = chromium.call("Target.attachToTarget", attach).await;
        chromium.session = Some(session["sessionId"].as_str().expect("a session").to_owned());
        chromium.call("Page.enable", json!({})).await;
        chromium.call("Runtime.enable", json!({})).await;
        chromium
    }

    /// Closes the browser and waits until it is gone.
    pub(crate) async fn close(mut self) {
        self.session = None;
        self.send("Browser.close", json!({})).await;
        self.child.wait().await.expect("an end");
    }

    /// Opens an address and waits until the page is loaded.
    pub(crate) async fn open(&mut self, address: &str) {
        self.events.clear();
        let opened = self.call("Page.navigate", json!({ "url": address })).await;
        assert_eq!(opened.get("errorText"), None, "{address}: {opened}");
        self.loaded().await;
    }

    /// Waits until the page that is on its way is loaded.
    pub(crate) async fn loaded(&mut self) {
        loop {
            while let Some(event) = self.events.pop_front() {
                if event["method"] == "Page.loadEventFired" {
                    return;
                }
            }
            self.read().await;
        }
    }

    /// What an expression is in the page; promises are awaited.
    pub(crate) async fn value(&mut self, expression: &str) -> Value {
        let asked =
            json!({ "expression": expression, "awaitPromise": true, "returnByValue": true, "userGesture": true });
        let answer = self.call("Runtime.evaluate", asked).await;
        assert_eq!(answer.get("exceptionDetails"), None, "{expression}");
        answer["result"]["value"].clone()
    }

    /// Waits until an expression is true in the page.
    pub(crate) async fn until(&mut self, expression: &str) {
        // The policy of the pages forbids `eval`, for tests as well.
        let text = serde_json::to_string(expression).expect("text");
        let looks = format!(
            "new Promise((found, gone) => {{ const end = Date.now() + 60000; const look = () => {{ \
             let is; try {{ is = Boolean({expression}); }} catch {{ is = false; }} \
             if (is) found(true); else if (Date.now() > end) gone(new Error({text} + ' in ' + document.body.innerText)); \
             else setTimeout(look, 20); }}; look(); }})"
        );
        assert_eq!(self.value(&looks).await, true, "{expression}");
    }

    /// Width in pixels, and `light` or `dark`.
    pub(crate) async fn look_like(&mut self, width: u32, theme: &str) {
        let size = json!({ "width": width, "height": 900, "deviceScaleFactor": 2, "mobile": width < 700 });
        self.call("Emulation.setDeviceMetricsOverride", size).await;
        let features = json!({ "features": [{ "name": "prefers-color-scheme", "value": theme }, { "name": "prefers-reduced-motion", "value": "reduce" }] });
        self.call("Emulation.setEmulatedMedia", features).await;
    }

    /// The whole page as PNG.
    pub(crate) async fn screenshot(&mut self) -> Vec<u8> {
        let taken =
            self.call("Page.captureScreenshot", json!({ "format": "png", "captureBeyondViewport": true })).await;
        let text = taken["data"].as_str().expect("a picture");
        base64::engine::general_purpose::STANDARD.decode(text).expect("base64")
    }

    /// Presses a key as a person does.
    pub(crate) async fn press(&mut self, key: &str, code: u32) {
        for kind in ["keyDown", "keyUp"] {
            let event = json!({ "type": kind, "key": key, "code": key, "windowsVirtualKeyCode": code });
            self.call("Input.dispatchKeyEvent", event).await;
        }
    }

    /// The roles and names that a screen reader is told.
    pub(crate) async fn told(&mut self) -> Vec<(String, String)> {
        let tree = self.call("Accessibility.getFullAXTree", json!({})).await;
        let nodes = tree["nodes"].as_array().cloned().unwrap_or_default();
        let text = |node: &Value, field: &str| node[field]["value"].as_str().unwrap_or_default().to_owned();
        nodes
            .iter()
            .filter(|node| node["ignored"] != true)
            .map(|node| (text(node, "role"), text(node, "name")))
            .collect()
    }

    /// Calls a method and returns what it answers.
    pub(crate) async fn call(&mut self, method: &str, parameters: Value) -> Value {
        let id = self.send(method, parameters).await;
        loop {
            let message = self.read().await;
            if message["id"] == id {
                assert_eq!(message.get("error"), None, "{method}");
                return message["result"].clone();
            }
        }
    }

    async fn send(&mut self, method: &str, parameters: Value) -> u64 {
        self.next_id += 1;
        let mut message = json!({ "id": self.next_id, "method": method, "params": parameters });
        if let Some(session) = &self.session {
            message["sessionId"] = json!(session);
        }
        let mut bytes = message.to_string().into_bytes();
        bytes.push(0);
        self.to.write_all(&bytes).await.expect("the browser listens");
        self.next_id
    }

    /// The next message; events are kept, and questions of the page are answered with yes.
    async fn read(&mut self) -> Value {
        let mut bytes = Vec::new();
        let length = self.from.read_until(0, &mut bytes).await.expect("the browser speaks");
        assert_ne!(
            length,
            0,
            "the browser is gone; run it by hand to see why: {} --headless=new --no-sandbox",
            program()
        );
        bytes.pop();
        let message: Value = serde_json::from_slice(&bytes).expect("JSON");
        if message["method"] == "Page.javascriptDialogOpening" {
            Box::pin(self.send("Page.handleJavaScriptDialog", json!({ "accept": true }))).await;
        }
        if message.get("method").is_some() {
            self.events.push_back(message.clone());
        }
        message
    }
}

fn program() -> &'static str {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let is_there = |program: &&&str| std::env::split_paths(&path).any(|folder| folder.join(program).exists());
    PROGRAMS.iter().find(is_there).expect(
        "Chromium is missing; `sudo apt-get install --yes --no-install-recommends chromium fonts-dejavu-core` brings it",
    )
}
