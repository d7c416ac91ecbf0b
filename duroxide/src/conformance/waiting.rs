//! Laws: what an operator sees of the queues, of rows that could not be read, and of damage; for stores that can tell.
#![allow(missing_docs, reason = "a law's name says what it demands")]

use super::StoreFactory;
use super::case::{AT_ONCE, LONG, SHORT, expect_permanent};
use super::insight::{Seen, telling};
use super::items::{
    NAME, activity, activity_for, adds, ends, identity, in_session, names, nothing, queued, raised, says, scheduled,
    start, tagged, timer,
};
use crate::model::commit::Commit;
use crate::model::filter::{SessionFetchConfig, TagFilter};
use crate::model::insight::{Queue, QueueFigures, QueueRow, RowState};

laws!("waiting":
    queues_are_counted_by_what_rows_wait_for,
    the_oldest_row_that_can_be_taken_tells_since_when,
    a_row_tells_whose_it_is_and_what_it_names,
    a_leased_row_tells_until_when,
    a_ready_row_tells_who_has_its_session,
    a_lease_that_is_over_leaves_its_rows_ready,
    a_message_for_nobody_is_parked,
    a_parked_row_can_be_dropped_and_no_other,
    rows_of_a_queue_come_in_pages,
    rows_of_an_instance_come_from_both_queues,
    a_sound_store_has_no_findings,
    nothing_is_in_quarantine_at_first;
    with hooks:
    what_cannot_be_read_is_quarantined_with_its_reason,
    what_still_cannot_be_read_stays_in_quarantine,
    a_dropped_row_is_gone,
    damage_is_a_finding,
);

pub async fn queues_are_counted_by_what_rows_wait_for(factory: &dyn StoreFactory) {
    let Some(store) = telling(factory).await else { return };
    assert_eq!(store.insight().queue_overview().await.expect("queues are counted"), Default::default());
    store.create("held").await;
    for data in ["1", "2"] {
        store.send(raised("held", data)).await;
    }
    let _turn = store.take().await;
    store.send(raised("held", "3")).await;
    store.send(start("ready")).await;
    store.send_later(start("delayed"), LONG).await;
    store.send(timer("held", store.now_ms() + 200_000)).await;
    for id in 1..4 {
        store.post(activity("held", id)).await;
    }
    let _job = store.take_job().await;
    let given_back = store.take_job().await;
    store.abandon_work_item(&given_back.token, Some(LONG), false).await.expect("the holder may give back");
    store.post(tagged("held", 7, "gpu")).await;
    let found = store.insight().queue_overview().await.expect("queues are counted");
    let figures = |of: &QueueFigures| (of.ready, of.delayed, of.held, of.parked);
    // A timer that is sent by itself is due at once: only a turn delays it.
    let messages = figures(&found.orchestrator);
    assert!(messages == (1, 1, 4, 0) || messages == (1, 2, 3, 0), "{messages:?}");
    assert_eq!(figures(&found.worker), (2, 1, 1, 0));
    assert_eq!(found.quarantined, 0);
}

pub async fn the_oldest_row_that_can_be_taken_tells_since_when(factory: &dyn StoreFactory) {
    let Some(store) = telling(factory).await else { return };
    store.send_later(start("later"), LONG).await;
    let before = store.now_ms();
    store.send(start("i")).await;
    store.post(tagged("i", 1, "gpu")).await;
    let since = store.now_ms();
    store.lapse(SHORT).await;
    store.send(start("j")).await;
    store.post(activity("j", 1)).await;
    let found = store.insight().queue_overview().await.expect("queues are counted");
    for oldest in [found.orchestrator.oldest_ready_at, found.worker.oldest_ready_at] {
        assert!(oldest.is_some_and(|at_ms| (before..=since).contains(&at_ms)), "{oldest:?} of {before}..={since}");
    }
}

