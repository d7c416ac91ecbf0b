//! Every rule of the guard, each beside its allowed twin.

use axum::Router;
use duroxide::dashboard::{DashboardError, Permission, dashboard};

use crate::request::{act, get, send, with};
use crate::scene::{SCRIPT, Scene, TOKEN};

const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");

fn bearer() -> String {
    format!("Bearer {TOKEN}")
}

#[tokio::test]
async fn only_names_of_this_machine_and_named_hosts_are_answered() {
    let scene = Scene::set().await;
    let router = scene.dashboard().host("ops.example.com").router();
    let table = [
        ("127.0.0.1", 200),
        ("127.0.0.1:8181", 200),
        ("localhost:1", 200),
        ("LOCALHOST:1", 200),
        ("[::1]:8181", 200),
        ("ops.example.com", 200),
        ("OPS.example.com:443", 200),
        ("evil.example.com", 421),
        ("ops.example.com.evil.org", 421),
        ("127.0.0.1.evil.org:8181", 421),
        ("localhost.evil.org", 421),
        ("", 421),
    ];
    for (host, status) in table {
        let request = with("GET", "/overview", &[("host", host), ("authorization", &bearer())], "");
        assert_eq!(send(&router, request).await.status, status, "host `{host}`");
    }
    scene.strike().await;
}

#[tokio::test]
async fn requests_from_pages_of_others_are_refused() {
    let scene = Scene::set().await;
    let router = scene.dashboard().read_only(false).router();
    let page = get(&router, "/overview").await;
    let token = page.action_token().expect("a page that may act").to_owned();
    let table: [(&str, &str, u16); 7] = [
        ("origin", "http://127.0.0.1:8181", 200),
        ("origin", "http://127.0.0.1:9999", 403),
        ("origin", "https://evil.example.com", 403),
        ("origin", "null", 403),
        ("sec-fetch-site", "same-origin", 200),
        ("sec-fetch-site", "same-site", 403),
        ("sec-fetch-site", "cross-site", 403),
    ];
    for (name, value, status) in table {
        let headers = [("authorization", &*bearer()), ("x-duroxide-token", &token), FORM, (name, value)];
        let answer = send(&router, with("POST", "/raise", &headers, "id=order-7&name=n&data=1")).await;
        assert_eq!(answer.status, status, "{name}: {value}: {}", answer.text);
    }
    // A link from elsewhere may be followed; whether the browser sends the cookie along is the cookie's matter.
    // What another page loads by itself, such as a picture, is none.
    for (mode, status) in [("navigate", 200), ("no-cors", 403)] {
        let headers = [("authorization", &*bearer()), ("sec-fetch-site", "cross-site"), ("sec-fetch-mode", mode)];
        assert_eq!(send(&router, with("GET", "/overview", &headers, "")).await.status, status, "{mode}");
    }
    let foreign = with("GET", "/overview", &[("authorization", &bearer()), ("origin", "http://evil.example.com")], "");
    assert_eq!(send(&router, foreign).await.status, 403);
    scene.strike().await;
}

#[tokio::test]
async fn without_the_token_nothing_is_told() {
    let scene = Scene::set().await;
    let router = scene.dashboard().router();
    let wrong = "Bearer a-token-of-the-tests-0123456780".to_owned();
    for headers in [vec![], vec![("authorization", &*wrong)], vec![("cookie", "duroxide=1; x")]] {
        for address in [
            "/",
            "/overview",
            "/instance?id=order-7",
            "/payload?id=order-7&event=1",
            "/live?page=overview",
            "/app.js",
            "/nothing",
        ] {
            let answer = send(&router, with("GET", address, &headers, "")).await;
            assert_eq!(answer.status, 401, "{address} {headers:?}");
            assert!(!answer.text.contains("order-7"), "{}", answer.text);
        }
    }
    assert_eq!(get(&router, "/overview").await.status, 200);
    scene.strike().await;
}

