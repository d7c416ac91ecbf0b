//! What a browser makes of the pages: in both themes, on a phone, by keyboard; and what it must not let others do.

use std::path::PathBuf;

use axum::Router;
use axum::http::header::CONTENT_TYPE;
use axum::routing::get;
use duroxide::OrchestrationStatus;

use crate::chromium::Chromium;
use crate::scene::{SCRIPT, Scene};

/// A dashboard that may act, served, and a browser that has been let in.
struct Visit {
    scene: Scene,
    chromium: Chromium,
    base: String,
    server: tokio::task::JoinHandle<()>,
}

impl Visit {
    async fn begin() -> Self {
        let scene = Scene::set().await;
        let bound = scene.dashboard().read_only(false).bind(([127, 0, 0, 1], 0).into()).await.expect("a free port");
        let (base, url) = (format!("http://{}", bound.address()), bound.url().to_owned());
        let server = tokio::spawn(async move { bound.run().await.expect("it serves") });
        let mut chromium = Chromium::start().await;
        chromium.look_like(1280, "light").await;
        chromium.open(&url).await;
        assert_eq!(
            chromium.value("location.href").await,
            format!("{base}/overview"),
            "no token is left in the address"
        );
        Visit { scene, chromium, base, server }
    }

    async fn open(&mut self, page: &str) {
        self.chromium.open(&format!("{}/{page}", self.base)).await;
    }

    /// Keeps a picture of the page where people can look at it.
    async fn keep(&mut self, name: &str) {
        let picture = self.chromium.screenshot().await;
        assert!(picture.len() > 10_000, "{name} has {} bytes", picture.len());
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("dashboard");
        std::fs::create_dir_all(&folder).expect("a folder");
        std::fs::write(folder.join(format!("{name}.png")), picture).expect("a file");
    }

    async fn end(self) {
        self.chromium.close().await;
        self.server.abort();
        self.scene.strike().await;
    }
}

const PAGES: [(&str, &str); 7] = [
    ("overview", "overview"),
    ("instances", "instances"),
    ("instance", "instance?id=order-7"),
    ("queues", "queues"),
    ("workers", "workers"),
    ("start", "start?name=checkout"),
    ("health", "health?check=1"),
];

#[tokio::test]
async fn every_page_is_drawn_in_both_themes_and_on_a_phone_and_can_be_read_aloud() {
    let mut visit = Visit::begin().await;
    visit.scene.quarantine("expected value at line 1 column 1");
    for (name, page) in PAGES {
        visit.open(page).await;
        for (look, width, theme) in [("light", 1280, "light"), ("dark", 1280, "dark"), ("phone", 390, "dark")] {
            visit.chromium.look_like(width, theme).await;
            let fits = "document.documentElement.scrollWidth <= innerWidth";
            assert_eq!(visit.chromium.value(fits).await, true, "{name} is as wide as the window of {width} px");
            visit.keep(&format!("{name}-{look}")).await;
        }
        let paper = "getComputedStyle(document.body).backgroundColor";
        let dark = visit.chromium.value(paper).await;
        visit.chromium.look_like(1280, "light").await;
        assert_ne!(visit.chromium.value(paper).await, dark, "{name} has two themes");
        for (role, said) in visit.chromium.told().await {
            let is_named =
                ["button", "link", "textbox", "searchbox", "combobox", "checkbox", "heading", "region", "image"];
            // A picture without a name is hidden from readers by an empty text.
            assert!(!said.is_empty() || !is_named.contains(&role.as_str()), "{name}: a {role} without a name");
        }
    }
    visit.end().await;
}

#[tokio::test]
async fn instances_are_filtered_and_filters_are_kept() {
    let mut visit = Visit::begin().await;
    visit.open("instances").await;
    visit.chromium.value("document.querySelector('[name=status]').value = 'Failed'").await;
    visit.chromium.value("document.querySelector('form.filters button').click()").await;
    visit.chromium.loaded().await;
    visit.chromium.until("document.querySelectorAll('tbody tr').length === 1 && document.querySelector('tbody .id').textContent === 'order-8'").await;
    visit.chromium.value("document.querySelector('#saved input').value = 'what <i>failed</i>'").await;
    visit.chromium.value("document.querySelector('#saved form button').click()").await;
    visit.chromium.until("document.querySelector('#saved li a').textContent === 'what <i>failed</i>'").await;
    visit.open("instances").await;
    visit.chromium.until("document.querySelectorAll('tbody tr').length >= 3").await;
    visit.chromium.value("document.querySelector('#saved li a').click()").await;
    visit.chromium.loaded().await;
    visit.chromium.until("document.querySelectorAll('tbody tr').length === 1").await;
    visit.end().await;
}