pub async fn a_row_tells_whose_it_is_and_what_it_names(factory: &dyn StoreFactory) {
    let Some(store) = telling(factory).await else { return };
    store.send(start("i")).await;
    store.send(raised("i", "secret")).await;
    store.send(queued("i", "secret")).await;
    let told = |row: &QueueRow| (row.kind.clone(), row.name.clone(), row.event_id);
    let messages = store.queue(Queue::Orchestrator).await;
    assert!(messages.iter().all(|row| row.instance_id.as_deref() == Some("i") && row.state == RowState::Ready));
    let expected = [
        ("StartOrchestration".to_owned(), Some(NAME.to_owned()), None),
        ("ExternalRaised".to_owned(), Some("paid".to_owned()), None),
        ("QueueMessage".to_owned(), Some("inbox".to_owned()), None),
    ];
    assert_eq!(messages.iter().map(told).collect::<Vec<_>>(), expected);
    assert!(messages.windows(2).all(|pair| pair[0].id < pair[1].id));
    store.post(activity_for("i", 4, Some("s"), Some("gpu"))).await;
    let row = store.only_row(Queue::Worker).await;
    assert_eq!(told(&row), ("ActivityExecute".to_owned(), Some("Charge".to_owned()), Some(4)));
    assert_eq!((row.session_id.as_deref(), row.tag.as_deref()), (Some("s"), Some("gpu")));
    assert_eq!((row.queue, row.attempts, row.locked_until, row.owner), (Queue::Worker, 0, None, None));
}

pub async fn a_leased_row_tells_until_when(factory: &dyn StoreFactory) {
    let Some(store) = telling(factory).await else { return };
    store.send(start("i")).await;
    store.post(activity("i", 1)).await;
    let before = store.now_ms();
    let (_turn, _job) = (store.take().await, store.take_job().await);
    let lease_ms = u64::try_from(LONG.as_millis()).expect("laws are short");
    let leases = before + lease_ms..=store.now_ms() + lease_ms;
    for queue in [Queue::Orchestrator, Queue::Worker] {
        let row = store.only_row(queue).await;
        assert_eq!((row.state, row.attempts), (RowState::Held, 1), "{row:?}");
        assert!(row.locked_until.is_some_and(|until_ms| leases.contains(&until_ms)), "{row:?}");
        assert!(row.owner.is_some(), "{row:?}");
    }
}

pub async fn a_ready_row_tells_who_has_its_session(factory: &dyn StoreFactory) {
    let Some(store) = telling(factory).await else { return };
    for id in [1, 2] {
        store.post(in_session("i", id, "s")).await;
    }
    let rows = store.queue(Queue::Worker).await;
    assert!(rows.iter().all(|row| row.owner.is_none() && row.locked_until.is_none()), "{rows:?}");
    let session = SessionFetchConfig { owner_id: "slot-7".into(), lock_timeout: LONG };
    let taken = store.fetch_job(LONG, Some(&session), &TagFilter::DefaultOnly).await;
    assert_eq!(taken.map(|job| job.id()), Some(1));
    let rows = store.queue(Queue::Worker).await;
    assert_eq!((rows[0].state, rows[1].state), (RowState::Held, RowState::Ready));
    assert_eq!(rows[1].owner.as_deref(), Some("slot-7"));
    assert!(rows[1].locked_until.is_some_and(|until_ms| until_ms > store.now_ms()), "{rows:?}");
}

pub async fn a_lease_that_is_over_leaves_its_rows_ready(factory: &dyn StoreFactory) {
    let Some(store) = telling(factory).await else { return };
    store.send(start("i")).await;
    store.post(activity("i", 1)).await;
    let (_turn, _job) = (store.take_for(SHORT).await, store.take_job_for(SHORT).await);
    store.lapse(SHORT).await;
    for queue in [Queue::Orchestrator, Queue::Worker] {
        let row = store.only_row(queue).await;
        assert_eq!((row.state, row.attempts), (RowState::Ready, 1), "{row:?}");
        assert_eq!((row.locked_until, row.owner), (None, None), "it says nothing any more");
    }
    let found = store.insight().queue_overview().await.expect("queues are counted");
    assert_eq!((found.orchestrator.ready, found.orchestrator.held), (1, 0));
    assert_eq!((found.worker.ready, found.worker.held), (1, 0));
    assert!(found.orchestrator.oldest_ready_at.is_some() && found.worker.oldest_ready_at.is_some());
}