#[tokio::test]
async fn the_first_visit_turns_the_token_into_a_cookie_of_this_site_alone() {
    let scene = Scene::set().await;
    let router = scene.dashboard().router();
    let first = send(&router, with("GET", &format!("/instances?status=Failed&token={TOKEN}"), &[], "")).await;
    assert_eq!((first.status.as_u16(), first.header("location")), (303, "instances?status=Failed"));
    let cookie = first.header("set-cookie").to_owned();
    assert!(cookie.contains("; HttpOnly") && cookie.contains("; SameSite=Strict"), "{cookie}");
    let pair = cookie.split(';').next().expect("a pair").to_owned();
    let again = send(&router, with("GET", "/overview", &[("cookie", &format!("other=1; {pair}"))], "")).await;
    assert_eq!(again.status, 200);
    let wrong = send(&router, with("GET", "/overview?token=wrong", &[], "")).await;
    assert_eq!((wrong.status.as_u16(), wrong.header("set-cookie")), (401, ""));
    // Another dashboard on this machine has a cookie of another name.
    let other = scene.dashboard().router();
    let first = send(&other, with("GET", &format!("/overview?token={TOKEN}"), &[], "")).await;
    assert_ne!(first.header("set-cookie").split('=').next(), pair.split('=').next());
    scene.strike().await;
}

#[tokio::test]
async fn every_answer_tells_browsers_what_to_refuse() {
    let scene = Scene::set().await;
    let router = scene.dashboard().router();
    let mut answers = Vec::new();
    for address in
        ["/overview", "/instance?id=order-7", "/app.js", "/style.css", "/payload?id=order-7&event=1", "/nothing"]
    {
        answers.push(get(&router, address).await);
    }
    answers.push(send(&router, with("GET", "/overview", &[], "")).await);
    answers.push(send(&router, with("GET", "/overview", &[("host", "evil.example.com")], "")).await);
    for answer in answers {
        let policy = answer.header("content-security-policy");
        for rule in
            ["default-src 'none'", "script-src 'self'", "style-src 'self'", "frame-ancestors 'none'", "base-uri 'none'"]
        {
            assert!(policy.contains(rule), "{policy}");
        }
        assert!(!policy.contains("unsafe"), "{policy}");
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
        assert_eq!(answer.header("referrer-policy"), "no-referrer");
        assert_eq!(answer.header("x-frame-options"), "DENY");
        assert_ne!(answer.header("cache-control"), "");
    }
    scene.strike().await;
}

#[tokio::test]
async fn acting_needs_to_be_enabled_a_post_and_the_token_in_a_header() {
    let scene = Scene::set().await;
    let (looks, acts) = (scene.dashboard().router(), scene.dashboard().read_only(false).router());
    assert_eq!(get(&looks, "/overview").await.action_token(), None);
    let token = get(&acts, "/overview").await.action_token().expect("a page that may act").to_owned();
    let body = "id=order-7&name=n&data=1";
    let table: [(&Router, &str, Option<&str>, u16); 6] = [
        (&acts, "POST", Some(&token), 200),
        (&acts, "POST", Some(TOKEN), 200),
        (&acts, "POST", Some("wrong"), 403),
        (&acts, "POST", None, 403),
        (&acts, "PUT", Some(&token), 405),
        (&looks, "POST", Some(TOKEN), 403),
    ];
    for (router, method, brought, status) in table {
        let mut headers = vec![("authorization", bearer()), (FORM.0, FORM.1.to_owned())];
        headers.extend(brought.map(|token| ("x-duroxide-token", token.to_owned())));
        let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let answer = send(router, with(method, "/raise", &headers, body)).await;
        assert_eq!(answer.status, status, "{method} {brought:?}: {}", answer.text);
    }
    assert_eq!(get(&acts, "/raise?id=order-7&name=n").await.status, 405, "nothing acts by an address alone");
    // The token of the pages is no way in.
    let headers = [("x-duroxide-token", &*token), FORM];
    assert_eq!(send(&acts, with("POST", "/raise", &headers, body)).await.status, 401);
    scene.strike().await;
}

#[tokio::test]
async fn a_request_has_a_size() {
    let scene = Scene::set().await;
    let router = scene.dashboard().read_only(false).router();
    let fits = format!("id=order-7&name=n&data={}", "x".repeat(900_000));
    assert_eq!(act(&router, "/raise", &fits).await.status, 200);
    let too_large = format!("id=order-7&name=n&data={}", "x".repeat(1_300_000));
    assert_eq!(act(&router, "/raise", &too_large).await.status, 413);
    scene.strike().await;
}

