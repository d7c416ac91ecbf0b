//! One step after the other, with arguments, results and errors of the user's own types.

use std::fmt;

use duroxide::typed::StartError;
use duroxide::{CallError, OrchestrationContext, activity, orchestration};
use serde::{Deserialize, Serialize};

use super::{PATIENCE, World, on_every_store};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Quote {
    city: String,
    cents: u64,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
enum TravelError {
    Unknown { city: String },
}

impl fmt::Display for TravelError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TravelError::Unknown { city } => write!(f, "nobody flies to {city}"),
        }
    }
}

impl From<CallError<TravelError>> for TravelError {
    fn from(error: CallError<TravelError>) -> Self {
        match error {
            CallError::App(error) => error,
            other => TravelError::Unknown { city: other.to_string() },
        }
    }
}

#[activity]
async fn quote(city: String, travellers: u64) -> Result<Quote, TravelError> {
    match city.as_str() {
        "Atlantis" => Err(TravelError::Unknown { city }),
        _ => Ok(Quote { city, cents: 10_000 * travellers }),
    }
}

#[activity]
async fn discount(quote: Quote) -> Result<Quote, TravelError> {
    Ok(Quote { cents: quote.cents / 2, ..quote })
}

#[activity]
async fn motto() -> Result<String, String> {
    Ok("\"quoted\" and plain".to_owned())
}

#[orchestration]
async fn offer(ctx: OrchestrationContext, city: String, travellers: u64) -> Result<(Quote, String), TravelError> {
    let quote = quote::call(&ctx, city, travellers).await?;
    let quote = discount::call(&ctx, quote).await?;
    let motto = motto::call(&ctx).await.map_err(|error| TravelError::Unknown { city: error.to_string() })?;
    Ok((quote, motto))
}

on_every_store!(results_go_from_step_to_step, an_error_arrives_as_its_own_type, a_start_is_idempotent_by_id);

async fn results_go_from_step_to_step(world: &World) {
    let handle = offer::start(&world.client, "o-1", "Rome".to_owned(), 2).await.unwrap();
    let (quote, motto) = handle.wait(PATIENCE).await.unwrap();
    assert_eq!((quote.cents, motto.as_str()), (10_000, "\"quoted\" and plain"));
}

async fn an_error_arrives_as_its_own_type(world: &World) {
    let handle = offer::start(&world.client, "o-1", "Atlantis".to_owned(), 1).await.unwrap();
    let error = handle.wait(PATIENCE).await.unwrap_err();
    assert_eq!(error.app(), Some(TravelError::Unknown { city: "Atlantis".to_owned() }));
}

async fn a_start_is_idempotent_by_id(world: &World) {
    for _ in 0..2 {
        let handle = offer::start(&world.client, "o-1", "Rome".to_owned(), 2).await.unwrap();
        assert_eq!(handle.wait(PATIENCE).await.unwrap().0.cents, 10_000);
    }
    let other = offer::start(&world.client, "o-1", "Rome".to_owned(), 4).await.err();
    assert!(matches!(other, Some(StartError::OtherInput { .. })), "another offer needs another id: {other:?}");
}

#[tokio::test]
async fn an_activity_stays_a_plain_function() {
    assert_eq!(quote("Rome".to_owned(), 3).await.unwrap().cents, 30_000);
}