pub async fn a_message_for_nobody_is_parked(factory: &dyn StoreFactory) {
    let Some(store) = telling(factory).await else { return };
    store.send(raised("nobody", "x")).await;
    store.expect_no_turn("nobody was started").await;
    assert_eq!(store.only_row(Queue::Orchestrator).await.state, RowState::Parked);
    let found = store.insight().queue_overview().await.expect("queues are counted").orchestrator;
    assert_eq!((found.ready, found.parked, found.oldest_ready_at), (0, 1, None));
}

pub async fn a_parked_row_can_be_dropped_and_no_other(factory: &dyn StoreFactory) {
    let Some(store) = telling(factory).await else { return };
    store.send(raised("nobody", "1")).await;
    store.send(raised("nobody", "2")).await;
    store.expect_no_turn("nobody was started").await;
    store.create("i").await;
    store.send(raised("i", "3")).await;
    store.post(activity("i", 1)).await;
    let before = store.queue(Queue::Orchestrator).await;
    let states: Vec<_> = before.iter().map(|row| row.state).collect();
    assert_eq!(states, [RowState::Parked, RowState::Parked, RowState::Ready]);
    match store.insight().drop_parked(before[0].id).await {
        Ok(was_there) => assert!(was_there, "it is there, and parked"),
        // A store need not be able to, and says so.
        Err(error) if !error.is_retryable() => {
            return assert_eq!(store.queue(Queue::Orchestrator).await, before, "refused, with nothing changed");
        }
        Err(error) => panic!("expected an answer, found {error}"),
    }
    assert_eq!(store.queue(Queue::Orchestrator).await, before[1..]);
    let others = [before[0].id, before[2].id, store.only_row(Queue::Worker).await.id + 1_000];
    for id in others {
        assert!(!store.insight().drop_parked(id).await.expect("that is an answer"), "{id} is not parked");
    }
    assert_eq!(store.queue(Queue::Orchestrator).await, before[1..]);
    // What was left is delivered once its instance is there, and what was dropped is not.
    store.send(start("nobody")).await;
    let turns = [store.take().await, store.take().await];
    let late = turns.iter().find(|turn| turn.item.instance == "nobody").expect("it was started");
    assert!(late.item.messages.contains(&raised("nobody", "2")), "{:?}", late.item.messages);
    assert!(!late.item.messages.contains(&raised("nobody", "1")), "{:?}", late.item.messages);
}

pub async fn rows_of_a_queue_come_in_pages(factory: &dyn StoreFactory) {
    let Some(store) = telling(factory).await else { return };
    for n in 0..5 {
        store.send(start(&format!("i-{n}"))).await;
        store.post(activity("i", n + 1)).await;
    }
    for queue in [Queue::Orchestrator, Queue::Worker] {
        let all = store.queue(queue).await;
        assert_eq!(all.len(), 5);
        let mut paged = Vec::new();
        loop {
            let after = paged.last().map(|row: &QueueRow| row.id);
            let page = store.insight().list_queue(queue, after, 2).await.expect("queues are listed");
            assert!(page.len() <= 2);
            if page.is_empty() {
                break;
            }
            paged.extend(page);
        }
        assert_eq!(paged, all);
    }
}

pub async fn rows_of_an_instance_come_from_both_queues(factory: &dyn StoreFactory) {
    let Some(store) = telling(factory).await else { return };
    for instance in ["a", "b"] {
        store.send(start(instance)).await;
        store.post(activity(instance, 1)).await;
    }
    let rows = store.insight().list_rows_of("b").await.expect("rows are listed");
    let expected: Vec<_> = [store.queue(Queue::Orchestrator).await, store.queue(Queue::Worker).await]
        .concat()
        .into_iter()
        .filter(|row| row.instance_id.as_deref() == Some("b"))
        .collect();
    assert_eq!(rows.len(), 2);
    assert_eq!(rows, expected);
    assert_eq!(store.insight().list_rows_of("c").await.expect("rows are listed"), []);
}

