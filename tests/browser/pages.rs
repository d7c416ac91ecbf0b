//! Every page by requests: what it says, where it leads, and what acting does.

use axum::Router;
use duroxide::OrchestrationStatus;
use duroxide::providers::insight::RowState;
use futures_util::StreamExt as _;
use tower::ServiceExt as _;

use crate::request::{act, get, send, with};
use crate::scene::{PATIENCE, Scene, TOKEN};

/// Every page, with something that it must say.
const PAGES: [(&str, &str); 11] = [
    ("/overview", "Started in the last"),
    ("/instances", "order-7"),
    ("/instances?status=Failed", "order-8"),
    ("/instance?id=order-7", "<p class=\"explain\">"),
    ("/instance?id=order-8", "out of &lt;i&gt;unicorns"),
    ("/instance?id=count-1&execution=2", "This is execution 2"),
    ("/queues", "Set aside"),
    ("/queues?queue=worker", "activities"),
    ("/workers", "countdown"),
    ("/health", "all work has a worker"),
    ("/health?check=1", "Whole"),
];

#[tokio::test]
async fn every_page_opens() {
    let scene = Scene::set().await;
    let router = scene.dashboard().router();
    for (address, said) in PAGES {
        let page = get(&router, address).await;
        assert_eq!(page.status, 200, "{address}: {}", page.text);
        assert!(page.text.contains(said), "{address} says `{said}`: {}", page.text);
        assert_eq!(page.text.matches("<h1>").count(), 1, "{address}");
    }
    for (address, status) in [
        ("/instance?id=nobody", 404),
        ("/instance", 400),
        ("/start?name=nobody", 404),
        ("/nothing", 404),
        ("/instance?id=order-7&execution=99", 404),
    ] {
        assert_eq!(get(&router, address).await.status, status, "{address}");
    }
    scene.strike().await;
}

#[tokio::test]
async fn every_link_is_relative_so_that_it_can_be_nested_anywhere() {
    let scene = Scene::set().await;
    scene.quarantine("not JSON");
    let app = Router::new().nest("/ops/dash", scene.dashboard().read_only(false).router());
    let entry = get(&app, "/ops/dash").await;
    assert_eq!((entry.status.as_u16(), entry.header("location")), (303, "dash/overview"));
    for (address, leads_to) in [("/ops/dash", "dash/overview"), ("/ops/dash/overview", "overview")] {
        let first = send(&app, with("GET", &format!("{address}?token={TOKEN}"), &[], "")).await;
        assert_eq!((first.status.as_u16(), first.header("location")), (303, leads_to), "{address}");
        let form = send(&app, with("GET", address, &[], "")).await;
        assert!(form.text.contains(&format!("action=\"{leads_to}\"")), "{address}: {}", form.text);
    }
    for (address, _) in PAGES {
        let page = get(&app, &format!("/ops/dash{address}")).await;
        assert_eq!(page.status, 200, "{address}");
        for attribute in ["href=\"", "src=\"", "action=\"", "data-payload=\""] {
            for target in page.text.split(attribute).skip(1).map(|rest| rest.split('"').next().unwrap_or_default()) {
                assert!(!target.starts_with('/') && !target.contains("://"), "{address}: {attribute}{target}");
            }
        }
        assert!(
            !page.text.contains(" style=") && !page.text.contains("<style"),
            "{address}: inline styles are refused"
        );
        assert!(!page.text.contains(" onclick="), "{address}");
    }
    scene.strike().await;
}

#[tokio::test]
async fn filters_select() {
    let scene = Scene::set().await;
    let router = scene.dashboard().router();
    let table = [
        ("status=Failed", &["order-8"][..], &["order-7", "count-1"][..]),
        ("name=checkout", &["order-7"], &["order-8"]),
        ("prefix=order-", &["order-7", "order-8"], &["count-1"]),
        ("parent=roots&within=60", &["order-7", "order-8", "count-1"], &[]),
        ("version=9.9.9", &[], &["order-7", "order-8", "count-1"]),
    ];
    for (query, found, not_found) in table {
        let page = get(&router, &format!("/instances?{query}")).await;
        let has = |id: &&&str| page.text.contains(&format!("id={id}\""));
        assert_eq!(found.iter().find(|id| !has(id)), None, "{query}");
        assert_eq!(not_found.iter().find(has), None, "{query}");
    }
    scene.strike().await;
}