#[tokio::test]
async fn a_hook_of_the_program_decides_in_the_place_of_the_token() {
    let scene = Scene::set().await;
    let hooked = dashboard(scene.client.clone()).read_only(false).authenticate(|request| async move {
        match request.headers.get("x-user").and_then(|user| user.to_str().ok()) {
            Some("ann") => Permission::Act,
            Some("bob") => Permission::Look,
            Some(_) | None => Permission::Refused,
        }
    });
    assert_eq!(hooked.access_token(), None);
    let router = hooked.router();
    let page = async |user: &str| send(&router, with("GET", "/overview", &[("x-user", user)], "")).await;
    assert_eq!(page("eve").await.status, 401);
    let by_token = with("GET", &format!("/overview?token={TOKEN}"), &[("authorization", &bearer())], "");
    assert_eq!(send(&router, by_token).await.status, 401);
    assert_eq!((page("bob").await.status.as_u16(), page("bob").await.action_token()), (200, None));
    let token = page("ann").await.action_token().expect("ann may act").to_owned();
    for (user, brought, status) in
        [("ann", &*token, 200), ("ann", "", 403), ("bob", &*token, 403), ("eve", &*token, 401)]
    {
        let headers = [("x-user", user), ("x-duroxide-token", brought), FORM];
        let answer = send(&router, with("POST", "/raise", &headers, "id=order-7&name=n")).await;
        assert_eq!(answer.status, status, "{user}: {}", answer.text);
    }
    scene.strike().await;
}

#[tokio::test]
async fn payloads_are_text_and_come_only_when_they_are_asked_for() {
    let scene = Scene::set().await;
    let router = scene.dashboard().router();
    let page = get(&router, "/instance?id=order-7").await;
    assert_eq!(page.status, 200);
    assert!(!page.text.contains("<script>window") && !page.text.contains("onerror='"), "{}", page.text);
    assert!(!page.text.contains("4200"), "the input is not in the page");
    assert!(page.text.contains("&lt;b&gt;not bold"), "what it says of itself is escaped");
    let payload = get(&router, "/payload?id=order-7&execution=1&event=1").await;
    assert_eq!((payload.status.as_u16(), payload.header("content-type")), (200, "text/plain; charset=utf-8"));
    assert!(payload.text.contains("<script>window.hacked"), "{}", payload.text);
    let value = get(&router, "/payload?id=order-7&key=sku").await;
    assert!(value.text.contains(SCRIPT), "{}", value.text);
    assert_eq!(get(&router, "/payload?id=order-7&event=999").await.status, 404);
    scene.strike().await;
}

#[tokio::test]
async fn other_machines_are_let_in_only_when_that_is_said() {
    let scene = Scene::set().await;
    let everywhere = ([0, 0, 0, 0], 0).into();
    let refused = scene.dashboard().bind(everywhere).await.err();
    assert!(matches!(refused, Some(DashboardError::NotLoopback(_))), "{refused:?}");
    let nameless = scene.dashboard().allow_remote().bind(everywhere).await.err();
    assert!(matches!(nameless, Some(DashboardError::HostMissing)), "{nameless:?}");
    let bound = scene.dashboard().allow_remote().host("ops.example.com").bind(everywhere).await.expect("allowed");
    assert!(bound.url().starts_with("http://ops.example.com:"), "{}", bound.url());
    // All of 127.0.0.0/8 is this machine, and what was bound is answered.
    let other = scene.dashboard().bind(([127, 0, 0, 2], 0).into()).await.expect("this machine");
    let (address, url) = (other.address(), other.url().to_owned());
    let server = tokio::spawn(other.run());
    for (host, status) in [(address.to_string(), "303"), ("127.0.0.3".to_owned(), "421")] {
        let page = url.split_once(&address.to_string()).map_or("/", |(_, page)| page);
        let answer = over_a_socket(address, &host, page).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{host}: {answer}");
    }
    server.abort();
    let local = scene.dashboard().bind(([127, 0, 0, 1], 0).into()).await.expect("this machine");
    assert_eq!(local.url(), format!("http://{}/overview?token={TOKEN}", local.address()));
    scene.strike().await;
}

async fn over_a_socket(address: std::net::SocketAddr, host: &str, page: &str) -> String {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    let mut stream = tokio::net::TcpStream::connect(address).await.expect("it listens");
    let request = format!("GET {page} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.expect("it reads");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("it writes text");
    answer
}

#[tokio::test]
async fn tokens_are_random_or_good() {
    let scene = Scene::set().await;
    let draw = || dashboard(scene.client.clone()).access_token().expect("a token").to_owned();
    let (one, other) = (draw(), draw());
    assert!(one != other && one.len() == 64 && one.bytes().all(|digit| digit.is_ascii_hexdigit()), "{one}");
    for weak in ["", "short", "has spaces in between it", "has;a;semicolon;in;it"] {
        let refused = dashboard(scene.client.clone()).token(weak).err();
        assert!(matches!(refused, Some(DashboardError::WeakToken(_))), "{weak}");
    }
    scene.strike().await;
}