#[tokio::test]
async fn an_event_is_raised_and_the_page_follows() {
    let mut visit = Visit::begin().await;
    visit.open("instance?id=order-7").await;
    visit.chromium.until("document.documentElement.dataset.seen").await;
    visit.chromium.value("document.querySelectorAll('details.act')[0].open = true").await;
    assert_eq!(
        visit.chromium.value("document.querySelector('form[action=raise] [name=name]').value").await,
        "approved"
    );
    visit.keep("act").await;
    visit.chromium.value("document.querySelector('form[action=raise] [name=data]').value = 'ann'").await;
    visit.chromium.value("document.querySelector('form[action=raise] button').click()").await;
    visit.chromium.until("document.getElementById('said').textContent.includes('approved')").await;
    visit.chromium.until("document.querySelector('#stand .badge').textContent.includes('Completed')").await;
    assert!(matches!(visit.scene.ended("order-7").await, OrchestrationStatus::Completed { .. }));
    visit.end().await;
}

#[tokio::test]
async fn an_instance_is_cancelled() {
    let mut visit = Visit::begin().await;
    visit.open("instance?id=order-7").await;
    visit.chromium.value("document.querySelector('form[action=cancel]').closest('details').open = true").await;
    visit
        .chromium
        .value("document.querySelector('form[action=cancel] [name=reason]').value = 'changed their mind'")
        .await;
    visit.chromium.value("document.querySelector('form[action=cancel] button').click()").await;
    visit.chromium.until("document.querySelector('#stand').textContent.includes('changed their mind')").await;
    assert!(matches!(visit.scene.ended("order-7").await, OrchestrationStatus::Failed { .. }));
    visit.end().await;
}

#[tokio::test]
async fn an_orchestration_is_started_by_its_arguments() {
    let mut visit = Visit::begin().await;
    visit.open("start?name=checkout").await;
    let typed = "document.querySelector('[data-argument=sku]').value = 'a \"hat\"'; \
                 document.querySelector('[data-argument=cents]').value = 'many'; \
                 document.querySelector('[name=id]').value = 'order/9 ü'; \
                 document.querySelector('form[data-act] button').click()";
    visit.chromium.value(typed).await;
    visit
        .chromium
        .until("document.querySelector('.error').textContent.includes('expected a whole number, found many')")
        .await;
    visit.chromium.value("document.querySelector('[data-argument=cents]').value = '9007199254740993'; document.querySelector('form[data-act] button').click()").await;
    visit.chromium.loaded().await;
    visit.chromium.until("document.querySelector('h1').textContent === 'order/9 ü'").await;
    let history = visit.scene.client.read_execution_history("order/9 ü", 1).await;
    let input = format!("{:?}", history.expect("it has begun")[0].kind);
    assert!(input.contains("9007199254740993") && input.contains("hat"), "no digit is lost: {input}");
    visit.end().await;
}

#[tokio::test]
async fn a_payload_with_a_script_is_inert() {
    let mut visit = Visit::begin().await;
    visit.scene.waiting_order("<script>window.hacked = 1</script>", SCRIPT).await;
    for page in [
        "instances",
        "instance?id=order-7",
        "instance?id=%3Cscript%3Ewindow.hacked%20%3D%201%3C%2Fscript%3E",
        "instance?id=order-8",
    ] {
        visit.open(page).await;
        visit
            .chromium
            .value("document.querySelectorAll('details').forEach((details) => { details.open = true; })")
            .await;
        visit.chromium.until("[...document.querySelectorAll('details[data-payload]')].every((details) => details.querySelector('pre'))").await;
        assert_eq!(visit.chromium.value("typeof window.hacked").await, "undefined", "{page}");
        assert_eq!(
            visit.chromium.value("document.querySelectorAll('main script, main img, main b, main i').length").await,
            0,
            "{page}"
        );
    }
    visit.open("instance?id=order-7").await;
    visit.chromium.value("document.querySelector('#facts details').open = true").await;
    visit.chromium.until("document.querySelector('#facts pre')?.textContent.includes('<script>window.hacked')").await;
    visit.keep("reveal").await;
    // What is open stays open while the page follows.
    visit.scene.client.raise_event("order-7", "approved", "ann").await.expect("a raise");
    visit.chromium.until("document.querySelector('#stand .badge').textContent.includes('Completed')").await;
    visit.chromium.until("document.querySelector('#facts pre')?.textContent.includes('<script>window.hacked')").await;
    // Were a script smuggled in after all, the policy of the page would refuse it.
    let smuggled = "const script = document.createElement('script'); script.textContent = 'window.hacked = 1'; document.body.append(script); typeof window.hacked";
    assert_eq!(visit.chromium.value(smuggled).await, "undefined");
    visit.end().await;
}

