//! What is found in a body and what is not, as tables.

use proc_macro2::TokenStream;
use quote::quote;

use super::{codes, errors, orchestration};
use crate::ast::Kind;
use crate::expand;

/// The codes of the warnings, in order.
fn warnings(tokens: &TokenStream) -> Vec<String> {
    let text = tokens.to_string();
    text.split("deprecated (note = \"").skip(1).map(|rest| rest.chars().take(6).collect()).collect()
}

fn found(body: TokenStream) -> (Vec<String>, Vec<String>) {
    let expanded = orchestration(body);
    (codes(&expanded), warnings(&expanded))
}

#[test]
fn warnings_find_what_they_are_for() {
    let cases = [
        (quote!(let m: HashMap<u8, u8> = f();), "DX0008"),
        (quote!(let m = std::collections::HashSet::new();), "DX0008"),
        (quote!(f::<HashMap<u8, u8>>();), "DX0008"),
        (quote!(if let Some(x) = m as Option<RandomState> {}), "DX0008"),
        (quote!(println!("x");), "DX0009"),
        (quote!(let f = || tracing::info!(a = %b, "x");), "DX0009"),
        (quote!(log::warn!("x");), "DX0009"),
        (quote!(let x = std::dbg!(1);), "DX0009"),
        (
            quote!(
                static ORDERS: u8 = 0;
            ),
            "DX0010",
        ),
        (quote!(let m = Arc::new(Mutex::new(0));), "DX0010"),
        (quote!(let n = std::sync::atomic::AtomicU64::new(0);), "DX0010"),
        (quote!(counter.fetch_add(1, order);), "DX0010"),
        (quote!(TOTAL.lock();), "DX0010"),
        (quote!(crate::TOTAL.with(|x| x);), "DX0010"),
        (
            quote!(lazy_static! {
                static ref X: u8 = 0;
            }),
            "DX0010",
        ),
        (quote!(let _ = charge::call(&ctx, 1);), "DX0012"),
        (quote!(let _ = billing::charge::call(&ctx, 1).tag("x").timeout("1s");), "DX0012"),
        (quote!(let _ = ctx.schedule_timer(d);), "DX0012"),
        (quote!(let _ = ctx.schedule_activity("a", "b").with_tag("x");), "DX0012"),
        (quote!(let _ = ctx.timer("1h");), "DX0012"),
        (quote!(let _ = ctx.wait::<Approved>();), "DX0012"),
        (quote!(let _ = (&self.ctx).queue::<Approved>();), "DX0012"),
        (quote!(let _ = ctx.now();), "DX0012"),
        (quote!(let _ = watch::continue_as_new(&ctx, 1).latest();), "DX0012"),
        (quote!(std::println!("x");), "DX0009"),
        (quote!(json!({ "m": HashMap::new() });), "DX0008"),
        (quote!(let d = started.elapsed();), "DX0013"),
        (quote!(vec![started.elapsed()];), "DX0013"),
    ];
    for (body, code) in cases {
        let (errors, warnings) = found(body.clone());
        assert_eq!((errors.as_slice(), warnings.as_slice()), (&[][..], &[code.to_owned()][..]), "{body}");
    }
}

#[test]
fn what_only_looks_like_a_warning_is_left_alone() {
    let cases = [
        quote!(let m: BTreeMap<u8, u8> = f();),
        quote!(hash_map(HASHMAP);),
        quote!(
            const LIMIT: u8 = 0;
        ),
        quote!(LIMITS.get(0); LIMIT.min(1); A.lock();),
        quote!(file.lock();),
        quote!(let _ = charge::call(&ctx, 1).await;),
        quote!(let _ = charge(&ctx); let _ = call(&ctx); let _unused = charge::call(&ctx);),
        quote!(let _ = ctx.schedule_orchestration("a", "b", "c");),
        quote!(let _ = barrier.wait(); let _ = jobs.queue(1); let _ = ctx.timer("1h").await;),
        quote!(let text = PREFIX.replace("a", "b"); let first = WORDS.take(1);),
        quote!(let x = ctx.schedule_timer(d); let _ = x.await;),
        quote!(writeln!(text, "x");),
        quote!(
            fn inner() {
                println!("not part of it");
            }
        ),
    ];
    for body in cases {
        assert_eq!(found(body.clone()), (Vec::new(), Vec::new()), "{body}");
    }
}

