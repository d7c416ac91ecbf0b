//! The attributes on `quote!` input.

mod keys;
mod net;
mod page;
mod parameters;
mod rules;
mod soup;

use proc_macro2::TokenStream;
use quote::quote;

use crate::ast::Kind;
use crate::expand;

fn pretty(tokens: TokenStream) -> String {
    prettyplease::unparse(&syn::parse2(tokens).expect("an expansion is a sequence of items"))
}

/// The texts of the `compile_error!`s, in order.
fn errors(tokens: &TokenStream) -> Vec<String> {
    let text = tokens.to_string();
    text.split("compile_error ! {")
        .skip(1)
        .map(|rest| rest.split('}').next().unwrap_or_default().trim().to_owned())
        .collect()
}

/// The codes of the errors, in order.
fn codes(tokens: &TokenStream) -> Vec<String> {
    errors(tokens).iter().map(|text| text.trim_start_matches(['"', ' ']).chars().take(6).collect()).collect()
}

fn orchestration(body: TokenStream) -> TokenStream {
    let item = quote! {
        async fn checkout(ctx: OrchestrationContext) -> Result<(), String> { #body }
    };
    expand::handler(Kind::Orchestration, quote!(), item)
}

#[test]
fn an_activity_becomes_a_type_beside_its_function() {
    insta::assert_snapshot!(pretty(expand::handler(
        Kind::Activity,
        quote!(tag = "pci"),
        quote! {
            /// Charges the card.
            pub async fn charge(ctx: ActivityContext, #[state] bank: Bank, order: Order, #[serde(default)] cents: u64) -> Result<Receipt> {
                bank.charge(order, cents).await
            }
        },
    )));
}

#[test]
fn an_orchestration_awaits_through_the_durable_bound() {
    insta::assert_snapshot!(pretty(expand::handler(
        Kind::Orchestration,
        quote!(name = "Checkout", version = "2.0.0"),
        quote! {
            /// Sells.
            pub async fn checkout(ctx: OrchestrationContext, order: Order) -> Result<Receipt, ShopError> {
                println!("{}", ctx.new_guid().await?);
                #[duroxide::allow(DX0001, reason = "shown")]
                let now = SystemTime::now();
                ctx.join(vec![async { charge::call(&ctx, order).await }]).await;
                let raced = duroxide::select! { a = ctx.wait::<A>() => a.await };
                async fn inner() { plain().await }
                Ok(raced)
            }
        },
    )));
}

#[test]
fn a_durable_helper_returns_a_durable_future() {
    insta::assert_snapshot!(pretty(expand::handler(
        Kind::Durable,
        quote!(),
        quote! {
            async fn settle<T: Clone>(&self, ctx: &OrchestrationContext, mut ids: Vec<T>, (a, _): (u8, u8)) -> Result<u64, String>
            where
                T: Into<u64>,
            {
                ids.clear();
                ctx.new_guid().await?;
                Ok(a.into())
            }
        },
    )));
}

#[test]
fn a_race_nests_to_the_right_so_that_earlier_arms_win() {
    let expanded = crate::race::select(quote!((dx) a = f() => x, _ = g() => { y.await } Some(c) = h() => z,));
    let block: syn::Expr = syn::parse2(expanded).expect("a race is an expression");
    insta::assert_snapshot!(pretty(quote!(fn raced() { #block })));
}

#[test]
fn an_activity_in_a_transaction_is_lent_it() {
    insta::assert_snapshot!(pretty(expand::handler(
        Kind::Activity,
        quote!(transaction, retry(max_attempts = 3)),
        quote! {
            async fn book(ctx: ActivityContext, tx: &mut PgTransaction<'_>, #[state] bank: Bank, from: String, cents: u64) -> Result<()> {
                bank.book(tx, from, cents).await
            }
        },
    )));
}

#[test]
fn what_is_only_called_a_transaction_is_an_argument() {
    for brackets in [quote!(), quote!(transaction)] {
        let item = quote! {
            async fn f(tx: &mut PgTransaction<'_>, last: Transaction, bank: bank::Transaction<u8>) -> R<()> {}
        };
        let found = codes(&expand::handler(Kind::Activity, brackets.clone(), item));
        assert_eq!(found, if brackets.is_empty() { vec!["DX1013"] } else { vec![] });
    }
}

#[test]
fn an_activity_in_a_transaction_is_declared_like_any_other() {
    let expanded = expand::handler(
        Kind::Activity,
        quote!(transaction),
        quote!(
            async fn book(tx: &mut PgTransaction<'_>, cents: u64) -> Result<()>;
        ),
    )
    .to_string();
    assert!(expanded.contains("fn call"), "{expanded}");
    assert!(!expanded.contains("PgTransaction") && !expanded.contains("inventory"), "{expanded}");
}

#[test]
fn an_activity_without_body_is_declared_and_not_registered() {
    let expanded = expand::handler(
        Kind::Activity,
        quote!(),
        quote!(
            async fn render(order: Order) -> Result<Pdf>;
        ),
    )
    .to_string();
    assert!(expanded.contains("fn call"), "{expanded}");
    assert!(!expanded.contains("inventory") && !expanded.contains("async fn render"), "{expanded}");
}

#[test]
fn an_activity_may_do_what_an_orchestration_must_not() {
    let body = quote! { async fn f() -> Result<(), String> { std::fs::read("x"); rand::random(); Ok(()) } };
    assert!(errors(&expand::handler(Kind::Activity, quote!(), body)).is_empty());
}

#[test]
fn every_rule_finds_its_calls_however_they_are_written() {
    let cases = [
        (quote!(std::time::SystemTime::now();), "DX0001"),
        (quote!(time::Instant::now();), "DX0001"),
        (quote!(::chrono::Utc::now();), "DX0001"),
        (quote!(list.map(Instant::now);), "DX0001"),
        (quote!(rand::rng().random();), "DX0002"),
        (quote!(Uuid::new_v4();), "DX0002"),
        (quote!(tokio::time::timeout(d, f);), "DX0003"),
        (quote!(handle.block_on(f);), "DX0003"),
        (quote!(tokio::spawn(f);), "DX0004"),
        (quote!(let set = JoinSet::new();), "DX0004"),
        (quote!(fs::read("x");), "DX0005"),
        (quote!(std::fs::File::open("x");), "DX0005"),
        (quote!(reqwest::Client::new();), "DX0005"),
        (quote!(if let Ok(x) = std::env::var("x") {}), "DX0006"),
        (quote!(let f = || async { process::id() };), "DX0006"),
        (quote!(futures::select! { a => b };), "DX0007"),
        (quote!(println!("{}", vec![env::var("x"); 2].len());), "DX0006"),
        (quote!(duroxide::select! { _ = f() => fs::read("x"), _ = fs::read("y") => () };), "DX0005"),
        (quote!(duroxide::join!(fs::read("x"));), "DX0005"),
        (quote!(opaque!(x.await => y);), "DX2002"),
        (
            quote!(
                macro_rules! local {
                    ($x:expr) => {
                        $x.await
                    };
                }
            ),
            "DX2002",
        ),
        (
            quote!(
                macro_rules! local {
                    () => {
                        std::fs::read("x")
                    };
                }
            ),
            "DX0005",
        ),
        (quote!(json!({ "at": SystemTime::now() });), "DX0001"),
        (quote!(matches!(x, Some(_) if env::var("X").is_ok());), "DX0006"),
        (quote!(keyed!(a => { b => ::rand::random::<u8>() });), "DX0002"),
        (quote!(futures::poll!(x);), "DX0007"),
        (quote!(futures::pending!();), "DX0007"),
        (quote!(x.now_or_never();), "DX0007"),
        (quote!(StdRng::from_entropy();), "DX0002"),
        (quote!(let rng = rand::rngs::StdRng::from_os_rng();), "DX0002"),
        (quote!(thread_rng();), "DX0002"),
        (quote!(Uuid::new_v7(ts);), "DX0002"),
        (quote!(v.par_iter().map(f);), "DX0004"),
        (quote!(Handle::current().spawn(f);), "DX0004"),
        (quote!(OpenOptions::new().open("x");), "DX0005"),
        (quote!(std::io::stdin().read_line(&mut x);), "DX0005"),
        (quote!(TcpStream::connect(at);), "DX0005"),
        (quote!(reqwest::get("x");), "DX0005"),
        (quote!(chrono::offset::Utc::now();), "DX0001"),
    ];
    for (body, code) in cases {
        let found = codes(&orchestration(body.clone()));
        assert!(!found.is_empty() && found.iter().all(|found| found == code), "{body}: {found:?}");
    }
}

#[test]
fn what_only_looks_similar_is_left_alone() {
    let cases = [
        quote!(my::now();),
        quote!(env!("HOME");),
        quote!(let at = std::net::Ipv4Addr::LOCALHOST;),
        quote!(let e = std::io::Error::other("x"); match e.kind() { std::io::ErrorKind::NotFound => {} _ => {} }),
        quote!(if status == reqwest::StatusCode::OK {}),
        quote!(let missing = std::env::VarError::NotPresent;),
        quote!(json!({ "now": now, "kind": io::ErrorKind::Other, "at": order.now });),
        quote!(Command::new("order");),
        quote!(randomize(&ctx).await;),
        quote!(let time = order.time; time.now();),
        quote!(
            fn inner() {
                std::fs::read("x");
            }
        ),
        quote!(tracing::info!(order.id = %order.id, "no await here");),
        quote!(#[duroxide::allow(DX0005, reason = "tested")] let x = fs::read("x");),
        quote!(let x = #[duroxide::allow(DX0005, reason = "tested")] { fs::read("x") };),
        quote!(#[dx::allow(DX0005, reason = "tested")] println!("{}", fs::read("x"));),
    ];
    for body in cases {
        assert_eq!(errors(&orchestration(body.clone())), Vec::<String>::new(), "{body}");
    }
}

#[test]
fn an_allow_ends_with_what_it_stands_on() {
    let body = quote! {
        #[duroxide::allow(DX0005, reason = "tested")]
        let x = fs::read("x");
        let y = fs::read("y");
    };
    assert_eq!(codes(&orchestration(body)), ["DX0005"]);
}

#[test]
fn all_that_is_wrong_is_told_at_once() {
    let expanded = expand::handler(
        Kind::Orchestration,
        quote!(nam = "x", version = "two", allow(DX9)),
        quote!(
            fn f(order: &str) {
                std::fs::read(order);
            }
        ),
    );
    let found = codes(&expanded);
    assert_eq!(found, ["DX1008", "DX1008", "DX1009", "DX1009", "DX1001", "DX1005", "DX1002", "DX1006", "DX0005"],);
}

#[test]
fn a_half_typed_function_stays_for_the_editor() {
    let item = quote!(async fn charge(order: Order));
    // `quote!` needs balanced brackets; this is as torn as tokens get.
    let torn: TokenStream = item.into_iter().take(3).collect();
    let expanded = expand::handler(Kind::Activity, quote!(), torn.clone());
    assert!(expanded.to_string().starts_with(&torn.to_string()));
    assert_eq!(errors(&expanded).len(), 1);
}

#[test]
fn the_nearest_key_is_offered_and_nothing_far() {
    let told = |brackets| {
        errors(&expand::handler(
            Kind::Activity,
            brackets,
            quote!(
                async fn f() -> R<()> {}
            ),
        ))
        .join("")
    };
    assert!(told(quote!(nmae = "x")).contains("did you mean `name`?"));
    assert!(!told(quote!(zebra)).contains("did you mean"));
    assert!(
        told(quote!(zebra))
            .contains("valid keys are `name`, `tag`, `session`, `transaction`, `retry`, `timeout`, `crate`")
    );
}

#[test]
fn token_soup_is_refused_and_never_panics() {
    let soup = [
        quote!(= = ,),
        quote!(name name),
        quote!(crate),
        quote!(allow),
        quote!(name = ),
        quote!("x"),
        quote!({}),
        quote!(allow(,)),
    ];
    for brackets in soup {
        for kind in [Kind::Activity, Kind::Orchestration, Kind::Durable] {
            for item in [
                quote!(),
                quote!(
                    struct S;
                ),
                quote!(async fn),
                quote!(async fn f(self, _: u8, ..) {}),
            ] {
                let expanded = expand::handler(kind, brackets.clone(), item.clone());
                assert!(!errors(&expanded).is_empty(), "{kind:?} {brackets} {item}");
            }
        }
        assert!(
            !errors(&expand::event::expand(
                brackets.clone(),
                quote!(
                    struct S;
                )
            ))
            .is_empty(),
            "{brackets}"
        );
        crate::race::select(brackets.clone());
        crate::race::join(brackets);
    }
}

#[test]
fn every_mistake_in_a_signature_has_its_code_and_a_twin_without_it() {
    use Kind::{Activity, Durable, Orchestration};
    let cases = [
        (
            Activity,
            quote!(
                struct S;
            ),
            quote!(
                async fn f() -> R {}
            ),
            "DX1000",
        ),
        (
            Activity,
            quote!(
                fn f() -> R {}
            ),
            quote!(
                async fn f() -> R {}
            ),
            "DX1001",
        ),
        (
            Durable,
            quote!(
                fn f() {}
            ),
            quote!(
                async fn f() {}
            ),
            "DX1001",
        ),
        (
            Orchestration,
            quote!(
                async fn f() -> R {}
            ),
            quote!(
                async fn f(ctx: OrchestrationContext) -> R {}
            ),
            "DX1002",
        ),
        (
            Activity,
            quote!(
                async fn f<T>(a: T) -> R {}
            ),
            quote!(
                async fn f(a: T) -> R {}
            ),
            "DX1003",
        ),
        (
            Activity,
            quote!(
                async fn f(a: impl T) -> R {}
            ),
            quote!(
                async fn f(a: Box<dyn T>) -> R {}
            ),
            "DX1003",
        ),
        (
            Activity,
            quote!(
                async fn f((a, b): (u8, u8)) -> R {}
            ),
            quote!(
                async fn f(a: (u8, u8)) -> R {}
            ),
            "DX1004",
        ),
        (
            Activity,
            quote!(
                async fn f(a: Vec<&str>) -> R {}
            ),
            quote!(
                async fn f(a: Vec<String>) -> R {}
            ),
            "DX1005",
        ),
        (
            Activity,
            quote!(
                async fn f() -> R<&str> {}
            ),
            quote!(
                async fn f() -> R<String> {}
            ),
            "DX1005",
        ),
        (
            Activity,
            quote!(
                async fn f() -> u8 {}
            ),
            quote!(
                async fn f() -> R {}
            ),
            "DX1006",
        ),
        (
            Activity,
            quote!(
                async unsafe fn f() -> R {}
            ),
            quote!(
                async fn f() -> R {}
            ),
            "DX1007",
        ),
        (
            Activity,
            quote!(
                async fn f(self) -> R {}
            ),
            quote!(
                async fn f(this: T) -> R {}
            ),
            "DX1007",
        ),
        (
            Durable,
            quote!(
                async fn f();
            ),
            quote!(
                async fn f() {}
            ),
            "DX1010",
        ),
        (
            Orchestration,
            quote!(
                async fn f(ctx: OrchestrationContext, #[state] a: T) -> R {}
            ),
            quote!(
                async fn f(ctx: OrchestrationContext, a: T) -> R {}
            ),
            "DX1011",
        ),
    ];
    for (kind, wrong, right, code) in cases {
        assert_eq!(codes(&expand::handler(kind, quote!(), wrong.clone())), [code], "{wrong}");
        assert_eq!(codes(&expand::handler(kind, quote!(), right.clone())), Vec::<String>::new(), "{right}");
    }
}

/// What the table of a body says, in order.
fn asks(body: TokenStream) -> Vec<String> {
    let text = orchestration(body).to_string().replace(' ', "").replace("::core::line!()", "LINE");
    let Some((_, table)) = text.split_once("[::duroxide::__private::Ask]=&[") else { return Vec::new() };
    let table = table.split_once("];").expect("the table ends").0;
    table.split("::duroxide::__private::Ask::").skip(1).map(|ask| ask.trim_end_matches(',').to_owned()).collect()
}

#[test]
fn what_a_body_asks_for_is_written_down_with_its_line() {
    let table: [(TokenStream, &[&str]); 12] = [
        (quote!(ctx.wait::<Approved>().await), &[r#"event("Approved",LINE)"#]),
        (quote!(ctx.queue::<shop::Mail<u8>>().await), &[r#"queue("shop::Mail",LINE)"#]),
        (quote!(ctx.timer("1m 30s").await), &["timer(90000u64,LINE)"]),
        (quote!(ctx.schedule_timer(std::time::Duration::from_secs(5)).await), &["timer(5000u64,LINE)"]),
        (quote!(ctx.timer(length).await), &["timer(0u64,LINE)"]),
        (quote!(bank::charge::call(&ctx, 1).await), &[r#"call("bank::charge",LINE)"#]),
        (quote!(ctx.schedule_activity("ship", "").await), &[r#"call_named("ship",LINE)"#]),
        (quote!(ctx.schedule_wait(name).await), &[]),
        // Functions that are given the context, and no others.
        (
            quote!(law::settle(&ctx).await, self.judge(1).await, plain(1), x.f(1)),
            &[r#"helper("law::settle")"#, r#"helper("judge")"#],
        ),
        (
            quote!(duroxide::select! { _ = ctx.wait::<A>() => {}, _ = ctx.timer("1s") => b::call(&ctx).await }),
            &[r#"event("A",LINE)"#, "timer(1000u64,LINE)", r#"call("b",LINE)"#],
        ),
        (
            quote!(select! { _ = ctx.wait::<A>() => {}, _ = ctx.wait::<B>() => {} }),
            &[r#"event("A",LINE)"#, r#"event("B",LINE)"#],
        ),
        // What is not of the body, or may not be there.
        (
            quote! {
                #[cfg(test)]
                let a = ctx.wait::<A>();
                async fn inner(ctx: OrchestrationContext) { ctx.wait::<B>() }
            },
            &[],
        ),
    ];
    for (body, expected) in table {
        // As one expression, or as statements.
        let statements = if body.to_string().contains("let a") { body.clone() } else { quote!(f(#body);) };
        assert_eq!(asks(statements), expected, "{body}");
    }
}
