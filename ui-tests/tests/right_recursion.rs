//! Helpers that call themselves, and methods.
#![deny(warnings)]
#![allow(clippy::all, unreachable_pub, reason = "what rustc warns of is looked for, not style")]
#![allow(dead_code, reason = "only compiled")]

use std::time::Duration;

use duroxide::{OrchestrationContext, durable, orchestration};

#[durable]
async fn countdown(ctx: &OrchestrationContext, n: u64) -> u64 {
    if n == 0 {
        return 0;
    }
    ctx.schedule_timer(Duration::from_secs(1)).await;
    Box::pin(countdown(ctx, n - 1)).await + 1
}

struct Steps {
    done: Vec<String>,
}

impl Steps {
    #[durable]
    async fn step(&mut self, ctx: &OrchestrationContext, name: &str) -> Result<usize, String> {
        let guid = ctx.new_guid().await?;
        self.done.push(format!("{name} {guid}"));
        Ok(self.done.len())
    }

    #[durable]
    async fn finish(self) -> usize {
        self.done.len()
    }
}

#[orchestration]
async fn checkout(ctx: OrchestrationContext) -> Result<u64, String> {
    let mut steps = Steps { done: vec![] };
    for name in ["a", "b"] {
        steps.step(&ctx, name).await?;
    }
    // Borrowed locals, `?` and `return` inside of blocks and loops.
    let sum = async {
        let first = steps.step(&ctx, "c").await?;
        Ok::<_, String>(first)
    }
    .await?;
    let mut retries = 0;
    let answer = loop {
        let mut timer = ctx.timer("1s");
        let answer = duroxide::select! {
            guid = ctx.new_guid() => Some(guid?),
            _ = &mut timer => None,
        };
        if let Some(answer) = answer {
            timer.await;
            break answer;
        }
        retries += 1;
    };
    Ok(countdown(&ctx, 3).await + sum as u64 + retries + answer.len() as u64 + steps.finish().await as u64)
}

#[test]
fn it_compiles() {}