#[tokio::test]
async fn pages_of_others_and_names_of_others_are_refused() {
    let mut visit = Visit::begin().await;
    // A page of another port is the same site, so that the browser sends the cookie along: the origin is what counts.
    let page = ([(CONTENT_TYPE, "text/html")], "<h1>somebody else</h1>");
    let elsewhere = Router::new().route("/", get(|| async move { page }));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    let server = tokio::spawn(async move { axum::serve(listener, elsewhere).await.expect("it serves") });
    visit.chromium.open(&format!("http://{address}/")).await;
    let base = visit.base.clone();
    let form = format!(
        "fetch('{base}/cancel', {{ method: 'POST', mode: 'no-cors', credentials: 'include', \
         headers: {{ 'content-type': 'application/x-www-form-urlencoded' }}, body: 'id=order-7' }}).then(() => 'sent', () => 'sent')"
    );
    assert_eq!(visit.chromium.value(&form).await, "sent", "the browser lets it be sent");
    let read = format!(
        "fetch('{base}/payload?id=order-7&event=1', {{ credentials: 'include' }}).then(() => 'read', () => 'refused')"
    );
    assert_eq!(visit.chromium.value(&read).await, "refused");
    let framed = format!(
        "new Promise((done) => {{ const frame = document.createElement('iframe'); frame.onload = done; \
         frame.src = '{base}/overview'; document.body.append(frame); }}).then(() => true)"
    );
    visit.chromium.value(&framed).await;
    let frames = visit.chromium.call("Page.getFrameTree", serde_json::json!({})).await;
    let shown = frames["frameTree"]["childFrames"][0]["frame"]["url"].to_string();
    assert!(shown.contains("chrome-error:"), "no page is shown in a frame: {shown}");
    let status = visit.scene.client.get_orchestration_status("order-7").await.expect("a status");
    assert!(matches!(status, OrchestrationStatus::Running { .. }), "{status:?}");

    // A name of somebody else that leads here, as after a rebinding, with the token known even.
    let port = base.rsplit(':').next().expect("a port").to_owned();
    visit.chromium.open(&format!("http://evil.test:{port}/overview?token={}", crate::scene::TOKEN)).await;
    let said = visit.chromium.value("document.body.innerText").await;
    assert!(said.as_str().is_some_and(|said| said.contains("found the host `evil.test")), "{said}");
    server.abort();
    visit.end().await;
}

#[tokio::test]
async fn the_keyboard_is_enough() {
    let mut visit = Visit::begin().await;
    visit.open("instance?id=order-7").await;
    visit.chromium.press("Tab", 9).await;
    assert_eq!(visit.chromium.value("document.activeElement.className").await, "skip");
    let mut reached = Vec::new();
    for _ in 0..40 {
        visit.chromium.press("Tab", 9).await;
        let at = "const at = document.activeElement; at.textContent.trim().slice(0, 40) + ' ' + (at.getAttribute('aria-label') ?? '')";
        reached.push(
            visit
                .chromium
                .value(&format!("(() => {{ {} }})()", at.replace("; at.text", "; return at.text")))
                .await
                .as_str()
                .unwrap_or_default()
                .to_owned(),
        );
    }
    for wanted in ["Overview", "Instances", "Live", "Raise an event", "Cancel", "Timeline", "show"] {
        assert!(reached.iter().any(|at| at.contains(wanted)), "`{wanted}` is reached by the keyboard: {reached:?}");
    }
    visit.end().await;
}
