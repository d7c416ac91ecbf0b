//! Orchestrations that call orchestrations.

use duroxide::{CallError, OrchestrationContext, activity, orchestration};

use super::{PATIENCE, World, on_every_store};

#[activity]
async fn greet(name: String) -> Result<String, String> {
    if name.is_empty() { Err("nobody".to_owned()) } else { Ok(format!("Hello, {name}!")) }
}

#[orchestration]
async fn polite(ctx: OrchestrationContext, name: String) -> Result<String, String> {
    Ok(greet::call(&ctx, name).await?)
}

#[orchestration]
async fn party(ctx: OrchestrationContext, names: Vec<String>) -> Result<Vec<String>, String> {
    let mut greetings = Vec::new();
    for name in names {
        match polite::call(&ctx, name).await {
            Ok(greeting) => greetings.push(greeting),
            Err(CallError::App(error)) => greetings.push(error),
            Err(other) => return Err(other.to_string()),
        }
    }
    Ok(greetings)
}

#[orchestration]
async fn named_child(ctx: OrchestrationContext) -> Result<String, String> {
    Ok(polite::call(&ctx, "Ada".to_owned()).id("the-child").await?)
}

on_every_store!(children_answer_their_parent, a_child_may_have_an_id_of_its_own);

async fn children_answer_their_parent(world: &World) {
    let handle = party::start(&world.client, "p-1", vec!["Ada".to_owned(), String::new()]).await.unwrap();
    assert_eq!(handle.wait(PATIENCE).await.unwrap(), ["Hello, Ada!", "nobody"]);
    let tree = world.client.get_instance_tree("p-1").await.unwrap();
    assert_eq!(tree.size(), 3);
}

async fn a_child_may_have_an_id_of_its_own(world: &World) {
    let handle = named_child::start(&world.client, "n-1").await.unwrap();
    assert_eq!(handle.wait(PATIENCE).await.unwrap(), "Hello, Ada!");
    assert_eq!(polite::attach(&world.client, "the-child").wait(PATIENCE).await.unwrap(), "Hello, Ada!");
}