#[tokio::test]
async fn an_event_that_is_raised_arrives() {
    let scene = Scene::set().await;
    let router = scene.dashboard().read_only(false).router();
    let page = get(&router, "/instance?id=order-7").await;
    assert!(page.text.contains(r#"<option value="approved">"#), "what it waits for is offered: {}", page.text);
    let raised = act(&router, "/raise", "id=order-7&name=approved&data=ann").await;
    assert_eq!(raised.status, 200, "{}", raised.text);
    let OrchestrationStatus::Completed { output, .. } = scene.ended("order-7").await else {
        panic!("the order completes");
    };
    assert!(output.contains("approved by ann"), "{output}");
    let page = get(&router, "/instance?id=order-7").await;
    assert!(page.text.contains("Children") && page.text.contains("order-7::sub::"), "{}", page.text);
    scene.strike().await;
}

#[tokio::test]
async fn an_instance_is_started_cancelled_and_deleted() {
    let scene = Scene::set().await;
    let router = scene.dashboard().read_only(false).router();
    let form = get(&router, "/start?name=checkout&version=1.0.0").await;
    for field in [
        r#"data-argument="sku" data-field="text""#,
        r#"data-argument="cents" data-field="whole""#,
        r#"data-argument="gift" data-field="flag""#,
    ] {
        assert!(form.text.contains(field), "{field}: {}", form.text);
    }
    let input = "%7B%22sku%22%3A%22hat%22%2C%22cents%22%3A1%2C%22gift%22%3Afalse%7D";
    let body = format!("name=checkout&version=1.0.0&id=order-9&input={input}");
    let started = act(&router, "/start-instance", &body).await;
    assert_eq!(started.status, 200, "{}", started.text);
    assert!(started.text.contains(r#""next":"instance?id=order-9""#), "{}", started.text);
    scene.client.wait_for_status_change("order-9", 0, std::time::Duration::from_millis(10), PATIENCE).await.unwrap();
    assert_eq!(act(&router, "/start-instance", &body).await.status, 409, "its id is taken");
    assert_eq!(act(&router, "/delete", "id=order-9").await.status, 409, "it runs");
    assert_eq!(act(&router, "/cancel", "id=order-9&reason=enough").await.status, 200);
    scene.ended("order-9").await;
    assert!(get(&router, "/instance?id=order-9").await.text.contains("enough"));
    assert_eq!(act(&router, "/delete", "id=order-9").await.status, 200);
    assert_eq!(get(&router, "/instance?id=order-9").await.status, 404);
    assert_eq!(act(&router, "/delete", "id=order-9").await.status, 404);
    scene.strike().await;
}

#[tokio::test]
async fn whoever_sends_what_changes_nothing_is_told() {
    let scene = Scene::set().await;
    let router = scene.dashboard().read_only(false).router();
    for (id, status, said) in [
        ("nobody", 404, "`nobody` is not there"),
        ("order-8", 409, "`order-8` has failed"),
        ("count-1", 409, "`count-1` has completed"),
    ] {
        for action in ["/raise", "/enqueue", "/cancel"] {
            let refused = act(&router, action, &format!("id={id}&name=n&data=1")).await;
            assert_eq!(refused.status, status, "{action} {id}: {}", refused.text);
            assert!(refused.text.contains(said), "{action} {id}: {}", refused.text);
        }
        assert!(scene.client.list_rows_of(id).await.unwrap().is_empty(), "nothing was sent to {id}");
    }
    assert_eq!(act(&router, "/enqueue", "id=order-7&name=n&data=1").await.status, 200);
    scene.strike().await;
}

/// A parent that handles the failure of a child whose code has changed, and says so.
#[tokio::test]
async fn inputs_that_an_error_quotes_are_not_on_the_page() {
    let scene = Scene::set().await;
    let router = scene.dashboard().router();
    let why = "child: nondeterministic: schedule mismatch: action=CallActivity { name: \"a\", input: \"hunter2\" } vs \
               event=ActivityScheduled { name: \"b\", input: \"hunter2\" }";
    let input = serde_json::to_string(why).unwrap();
    scene.client.start_orchestration("order-9", "doomed", input).await.unwrap();
    scene.ended("order-9").await;
    let page = get(&router, "/instance?id=order-9").await;
    assert!(page.text.contains("action=CallActivity {…}") && !page.text.contains("hunter2"), "{}", page.text);
    assert!(page.text.contains("the whole text"), "{}", page.text);
    assert!(!scene.client.explain("order-9").await.unwrap().to_string().contains("hunter2"));
    scene.strike().await;
}

#[tokio::test]
async fn a_message_for_nobody_is_shown_and_dropped() {
    let scene = Scene::set().await;
    scene.client.raise_event("nobody", "approved", "1").await.expect("a message");
    let parked = async {
        loop {
            let rows = scene.client.list_rows_of("nobody").await.expect("a list");
            if let Some(row) = rows.into_iter().find(|row| row.state == RowState::Parked) {
                return row.id;
            }
            tokio::task::yield_now().await;
        }
    };
    let row = tokio::time::timeout(PATIENCE, parked).await.expect("a worker looks at it");
    let form = "action=\"drop-parked\"";
    assert!(!get(&scene.dashboard().router(), "/queues").await.text.contains(form), "nothing may be changed here");
    let router = scene.dashboard().read_only(false).router();
    assert!(get(&router, "/queues").await.text.contains(form));
    assert_eq!(act(&router, "/drop-parked", &format!("row={row}")).await.status, 200);
    assert_eq!(act(&router, "/drop-parked", &format!("row={row}")).await.status, 404);
    assert!(!get(&router, "/queues").await.text.contains(form));
    scene.strike().await;
}

#[tokio::test]
async fn what_could_not_be_read_is_shown_put_back_or_dropped() {
    let scene = Scene::set().await;
    scene.quarantine("not <b>JSON</b>");
    let router = scene.dashboard().read_only(false).router();
    let page = get(&router, "/queues").await;
    assert!(page.text.contains("not &lt;b&gt;JSON") && !page.text.contains("<script>window"), "{}", page.text);
    assert!(get(&router, "/overview").await.text.contains("could not be read"));
    let row = page.text.split("payload?row=").nth(1).and_then(|rest| rest.split('"').next()).expect("a row").to_owned();
    assert!(get(&router, &format!("/payload?row={row}")).await.text.contains("<script>window"));
    let retried = act(&router, "/retry", &format!("row={row}")).await;
    assert_eq!(retried.status, 422, "it still cannot be read: {}", retried.text);
    assert_eq!(act(&router, "/drop", &format!("row={row}")).await.status, 200);
    assert_eq!(act(&router, "/drop", &format!("row={row}")).await.status, 404);
    assert!(get(&router, "/queues").await.text.contains("All messages can be read"));
    scene.strike().await;
}

#[tokio::test]
async fn a_page_that_is_watched_follows_and_streams_are_bounded() {
    let scene = Scene::set().await;
    let router = scene.dashboard().router();
    let watch = async || {
        let headers = [("authorization", &*format!("Bearer {TOKEN}"))];
        let request = with("GET", "/live?page=instance%3Fid%3Dorder-7", &headers, "");
        router.clone().oneshot(request).await.expect("routers do not fail")
    };
    let first = watch().await;
    assert_eq!(
        (first.status().as_u16(), &first.headers()["content-type"]),
        (200, &"text/event-stream".parse().unwrap())
    );
    let mut stream = first.into_body().into_data_stream();
    let mut seen = String::new();
    while !seen.contains("waits for approval") {
        let next = tokio::time::timeout(PATIENCE, stream.next()).await.expect("the page follows");
        seen += &String::from_utf8_lossy(&next.expect("the stream goes on").expect("bytes"));
    }
    scene.client.raise_event("order-7", "approved", "ann").await.unwrap();
    seen.clear();
    while !seen.contains("Completed") {
        let next = tokio::time::timeout(PATIENCE, stream.next()).await.expect("the page follows");
        seen += &String::from_utf8_lossy(&next.expect("the stream goes on").expect("bytes"));
    }
    assert!(!seen.contains("approved by ann"), "no payload travels by itself");
    let mut held = Vec::new();
    for _ in 0..63 {
        let next = watch().await;
        assert_eq!(next.status(), 200);
        held.push(next);
    }
    assert_eq!(watch().await.status(), 503);
    held.pop();
    assert_eq!(watch().await.status(), 200, "a place that was left is given away");
    let unknown = with("GET", "/live?page=payload", &[("authorization", &format!("Bearer {TOKEN}"))], "");
    assert_eq!(send(&router, unknown).await.status, 404);
    scene.strike().await;
}

#[tokio::test]
async fn the_picture_of_a_timeline_can_be_kept() {
    let scene = Scene::set().await;
    let router = scene.dashboard().router();
    let picture = get(&router, "/timeline.svg?id=order-7").await;
    assert_eq!((picture.status.as_u16(), picture.header("content-type")), (200, "image/svg+xml"));
    assert!(
        picture.text.starts_with("<svg") && picture.text.contains("charge") && picture.text.contains("2 of 3"),
        "{}",
        picture.text
    );
    scene.strike().await;
}
