//! Steps that are undone in reverse when a later one fails.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use duroxide::{OrchestrationContext, activity, durable, orchestration};

use super::{PATIENCE, World, on_every_store};

static TRIPS: AtomicUsize = AtomicUsize::new(0);
/// What was done and undone, by trip: activities are the only place for side effects.
static DIARY: Mutex<Vec<(String, String)>> = Mutex::new(Vec::new());

fn note(trip: &str, what: String) {
    DIARY.lock().unwrap().push((trip.to_owned(), what));
}

#[activity]
async fn book(trip: String, what: String) -> Result<(), String> {
    if what == "hotel" {
        return Err("fully booked".to_owned());
    }
    note(&trip, format!("book {what}"));
    Ok(())
}

#[activity]
async fn unbook(trip: String, what: String) -> Result<(), String> {
    note(&trip, format!("unbook {what}"));
    Ok(())
}

#[durable]
async fn book_all(ctx: &OrchestrationContext, trip: &str, booked: &mut Vec<&'static str>) -> Result<(), String> {
    for what in ["flight", "car", "hotel"] {
        book::call(ctx, trip.to_owned(), what.to_owned()).await?;
        booked.push(what);
    }
    Ok(())
}

#[orchestration]
async fn trip(ctx: OrchestrationContext, name: String) -> Result<(), String> {
    let mut booked = Vec::new();
    let result = book_all(&ctx, &name, &mut booked).await;
    if result.is_err() {
        for what in booked.into_iter().rev() {
            unbook::call(&ctx, name.clone(), what.to_owned()).await?;
        }
    }
    result
}

on_every_store!(a_failed_step_undoes_the_earlier_ones_in_reverse);

async fn a_failed_step_undoes_the_earlier_ones_in_reverse(world: &World) {
    let name = format!("trip-{}", TRIPS.fetch_add(1, Ordering::Relaxed));
    let handle = trip::start(&world.client, "t-1", name.clone()).await.unwrap();
    assert_eq!(handle.wait(PATIENCE).await.unwrap_err().app().as_deref(), Some("fully booked"));
    let diary = DIARY.lock().unwrap();
    let mine: Vec<&str> = diary.iter().filter(|(trip, _)| *trip == name).map(|(_, what)| what.as_str()).collect();
    assert_eq!(mine, ["book flight", "book car", "unbook car", "unbook flight"]);
}