pub async fn a_sound_store_has_no_findings(factory: &dyn StoreFactory) {
    let Some(store) = telling(factory).await else { return };
    store.family().await;
    store.post(activity("a-1", 2)).await;
    store.turn("a-1", Commit { cancelled_activities: vec![identity("a-1", 2)], ..nothing() }).await;
    store.turn("b-1", says(ends("Completed", "1"))).await;
    store.send(raised("a-1", "x")).await;
    assert_eq!(store.insight().check_integrity().await.expect("stores can be looked through"), [""; 0]);
}

pub async fn nothing_is_in_quarantine_at_first(factory: &dyn StoreFactory) {
    let Some(store) = telling(factory).await else { return };
    assert_eq!(store.insight().list_quarantined(None, None, 0).await.expect("it is readable"), []);
    assert!(!store.insight().retry_quarantined(1).await.expect("that is an answer"));
    assert!(!store.insight().drop_quarantined(1).await.expect("that is an answer"));
}

/// A store whose activity 2 of `i` and 3 of `j` cannot be read; `None` when it cannot be damaged like this.
async fn damaged(factory: &dyn StoreFactory) -> Option<Seen<'_>> {
    let store = telling(factory).await?;
    for (instance, id) in [("i", 2), ("j", 3)] {
        store.post(activity(instance, id)).await;
        if !store.corrupt_activity(instance, id).await {
            return None;
        }
        let taken = store.fetch_work_item(LONG, AT_ONCE, None, &TagFilter::DefaultOnly).await;
        assert!(!matches!(taken, Ok(Some(_))), "it cannot be read: {taken:?}");
    }
    Some(store)
}

pub async fn what_cannot_be_read_is_quarantined_with_its_reason(factory: &dyn StoreFactory) {
    let Some(store) = damaged(factory).await else { return };
    let rows = store.insight().list_quarantined(None, None, 0).await.expect("it is readable");
    assert_eq!(rows.len(), 2, "{rows:?}");
    let of: Vec<_> = rows.iter().map(|row| (row.instance_id.as_deref(), row.queue)).collect();
    assert_eq!(of, [(Some("i"), Queue::Worker), (Some("j"), Queue::Worker)]);
    for row in &rows {
        assert!(!row.reason.is_empty() && !row.body.is_empty() && row.at_ms <= store.now_ms(), "{row:?}");
    }
    let insight = store.insight();
    assert_eq!(insight.list_quarantined(Some("j"), None, 0).await.expect("it is readable"), rows[1..]);
    assert_eq!(insight.list_quarantined(None, Some(rows[0].id), 0).await.expect("it is readable"), rows[1..]);
    assert_eq!(insight.list_quarantined(None, None, 1).await.expect("it is readable"), rows[..1]);
    assert_eq!(insight.queue_overview().await.expect("queues are counted").quarantined, 2);
}

pub async fn what_still_cannot_be_read_stays_in_quarantine(factory: &dyn StoreFactory) {
    let Some(store) = damaged(factory).await else { return };
    let rows = store.insight().list_quarantined(None, None, 0).await.expect("it is readable");
    expect_permanent(store.insight().retry_quarantined(rows[0].id).await, "");
    assert_eq!(store.insight().list_quarantined(None, None, 0).await.expect("it is readable"), rows);
}

pub async fn a_dropped_row_is_gone(factory: &dyn StoreFactory) {
    let Some(store) = damaged(factory).await else { return };
    let rows = store.insight().list_quarantined(None, None, 0).await.expect("it is readable");
    assert!(store.insight().drop_quarantined(rows[0].id).await.expect("it is there"));
    assert!(!store.insight().drop_quarantined(rows[0].id).await.expect("that is an answer"));
    assert_eq!(store.insight().list_quarantined(None, None, 0).await.expect("it is readable"), rows[1..]);
}

pub async fn damage_is_a_finding(factory: &dyn StoreFactory) {
    let Some(store) = telling(factory).await else { return };
    store.create_with("i", names()).await;
    store.turn("i", adds(vec![scheduled("i", 2)])).await;
    store.corrupt_history("i").await;
    let findings = store.insight().check_integrity().await.expect("stores can be looked through");
    assert!(findings.iter().any(|line| line.contains("`i`")), "{findings:?}");
}