#[test]
fn a_loop_is_endless_when_nothing_leaves_it() {
    let endless = [
        quote!(loop {}),
        quote!(for n in 0.. {
            x(n);
        }),
        quote!(while true {
            ctx.timer("1h").await;
        }),
        quote!(loop {
            f().await?;
        }),
        quote!(loop {
            for x in y {
                break;
            }
        }),
        quote!(loop {
            'inner: loop {
                break 'inner;
            }
        }),
        quote!(loop {
            'block: {
                break 'block;
            }
        }),
        quote!(loop {
            let f = || return 1;
        }),
        quote!(loop {
            let f = async {
                return 1;
            };
        }),
        quote!(loop {
            fn f() -> u8 {
                return 1;
            }
        }),
        quote!(if x {
            loop {
                y();
            }
        }),
        quote!(loop {
            duroxide::select! { _ = f() => loop { break }, _ = g() => () }
        }),
        quote!(vec![async { loop { x().await; } }];),
    ];
    let left = [
        quote!(loop {
            break;
        }),
        quote!(loop {
            if x {
                return Ok(());
            }
        }),
        quote!('outer: loop {
            loop {
                break 'outer;
            }
        }),
        quote!(loop {
            'block: {
                break;
            }
        }),
        quote!(loop {
            match x {
                1 => break,
                _ => {}
            }
        }),
        quote!(loop {
            watch::continue_as_new(&ctx).await?;
        }),
        quote!(loop {
            ctx.continue_as_new_typed(&1).await;
        }),
        quote!(loop {
            duroxide::select! { _ = f() => break, _ = g() => () }
        }),
        quote!(loop {
            let Some(x) = y else { return Ok(()) };
        }),
        quote!(loop {
            strange! { x ; return => }
        }),
        quote!(while x {}),
        quote!(for x in y {}),
        quote!(for n in 0..9 {}),
        quote!(for n in 0.. {
            break;
        }),
    ];
    let is_endless = |body: &TokenStream| warnings(&orchestration(body.clone())).contains(&"DX0011".to_owned());
    for body in endless {
        assert!(is_endless(&body), "{body}");
    }
    for body in left {
        assert!(!is_endless(&body), "{body}");
    }
}

#[test]
fn an_inner_loop_that_leaves_an_outer_one_is_left_too() {
    let (_, warnings) = found(quote!('outer: loop {
        loop {
            break 'outer;
        }
    }));
    assert_eq!(warnings, Vec::<String>::new());
    let (_, warnings) = found(quote!(loop {
        loop {
            x();
        }
    }));
    assert_eq!(warnings, ["DX0011", "DX0011"]);
}

#[test]
fn the_worst_state_is_an_error() {
    for body in [
        quote!(
            static mut X: u8 = 0;
        ),
        quote!(thread_local! { static X: u8 = 0; }),
    ] {
        let (errors, warnings) = found(body.clone());
        assert_eq!((errors, warnings), (vec!["DX0010".to_owned()], Vec::new()), "{body}");
    }
}

