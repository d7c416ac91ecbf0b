//! What the macros cannot see and clippy can, with the `clippy.toml` that users copy.
//!
//! `cargo xtask test net` requires a finding with its code on each line that ends in one, and none anywhere else.

#[cfg(mistakes)]
mod mistakes {
    use std::collections::HashMap as Table;
    use std::env as surroundings;
    use std::sync::atomic::AtomicU64 as Counter;
    use std::time::SystemTime as Clock;
    use std::{fs as files, process as program, thread as strand};

    use duroxide::{OrchestrationContext, activity, durable, orchestration};

    use std::println as say;

    #[orchestration]
    pub async fn checkout(ctx: OrchestrationContext) -> Result<u64, String> {
        let started = Clock::now(); // DX0001
        strand::sleep(std::time::Duration::ZERO); // DX0003
        let handle = strand::spawn(|| 1); // DX0004
        let orders = files::read("orders.json"); // DX0005
        let home = surroundings::var("HOME"); // DX0006
        let pids = (0..2).map(|_| program::id()).collect::<Vec<_>>(); // DX0006
        let prices: Table<u8, u8> = Default::default(); // DX0008
        let counter = Counter::new(0); // DX0010
        say!("{prices:?} {counter:?}"); // DX0009
        let later = async { Clock::now() }; // DX0001
        later.await;
        let raced = duroxide::select! {
            _ = ctx.timer("1s") => Some(Clock::now()), // DX0001
            _ = ctx.timer("2s") => None,
        };
        let _ = (started, handle, orders, home, pids, raced);
        Ok(1)
    }

    #[durable]
    async fn helper(ctx: &OrchestrationContext) -> usize {
        ctx.timer("1s").await;
        surroundings::args().count() // DX0006
    }

    // For clippy an allow of the whole function covers all codes of its lint: it knows no more.
    #[orchestration(allow(DX0006, reason = "only the count of the words"))]
    pub async fn allowed(ctx: OrchestrationContext) -> Result<usize, String> {
        #[duroxide::allow(DX0001, reason = "tested: a statement")]
        let started = std::time::SystemTime::now();
        let again = [
            #[duroxide::allow(DX0001, reason = "tested: an expression")]
            {
                std::time::SystemTime::now()
            },
        ];
        let _ = (started, again, std::env::args().count());
        Ok(helper(&ctx).await)
    }

    #[orchestration]
    pub async fn allowed_at_the_end(_ctx: OrchestrationContext) -> Result<std::time::SystemTime, String> {
        #[duroxide::allow(DX0001, reason = "tested: the value of the function")]
        Ok(std::time::SystemTime::now())
    }

    #[orchestration]
    pub async fn allowed_before(_ctx: OrchestrationContext) -> Result<(), String> {
        #[duroxide::allow(DX0001, reason = "tested: it ends with its statement")]
        let started = std::time::SystemTime::now();
        let caught = Clock::now(); // DX0001
        let _ = (started, caught);
        Ok(())
    }

    #[activity]
    pub async fn anything() -> Result<(), String> {
        let _ = (Clock::now(), files::read("orders.json"), surroundings::var("HOME"));
        say!("activities may");
        Ok(())
    }

    #[allow(dead_code)]
    pub fn ordinary() -> Table<u8, Clock> {
        [(1, Clock::now())].into()
    }
}
