//! By which way work goes to a thread that does it: the one that writes, one that reads, or the desk for short reads.

use std::sync::Arc;
use std::time::Duration;

use rusqlite::Connection;

use super::error::StoreError;
use super::jobs::Durability;
use super::ready;
use super::row::MessageRow;
use super::wakes::Wakes;
use super::{SqliteProvider, basis, history, room};
use crate::model::event::Event;
use crate::model::work_item::WorkItem;
use crate::providers::error::ProviderError;
use crate::{clock, lease};

impl SqliteProvider {
    /// A write that is flushed before it is answered.
    pub(super) async fn write<T, F>(&self, operation: &'static str, work: F) -> Result<T, ProviderError>
    where
        T: Send + 'static,
        F: FnMut(&Connection, &mut Wakes) -> Result<T, StoreError> + Send + 'static,
    {
        self.writer.call(operation, Durability::Flushed, work).await
    }

    /// A write that may change histories otherwise than a turn does.
    pub(super) async fn administer<T, F>(&self, operation: &'static str, mut work: F) -> Result<T, ProviderError>
    where
        T: Send + 'static,
        F: FnMut(&Connection, &mut Wakes) -> Result<T, StoreError> + Send + 'static,
    {
        let others = self.writer.others();
        let counted = move |conn: &Connection, wakes: &mut Wakes| {
            others.count();
            work(conn, wakes)
        };
        self.writer.call_guarded(operation, counted).await
    }

    /// A write that a power cut may take.
    pub(super) async fn lease<T, F>(&self, operation: &'static str, work: F) -> Result<T, ProviderError>
    where
        T: Send + 'static,
        F: FnMut(&Connection, &mut Wakes) -> Result<T, StoreError> + Send + 'static,
    {
        self.writer.call(operation, Durability::Lease, work).await
    }

    /// A read beside the writer.
    pub(super) async fn read_with<T, F>(&self, operation: &'static str, mut work: F) -> Result<T, ProviderError>
    where
        T: Send + 'static,
        F: FnMut(&Connection) -> Result<T, StoreError> + Send + 'static,
    {
        match &self.readers {
            Some(readers) => Arc::clone(readers).call(operation, work).await,
            None => self.lease(operation, move |conn, _| work(conn)).await,
        }
    }

    /// Enqueues a message, if no more than so many wait for its instance.
    pub(super) async fn enqueue(
        &self,
        item: WorkItem,
        delay: Option<Duration>,
        waiting_max: Option<usize>,
    ) -> Result<(), ProviderError> {
        const OPERATION: &str = "enqueue_for_orchestrator";
        if matches!(item, WorkItem::ActivityExecute { .. }) {
            return Err(ProviderError::permanent(
                OPERATION,
                "expected a message for an orchestration, found ActivityExecute, which belongs to the worker queue",
            ));
        }
        let message = MessageRow::new(&item).map_err(|error| error.during(OPERATION))?;
        self.write(OPERATION, move |conn, wakes| {
            // One that is on its way takes room, too.
            wakes.queue_carried(conn, &message.instance)?;
            if let Some(waiting_max) = waiting_max {
                room::check(conn, &message.instance, waiting_max)?;
            }
            if delay.is_none() && basis::offer(conn, &item, wakes)? {
                return Ok(());
            }
            let now_ms = clock::now_ms();
            let visible_at = lease::until(now_ms, delay.unwrap_or_default());
            ready::enqueue(conn, &message, visible_at, now_ms, wakes)
        })
        .await
    }

    /// A read of a row or two.
    pub(super) async fn look<T, F>(&self, operation: &'static str, mut work: F) -> Result<T, ProviderError>
    where
        T: Send + 'static,
        F: FnMut(&Connection) -> Result<T, StoreError> + Send + 'static,
    {
        match &self.desk {
            Some(desk) => desk.call(operation, work).await,
            None => self.lease(operation, move |conn, _| work(conn)).await,
        }
    }

    /// The events of one execution, or of the newest.
    pub(super) async fn events(
        &self,
        operation: &'static str,
        instance: &str,
        execution_id: Option<u64>,
    ) -> Result<Vec<Event>, ProviderError> {
        let instance = instance.to_owned();
        let stored = self
            .read_with(operation, move |conn| {
                let execution_id = match execution_id {
                    Some(execution_id) => execution_id,
                    None => history::latest_execution(conn, &instance)?,
                };
                Ok(history::load(conn, &instance, execution_id)?)
            })
            .await?;
        history::read(&stored).map_err(|error| error.during(operation))
    }
}
