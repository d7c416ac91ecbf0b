//! `ManagementProvider` on our stores: the answers of `ProviderAdmin`.
//!
//! Most methods of the two traits have the same name, and a program may import both. The methods of the type itself
//! come first, so that such a program compiles and need not say which it means.

/// Implements `ManagementProvider` for types that implement `ProviderAdmin`.
macro_rules! management_provider {
    ($($store:ty),+) => {$(
        $crate::providers::legacy::management_provider! { @methods $store;
            /// All instance ids, newest first.
            list_instances() -> Vec<String>;
            /// Instance ids whose current execution has this status.
            list_instances_by_status(status: &str) -> Vec<String>;
            /// Execution ids, ascending; empty for an unknown instance.
            list_executions(instance: &str) -> Vec<u64>;
            /// The newest execution id, 1 if there is none.
            latest_execution_id(instance: &str) -> u64;
            /// One instance; an unknown one is a permanent error that says `not found`.
            get_instance_info(instance: &str) -> $crate::providers::InstanceInfo;
            /// One execution; an unknown one is a permanent error that says `not found`.
            get_execution_info(instance: &str, execution_id: u64) -> $crate::providers::ExecutionInfo;
            /// Totals.
            get_system_metrics() -> $crate::providers::SystemMetrics;
            /// Rows nobody holds, delayed ones included.
            get_queue_depths() -> $crate::providers::QueueDepths;
        }
    )+};
    (@methods $store:ty; $($(#[$doc:meta])+ $name:ident($($arg:ident: $of:ty),*) -> $answer:ty;)+) => {
        impl $store {$(
            $(#[$doc])+
            ///
            /// # Errors
            /// As the store answers.
            pub async fn $name(&self, $($arg: $of),*) -> Result<$answer, $crate::providers::ProviderError> {
                $crate::providers::ProviderAdmin::$name(self, $($arg),*).await
            }
        )+}

        #[async_trait::async_trait]
        impl $crate::providers::ManagementProvider for $store {
            $(
                async fn $name(&self, $($arg: $of),*) -> Result<$answer, $crate::providers::ProviderError> {
                    $crate::providers::ProviderAdmin::$name(self, $($arg),*).await
                }
            )+

            async fn read_execution(
                &self,
                instance: &str,
                execution_id: u64,
            ) -> Result<Vec<$crate::providers::Event>, $crate::providers::ProviderError> {
                $crate::providers::ProviderAdmin::read_history_with_execution_id(self, instance, execution_id).await
            }
        }
    };
}

pub(crate) use management_provider;

management_provider!(super::memory::MemoryProvider, super::encoded::Encoded);
#[cfg(feature = "sqlite")]
management_provider!(super::sqlite::SqliteProvider);
#[cfg(feature = "postgres")]
management_provider!(super::postgres::PostgresProvider);
