//! By which way work goes to a thread that does it: the one that writes, one that reads, or the desk for short reads.

use std::sync::Arc;

use rusqlite::Connection;

use super::SqliteProvider;
use super::error::StoreError;
use super::ready::Wakes;
use super::writer::Durability;
use crate::providers::error::ProviderError;

impl SqliteProvider {
    /// A write that is flushed before it is answered.
    pub(super) async fn write<T, F>(&self, operation: &'static str, work: F) -> Result<T, ProviderError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection, &mut Wakes) -> Result<T, StoreError> + Send + 'static,
    {
        self.writer.call(operation, Durability::Flushed, work).await
    }

    /// A write that may change histories otherwise than a turn does.
    pub(super) async fn administer<T, F>(&self, operation: &'static str, work: F) -> Result<T, ProviderError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection, &mut Wakes) -> Result<T, StoreError> + Send + 'static,
    {
        let others = self.writer.others();
        self.write(operation, move |conn, wakes| {
            others.count();
            work(conn, wakes)
        })
        .await
    }

    /// A write that a power cut may take.
    pub(super) async fn lease<T, F>(&self, operation: &'static str, work: F) -> Result<T, ProviderError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection, &mut Wakes) -> Result<T, StoreError> + Send + 'static,
    {
        self.writer.call(operation, Durability::Lease, work).await
    }

    /// A read beside the writer.
    pub(super) async fn read_with<T, F>(&self, operation: &'static str, work: F) -> Result<T, ProviderError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    {
        match &self.readers {
            Some(readers) => Arc::clone(readers).call(operation, work).await,
            None => self.lease(operation, move |conn, _| work(conn)).await,
        }
    }

    /// A read of a row or two.
    pub(super) async fn look<T, F>(&self, operation: &'static str, work: F) -> Result<T, ProviderError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    {
        match &self.desk {
            Some(desk) => desk.call(operation, work).await,
            None => self.lease(operation, move |conn, _| work(conn)).await,
        }
    }
}