#[test]
fn an_allow_is_used_wherever_the_finding_stands_below_it() {
    let allow = |code: TokenStream, rest: TokenStream| quote!(#[duroxide::allow(#code, reason = "tested")] #rest);
    let cases = [
        allow(quote!(DX0008), quote!(let m: HashMap<u8, u8> = f();)),
        allow(quote!(DX0009), quote!(println!("x");)),
        allow(
            quote!(DX0010),
            quote!(
                static X: u8 = 0;
            ),
        ),
        allow(
            quote!(DX0010),
            quote!(
                static mut X: u8 = 0;
            ),
        ),
        allow(
            quote!(DX0011),
            quote!(loop {
                x();
            }),
        ),
        allow(quote!(DX0012), quote!(let _ = x::call(&ctx);)),
        allow(quote!(DX0013), quote!(let x = y.elapsed();)),
        allow(quote!(DX0001, DX0006), quote!(let x = (Instant::now(), std::env::var("x"));)),
        allow(quote!(DX0005), quote!(let x = vec![|| { fs::read("x") }];)),
        quote!(let x = f(#[duroxide::allow(DX0005, reason = "tested")] { fs::read("x") });),
        quote!(duroxide::select! { _ = f() => #[duroxide::allow(DX0005, reason = "tested")] { fs::read("x") }, _ = g() => () };),
        quote!(println2!("{}", #[duroxide::allow(DX0005, reason = "tested")] { fs::read("x") });),
    ];
    for body in cases {
        assert_eq!(found(body.clone()), (Vec::new(), Vec::new()), "{body}");
        let shown = orchestration(body.clone()).to_string();
        // Our own macros strip what stands in their arms themselves.
        assert!(shown.contains("duroxide :: select") || !shown.contains("duroxide :: allow"), "{shown}");
    }
}

#[test]
fn an_allow_that_nothing_needs_is_told_and_only_that_one() {
    let body = quote! {
        #[duroxide::allow(DX0001, DX0005, reason = "tested")]
        let x = fs::read("x");
        #[duroxide::allow(DX0009, reason = "tested")]
        {
            #[duroxide::allow(DX0009, reason = "the inner one counts")]
            println!("x");
        }
    };
    let (errors, warnings) = found(body);
    assert_eq!(errors, Vec::<String>::new());
    assert_eq!(warnings, ["DX1012", "DX1012"]);
    let whole = expand::handler(
        Kind::Orchestration,
        quote!(allow(DX0005, reason = "tested")),
        quote!(
            async fn f(ctx: OrchestrationContext) -> R {
                1
            }
        ),
    );
    assert_eq!(warnings_of(&whole), ["DX1012"]);
}

fn warnings_of(tokens: &TokenStream) -> Vec<String> {
    warnings(tokens)
}

#[test]
fn a_signature_is_looked_into() {
    let expanded = expand::handler(
        Kind::Durable,
        quote!(),
        quote!(
            async fn f(&mut self, prices: HashMap<u8, u8>) -> HashSet<u8> {}
        ),
    );
    assert_eq!(warnings(&expanded), ["DX0008", "DX0008"]);
    assert!(errors(&expanded).is_empty());
}

#[test]
fn a_method_keeps_its_warnings_inside_where_an_impl_takes_them() {
    let expanded = expand::handler(
        Kind::Durable,
        quote!(),
        quote!(
            async fn f(&self) {
                println!("x");
            }
        ),
    );
    let item: syn::ItemImpl = syn::parse2(quote!(impl X { #expanded })).expect("it fits into an impl");
    assert_eq!(item.items.len(), 1);
}

#[test]
fn clippy_is_told_what_is_allowed_and_where() {
    let shown = |body: TokenStream| orchestration(body).to_string();
    let levels = shown(quote!(Ok(())));
    assert!(levels.starts_with("# [deny (clippy :: disallowed_methods)]"), "{levels}");
    assert!(!levels.contains("allow (clippy :: disallowed"), "{levels}");
    let statement = shown(quote! {
        #[duroxide::allow(DX0001, reason = "tested")]
        let now = SystemTime::now();
        f(#[duroxide::allow(DX0008, reason = "tested")] { HashMap::new() });
        Ok(())
    });
    assert!(statement.contains("# [allow (clippy :: disallowed_methods)] let now"), "{statement}");
    assert!(statement.contains("# [allow (clippy :: disallowed_types)] { f ("), "{statement}");
    let value = shown(quote!(f(); #[duroxide::allow(DX0001, reason = "tested")] { SystemTime::now() }));
    assert!(
        value.contains("# [allow (clippy :: disallowed_methods)] # [allow (clippy :: unused_async)] async fn"),
        "{value}"
    );
}
