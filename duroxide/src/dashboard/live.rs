//! Pages that stay true: the parts of a page that changed, as server-sent events.
//!
//! Whoever looks at the same page shares one look at the store, at most once a second. A page that takes long to make is
//! made less often, so that watching costs little of what the store can do.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Extension;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use serde::Deserialize;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::Instant;

use super::guard::Visitor;
use super::pages::{Page, View};
use super::{Shared, Sight};

/// Streams at once, of all viewers; further ones read the pages without.
const STREAMS_MAX: usize = 64;
/// Between two looks at the store.
const PERIOD: Duration = Duration::from_secs(1);
/// A page is looked at for a twentieth of the time at most.
const REST: u32 = 19;
/// How long a stream lasts. Then the browser asks for another one, and whoever may not look any more is not let in.
const STREAM: Duration = Duration::from_secs(60);
/// How soon it asks.
const RETURN: Duration = Duration::from_millis(500);

/// The parts of a page, as they were sent.
type Parts = Arc<Vec<(&'static str, String)>>;

/// A page, and whether its viewer may act.
type Watched = (Page, bool);

/// What is being watched.
pub(super) struct Live {
    sight: Sight,
    room: Arc<Semaphore>,
    watched: Arc<Mutex<HashMap<Watched, watch::Sender<Parts>>>>,
}

/// Which page, as its address is.
#[derive(Deserialize)]
pub(super) struct Asked {
    page: String,
}

/// `GET live?page=…`
pub(super) async fn stream(
    State(shared): State<Arc<Shared>>,
    Extension(visitor): Extension<Visitor>,
    Query(asked): Query<Asked>,
) -> Response {
    let page = format!("/{}", asked.page.trim_start_matches('/')).parse().ok().and_then(|uri| Page::of(&uri));
    let Some(page) = page else {
        return (StatusCode::NOT_FOUND, "there is no such page").into_response();
    };
    let Ok(permit) = shared.live.room.clone().try_acquire_owned() else {
        return (StatusCode::SERVICE_UNAVAILABLE, "too many pages are watched already").into_response();
    };
    let seen = shared.live.watch((page.watched(), visitor.action_token.is_some()));
    let viewer = Viewer { seen, sent: HashMap::new(), until: Instant::now() + STREAM, _permit: permit };
    let changes = stream::unfold(viewer, |mut viewer| async move {
        let parts = viewer.next().await?;
        let event = Event::default().event("parts").retry(RETURN).data(parts);
        Some((Ok::<_, Infallible>(event), viewer))
    });
    Sse::new(changes).keep_alive(KeepAlive::default()).into_response()
}

impl Live {
    pub(super) fn new(sight: Sight) -> Self {
        Live { sight, room: Arc::new(Semaphore::new(STREAMS_MAX)), watched: Arc::default() }
    }

    /// What is seen of a page from now on; whoever is the first sets out to look.
    fn watch(&self, page: Watched) -> watch::Receiver<Parts> {
        let mut watched = self.watched.lock().unwrap_or_else(PoisonError::into_inner);
        match watched.entry(page.clone()) {
            Entry::Occupied(known) => {
                let mut receiver = known.get().subscribe();
                // What was seen last may be newer than what the viewer's page shows.
                receiver.mark_changed();
                receiver
            }
            Entry::Vacant(place) => {
                let (sender, receiver) = watch::channel(Parts::default());
                place.insert(sender);
                tokio::spawn(look(self.sight.clone(), self.watched.clone(), page));
                receiver
            }
        }
    }
}

/// Looks at a page again and again, for as long as somebody watches.
async fn look(sight: Sight, all: Arc<Mutex<HashMap<Watched, watch::Sender<Parts>>>>, watched: Watched) {
    loop {
        let begun = Instant::now();
        let view = watched.0.view(&sight, watched.1).await;
        {
            let mut all = all.lock().unwrap_or_else(PoisonError::into_inner);
            let Some(sender) = all.get(&watched) else {
                return;
            };
            if sender.is_closed() {
                all.remove(&watched);
                return;
            }
            // A store that fails now may answer the next time; what was seen stays.
            if let Ok(view) = view {
                sender.send_if_modified(|parts| replace(parts, view));
            }
        }
        tokio::time::sleep(PERIOD.max(begun.elapsed() * REST)).await;
    }
}

fn replace(parts: &mut Parts, view: View) -> bool {
    let new: Vec<_> = view.into_live().map(|(id, part)| (id, part.into_string())).collect();
    let is_new = **parts != new;
    if is_new {
        *parts = Arc::new(new);
    }
    is_new
}

/// One stream.
struct Viewer {
    seen: watch::Receiver<Parts>,
    sent: HashMap<&'static str, String>,
    until: Instant,
    _permit: OwnedSemaphorePermit,
}

impl Viewer {
    /// The parts that are new, as JSON by their ids; waits until there are some. Nothing at the end of the stream.
    async fn next(&mut self) -> Option<String> {
        loop {
            tokio::time::timeout_at(self.until, self.seen.changed()).await.ok()?.ok()?;
            let parts = self.seen.borrow_and_update().clone();
            let mut new = serde_json::Map::new();
            for (id, part) in parts.iter() {
                if self.sent.get(id) != Some(part) {
                    self.sent.insert(id, part.clone());
                    new.insert((*id).to_owned(), part.clone().into());
                }
            }
            if !new.is_empty() {
                return Some(serde_json::Value::Object(new).to_string());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_stream_ends_after_a_while_even_if_nothing_is_new() {
        let (sender, seen) = watch::channel(Parts::default());
        let room = Arc::new(Semaphore::new(1));
        let permit = room.clone().try_acquire_owned().unwrap();
        let begun = Instant::now();
        let mut viewer = Viewer { seen, sent: HashMap::new(), until: begun + STREAM, _permit: permit };
        sender.send_replace(Arc::new(vec![("part", "new".to_owned())]));
        assert_eq!(viewer.next().await.as_deref(), Some(r#"{"part":"new"}"#));
        // What is the same is not sent again, and does not keep a stream.
        sender.send_replace(Arc::new(vec![("part", "new".to_owned())]));
        assert_eq!(viewer.next().await, None);
        assert_eq!(begun.elapsed(), STREAM);
    }
}
